// SPDX-License-Identifier: Apache-2.0
// Stays in clusters, one after the other, and what is looked at each round.
#include <absl/strings/str_cat.h>

#include <future>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "cluster/embedded/coordinator_core.h"
#include "cluster/embedded/voters.h"

namespace henge::cluster {
namespace {

constexpr int kTokenDigits = 32;
constexpr std::chrono::milliseconds kFoundAgain{200};
constexpr std::chrono::seconds kRequestPatience{5};

TopologyPtr WithVoters(const Topology& topology, std::vector<NodeId> voters) {
  TopologyParts parts = topology.parts();
  parts.voters = std::move(voters);
  return *Topology::FromParts(std::move(parts));
}

// Of a cluster of one: with the epochs that it knew.
TopologyPtr WithEpochs(const Topology& alone, const Topology& known) {
  TopologyParts parts = alone.parts();
  const Node* before = known.Find(parts.nodes.front().id);
  if (before != nullptr) parts.nodes.front().config_epoch = before->config_epoch;
  parts.epoch = known.epoch();
  parts.groups.front().epoch = known.epoch();
  return *Topology::FromParts(std::move(parts));
}

absl::StatusOr<TopologyPtr> FirstTopology(const EmbeddedOptions& options,
                                          const std::vector<Node>& members) {
  return options.one_group
             ? Topology::OneGroup(members)
             : Topology::FromMembers(members, options.followers, options.groups_per_node);
}

}  // namespace

EmbeddedCoordinator::Core::Core(const EmbeddedOptions& options, persistence::FileSystem& files)
    : options_(options),
      self_(options.self),
      files_(files),
      identity_file_(files, options.directory),
      next_request_(EntropySeed() >> 1 | 1) {}

EmbeddedCoordinator::Core::~Core() {
  door_->Close();
  if (courier_ != nullptr) courier_->Stop();
  client_.reset();
  if (requests_ != nullptr) requests_->EndStay();
  stay_.reset();
  for (Meeting& meeting : meetings_) {
    if (meeting.done) meeting.done(absl::AbortedError("the node stops"));
  }
}

// On the courier's thread, as everything else: the driver's begins to call in the middle of it.
absl::Status EmbeddedCoordinator::Core::Start() {
  courier_ = std::make_unique<Courier>(options_.tick, [this] { OnRound(); });
  std::promise<absl::Status> outcome;
  Post([&] { outcome.set_value(Begin()); });
  return outcome.get_future().get();
}

absl::Status EmbeddedCoordinator::Core::Begin() {
  absl::StatusOr<std::optional<CoordinatorIdentity>> known = identity_file_.Read();
  if (!known.ok()) return known.status();
  if (*known) {
    identity_ = **std::move(known);
  } else {
    absl::StatusOr<CoordinatorIdentity> first = FirstIdentity();
    if (!first.ok()) return first.status();
    identity_ = *std::move(first);
    if (absl::Status written = identity_file_.Write(identity_); !written.ok()) return written;
  }
  identity_file_.RemoveLogsBefore(identity_.stay);
  const auto post = [this](std::function<void()> errand) { Post(std::move(errand)); };
  bulletin_ = std::make_unique<Bulletin>(identity_.node, identity_.first);
  requests_ = std::make_unique<PendingRequests>(post, [this] { bulletin_->Tell(); });
  client_ = std::make_unique<EntryClient>(post);
  leader_seen_ = Clock::now();
  if (identity_.founded) {
    if (absl::Status begun = BeginStay(); !begun.ok()) return begun;
  }
  if (identity_.joining) {
    meetings_.push_back({.host = identity_.joining->host,
                         .bus_port = identity_.joining->bus_port,
                         .deadline = Clock::now() + options_.meeting_patience,
                         .maybe_granted = true,
                         .peer = identity_.joining->peer});
  }
  FollowCluster();
  started_ = true;
  door_->Open(*this, post);
  return absl::OkStatus();
}

CoordinatorIdentity EmbeddedCoordinator::Core::AloneIdentity(const NodeId& node,
                                                             uint64_t stay) const {
  Node self = self_;
  self.id = node;
  CoordinatorIdentity identity{.node = node,
                               .token = RandomHex(kTokenDigits),
                               .peer = RandomPeer(),
                               .stay = stay,
                               .founded = true,
                               .cluster = NodeId::Random().str()};
  identity.first = WithVoters(**Topology::ByHand({std::move(self)}), {node});
  identity.first_members = {{.peer = identity.peer,
                             .node = node,
                             .host = self_.host,
                             .bus_port = self_.bus_port,
                             .voter = true}};
  return identity;
}

absl::StatusOr<CoordinatorIdentity> EmbeddedCoordinator::Core::FirstIdentity() const {
  const NodeId node = self_.id.IsZero() ? NodeId::Random() : self_.id;
  if (options_.members.empty()) {
    Node self = self_;
    self.id = node;
    if (const auto sound = Topology::ByHand({std::move(self)}); !sound.ok()) return sound.status();
    return AloneIdentity(node, 1);
  }
  const auto first = FirstTopology(options_, options_.members);
  if (!first.ok()) return first.status();
  if ((*first)->Find(node) == nullptr)
    return absl::InvalidArgumentError("the node is not among the cluster's members");
  const std::vector<NodeId> voters = FirstVoters((*first)->nodes());
  if (voters.empty()) return absl::InvalidArgumentError("none of the members may vote");
  CoordinatorIdentity identity{.node = node,
                               .token = RandomHex(kTokenDigits),
                               .peer = FoundersPeer(node),
                               .founded = (*first)->nodes().size() == 1,
                               .first = WithVoters(**first, voters)};
  const std::set<NodeId> voting(voters.begin(), voters.end());
  for (const Node& member : (*first)->nodes()) {
    identity.first_members.push_back({.peer = FoundersPeer(member.id),
                                      .node = member.id,
                                      .host = member.host,
                                      .bus_port = member.bus_port,
                                      .voter = voting.contains(member.id)});
  }
  // The same on all who list the same members, in whatever order; what it is named after comes from
  // them alone.
  const TopologyPtr sorted = WithVoters(**FirstTopology(options_, (*first)->nodes()), voters);
  identity.cluster = NodeId::FromName(absl::StrCat("cluster ", sorted->fingerprint())).str();
  return identity;
}

absl::Status EmbeddedCoordinator::Core::BeginStay() {
  const absl::StatusOr<bool> has_log = identity_file_.HasLog(identity_.stay);
  if (!has_log.ok()) return has_log.status();
  if (identity_.begun && !*has_log) {
    return absl::DataLossError(
        absl::StrCat(identity_file_.LogDirectory(identity_.stay),
                     " is gone: remove the whole directory to come back as a new member"));
  }
  StayOptions options{.known = identity_.known};
  const std::string& announced = self_.host;
  options.own = {
      .peer = identity_.peer,
      .node = identity_.node,
      .host = announced.empty() ? identity_.first->Find(identity_.node)->host : announced,
      .bus_port = self_.bus_port};
  options.driver.raft.id = identity_.peer;
  options.driver.raft.seed = EntropySeed();
  options.driver.raft.election_ticks = options_.election_ticks;
  options.driver.wal.directory = identity_file_.LogDirectory(identity_.stay);
  options.driver.first_members = ToMembership(identity_.first_members);
  options.driver.tick = options_.tick;
  options.driver.patience = kRequestPatience;
  options.driver.snapshot_entries = options_.snapshot_entries;
  auto stay = Stay::Begin(options, files_, inbox_, [this](const TopologyPtr& topology) {
    bulletin_->Post(topology);
    Post([this] { FollowCluster(); });
  });
  if (!stay.ok()) return stay.status();
  stay_ = *std::move(stay);
  ++stays_;
  leading_since_.reset();
  strangers_.clear();
  requests_->BeginStay(*stay_);
  if (!identity_.begun) {
    identity_.begun = true;
    if (absl::Status written = identity_file_.Write(identity_); !written.ok()) return written;
  }
  Found();
  return absl::OkStatus();
}

void EmbeddedCoordinator::Core::EndStay() {
  if (stay_ != nullptr) requests_->EndStay();
  stay_.reset();
  changing_peers_ = false;
  settled_version_ = 0;
  asking_whereabouts_ = false;
}

// The identity is what decides: until it is written the node is where it was.
absl::Status EmbeddedCoordinator::Core::MoveTo(CoordinatorIdentity next) {
  if (absl::Status written = identity_file_.Write(next); !written.ok()) return written;
  EndStay();
  identity_ = std::move(next);
  greetings_.clear();
  bulletin_->EnterCluster(identity_.node, identity_.first);
  leader_seen_ = Clock::now();
  if (absl::Status begun = BeginStay(); !begun.ok())
    LogError("consensus can't begin in the new cluster; it is tried again",
             {{"error", Std(begun.message())}});
  identity_file_.RemoveLogsBefore(identity_.stay);
  bulletin_->Tell();
  return absl::OkStatus();
}

absl::Status EmbeddedCoordinator::Core::BeAlone(bool hard, std::string_view why,
                                                const TopologyPtr& known) {
  const NodeId node = hard ? NodeId::Random() : identity_.node;
  LogNotice("this node leaves its cluster and is alone again", {{"why", why}});
  CoordinatorIdentity next = AloneIdentity(node, identity_.stay + 1);
  if (!hard && known != nullptr) next.first = WithEpochs(*next.first, *known);
  const absl::Status moved = MoveTo(std::move(next));
  if (!moved.ok()) LogError("the node can't leave its cluster", {{"error", Std(moved.message())}});
  return moved;
}

// The state machine takes the first founding alone, so it does no harm to propose it again.
void EmbeddedCoordinator::Core::Found() {
  if (identity_.first_members.empty() || !stay_->agreed().cluster().empty()) return;
  if (!stay_->IsLeader() || Clock::now() < founding_again_) return;
  founding_again_ = Clock::now() + kFoundAgain;
  stay_->driver().Propose(EncodeFounding(identity_.cluster, *identity_.first),
                          [](const absl::Status&) {});
}

void EmbeddedCoordinator::Core::OnRound() {
  if (!started_) return;
  if (!identity_.founded) {
    FoundingRound();
  } else if (stay_ == nullptr) {
    if (Clock::now() >= founding_again_) {
      founding_again_ = Clock::now() + std::chrono::seconds(1);
      (void)BeginStay();
    }
  } else {
    Found();
    FollowCluster();
  }
  if (stay_ != nullptr) UpkeepRound();
  MeetingRound();
  requests_->OnRound();
  bulletin_->Tell();
}

// Who leads; whether this node still belongs to the cluster.
void EmbeddedCoordinator::Core::FollowCluster() {
  if (stay_ == nullptr) return;
  bulletin_->PostLeader(stay_->leader());
  if (!stay_->IsLeader()) leading_since_.reset();
  if (stay_->IsLeader() && !leading_since_) leading_since_ = Clock::now();
  if (resetting_) return;  // It goes by itself.
  const TopologyPtr agreed = stay_->agreed().topology();
  const bool forgotten =
      agreed->version() >= identity_.first->version() && agreed->Find(identity_.node) == nullptr;
  if (forgotten || stay_->IsRemoved()) return (void)BeAlone(false, "it was removed");
  requests_->OnRound();  // Some may have waited for this.
  bulletin_->Tell();
}

void EmbeddedCoordinator::Core::Propose(Proposal proposal, ProposalDone done) {
  const auto owed = std::make_shared<Owed>(std::move(done));
  Post([this, proposal = std::move(proposal), owed]() mutable {
    HearOwn(proposal.change);
    const uint64_t number = proposal.request != 0 ? proposal.request : NewRequest();
    requests_->Propose(std::move(proposal), number, owed->Take());
  });
}

void EmbeddedCoordinator::Core::Barrier(int64_t timeout_ms, BarrierDone done) {
  const auto owed = std::make_shared<Owed>(std::move(done));
  Post([this, timeout_ms, owed] { requests_->Barrier(timeout_ms, owed->Take()); });
}

void EmbeddedCoordinator::Core::Reset(bool hard, Done done) {
  const auto owed = std::make_shared<Owed>(std::move(done));
  Post([this, hard, owed] { DoReset(hard, owed->Take()); });
}

// With the others' consent if they answer, so that they need not find out that it is gone.
void EmbeddedCoordinator::Core::DoReset(bool hard, Done done) {
  if (admissions_ > 0 || IsLeaving() || resetting_)
    return done(absl::UnavailableError("the cluster is changing: try again"));
  const auto leave = [this, hard, known = bulletin_->topology(), done = std::move(done)] {
    resetting_ = false;
    done(BeAlone(hard, "it is reset", known));
  };
  if (IsAlone() || stay_ == nullptr) return leave();
  resetting_ = true;
  requests_->Propose({.change = ResetNode{identity_.node}}, NewRequest(),
                     [this, leave](const absl::Status& status) {
                       if (!status.ok())
                         LogWarning("the cluster has not agreed that this node leaves it",
                                    {{"error", Std(status.message())}});
                       Post(leave);
                     });
}

}  // namespace henge::cluster
