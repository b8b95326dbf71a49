// SPDX-License-Identifier: Apache-2.0
// How a node comes into the cluster that etcd keeps, and out of it.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "cluster/announcement.h"
#include "cluster/etcd/etcd_core.h"

namespace henge::cluster {
namespace {

constexpr std::chrono::milliseconds kAgain{500};
constexpr int64_t kJoinMillis = 5000;
constexpr int64_t kResetMillis = 10'000;

}  // namespace

absl::StatusOr<MemberIdentity> EtcdCoordinator::Core::FirstMember() const {
  return MemberIdentity{.node = self_.id.IsZero() ? NodeId::Random() : self_.id};
}

TopologyPtr EtcdCoordinator::Core::Alone(const NodeId& node) const {
  Node self = self_;
  self.id = node;
  return *Topology::ByHand({std::move(self)});
}

// What this node would found the cluster with.
absl::StatusOr<TopologyPtr> EtcdCoordinator::Core::FirstTopology(const NodeId& node) const {
  Node self = self_;
  self.id = node;
  absl::StatusOr<TopologyPtr> alone = Topology::ByHand({std::move(self)});
  if (!alone.ok() || options_.members.empty()) return alone;
  absl::StatusOr<TopologyPtr> first =
      Topology::FromMembers(options_.members, options_.followers, options_.groups_per_node);
  // One that was reset has an id that no configuration knows.
  if (first.ok() && (*first)->Find(node) == nullptr) return alone;
  return first;
}

bool EtcdCoordinator::Core::Keep(MemberIdentity member) {
  if (member == member_) return true;
  if (const absl::Status written = file_.Write(member); !written.ok()) {
    LogError("The node can't note which cluster it is of", {{"error", Std(written.message())}});
    return false;
  }
  member_ = std::move(member);
  return true;
}

// --- What there is in etcd -----------------------------------------------------------------------

void EtcdCoordinator::Core::FollowRecord() {
  if (keys_->is_vacant()) return Found();
  if (!keys_->record()) return;
  const TopologyRecord& record = *keys_->record();
  if (!member_.next.IsZero() && record.topology->Find(member_.next) != nullptr) BecomeNext();
  if (record.topology->Find(member_.node) == nullptr)
    return member_.cluster.empty() ? Join() : BeOut();
  if (Keep({.node = member_.node, .next = member_.next, .cluster = record.cluster}))
    FollowAsMember(record.topology);
}

void EtcdCoordinator::Core::FollowAsMember(const TopologyPtr& topology) {
  if (!std::exchange(entered_, true)) {
    LogNotice("This node is a member of the cluster in etcd",
              {{"key", keys_->topology_key()}, {"version", topology->version()}});
    const TopologyPtr before = bulletin_->topology();
    const bool other = topology->fingerprint() != before->fingerprint();
    if (other && topology->version() <= before->version())
      bulletin_->EnterCluster(member_.node, topology);
  }
  out_ = false;
  bulletin_->Post(topology);
  bulletin_->Tell();
  EndMeetings(absl::OkStatus());
  AnnounceSelf(*topology);
}

void EtcdCoordinator::Core::Found() {
  if (founding_ || Clock::now() < join_again_) return;
  const absl::StatusOr<TopologyPtr> first = FirstTopology(member_.node);
  TopologyRecord record{.cluster = NodeId::Random().str(), .topology = *first};
  absl::StatusOr<std::string> bytes = Encode(record);
  join_again_ = Clock::now() + kAgain;
  if (!bytes.ok()) return;
  etcdserverpb::TxnRequest txn;
  etcdserverpb::Compare& compare = *txn.add_compare();
  compare.set_target(etcdserverpb::Compare::MOD);
  compare.set_key(keys_->topology_key());
  compare.set_mod_revision(0);
  etcdserverpb::PutRequest& put = *txn.add_success()->mutable_request_put();
  put.set_key(keys_->topology_key());
  put.set_value(*std::move(bytes));
  txn.add_failure()->mutable_request_range()->set_key(keys_->topology_key());
  founding_ = true;
  client_->Txn(std::move(txn), options_.call_patience,
               [this, record](const absl::Status& status, const etcdserverpb::TxnResponse& reply) {
                 founding_ = false;
                 if (!status.ok()) return keys_->ReadSoon();
                 if (!reply.succeeded()) return keys_->MeetTopology(reply);
                 LogNotice("This node has founded the cluster in etcd",
                           {{"key", keys_->topology_key()}});
                 keys_->Adopt(record, reply.header().revision());
               });
}

// By the ring a node gets its place once it is known.
std::vector<Change> EtcdCoordinator::Core::JoiningChanges(const Topology& topology,
                                                          const NodeId& node) const {
  Node self = self_;
  self.id = node;
  std::vector<Change> changes = {AddNode{std::move(self)}};
  const PlacementRule& rule = topology.placement();
  if (rule.mode == PlacementMode::kByRing)
    changes.push_back(
        PlaceByRing{.followers = rule.followers, .groups_per_node = rule.groups_per_node});
  return changes;
}

void EtcdCoordinator::Core::Join() {
  if (joining_ || Clock::now() < join_again_) return;
  joining_ = true;
  join_again_ = Clock::now() + kAgain;
  queue_->Ask({.number = NewRequest(),
               .changes = JoiningChanges(*keys_->record()->topology, member_.node),
               .timeout_ms = kJoinMillis,
               .done = [this](const absl::Status& status) {
                 joining_ = false;
                 if (status.ok() || absl::IsAlreadyExists(status)) return;
                 LogWarning("The cluster in etcd has not taken this node in; it asks again",
                            {{"error", Std(status.message())}});
                 EndMeetings(status);
               }});
}

// The reset under another id has gone through.
void EtcdCoordinator::Core::BecomeNext() {
  if (!Keep({.node = member_.next, .next = NodeId(), .cluster = keys_->record()->cluster})) return;
  candidacy_->Resign();
  entered_ = true;
  bulletin_->EnterCluster(member_.node, keys_->record()->topology);
}

void EtcdCoordinator::Core::BeOut() {
  if (std::exchange(out_, true)) return;
  LogNotice("The cluster in etcd has forgotten this node: it is alone until CLUSTER MEET",
            {{"id", member_.node.view()}});
  candidacy_->Resign();
  entered_ = false;
  bulletin_->EnterCluster(member_.node, Alone(member_.node));
  bulletin_->Tell();
  queue_->End("the cluster has forgotten this node");
}

void EtcdCoordinator::Core::EndMeetings(const absl::Status& status) {
  for (const Done& done : std::exchange(meetings_, {})) done(status);
}

// Another address, zone or wish than the topology has: after a restart with another configuration,
// or CONFIG SET.
void EtcdCoordinator::Core::AnnounceSelf(const Topology& topology) {
  const Node* known = topology.Find(member_.node);
  if (known == nullptr || Clock::now() < announce_again_) return;
  Node wanted = self_;
  wanted.id = known->id;
  if (wanted.name.empty()) wanted.name = known->id.str();
  if (wanted.host.empty()) wanted.host = known->host;
  wanted.config_epoch = known->config_epoch;
  wanted.failed = known->failed;
  // Marks that were put on it while it ran stay.
  wanted.no_vote = wanted.no_vote || known->no_vote;
  wanted.leaving = wanted.leaving || known->leaving;
  if (wanted == *known) return;
  announce_again_ = Clock::now() + kAgain;
  queue_->Ask({.number = NewRequest(),
               .changes = {UpdateNode{std::move(wanted)}},
               .done = [](const absl::Status&) {}});
}

// What this node is asked to propose of itself it tells from here on.
void EtcdCoordinator::Core::HearOwn(const Change& change) {
  const auto* update = std::get_if<UpdateNode>(&change);
  if (update != nullptr && update->node.id == member_.node) TakeAnnounced(self_, update->node);
}

// --- What operators ask for ----------------------------------------------------------------------

void EtcdCoordinator::Core::Meet(const std::string& host, uint16_t bus_port, Done done) {
  const auto owed = std::make_shared<Owed>(std::move(done));
  Post([this, host, bus_port, owed] {
    if (out_) return ComeIn(owed->Take());
    const TopologyPtr topology = bulletin_->topology();
    const bool known = std::ranges::any_of(topology->nodes(), [&](const Node& node) {
      return node.host == host && node.bus_port == bus_port;
    });
    if (known) return owed->Take()(absl::OkStatus());
    owed->Take()(absl::FailedPreconditionError(
        "the topology is in etcd: a node joins by its own cluster-etcd-prefix, not by MEET"));
  });
}

void EtcdCoordinator::Core::ComeIn(Done done) {
  if (!Keep({.node = member_.node, .next = NodeId(), .cluster = ""}))
    return done(absl::UnavailableError("the node can't note that it is to join"));
  meetings_.push_back(std::move(done));
  join_again_ = {};
  FollowRecord();
}

void EtcdCoordinator::Core::Reset(bool hard, Done done) {
  const auto owed = std::make_shared<Owed>(std::move(done));
  Post([this, hard, owed] {
    if (resetting_) return owed->Take()(absl::UnavailableError("it is being reset: try again"));
    if (!out_) return ResetAsMember(hard, owed->Take());
    owed->Take()(ResetOutside(hard));
  });
}

// It has nothing of a cluster; who takes a node out for good resets it afterwards.
absl::Status EtcdCoordinator::Core::ResetOutside(bool hard) {
  if (!hard) return absl::OkStatus();
  if (!Keep({.node = NodeId::Random(), .next = NodeId(), .cluster = member_.cluster}))
    return absl::UnavailableError("the node can't note its new id");
  bulletin_->EnterCluster(member_.node, Alone(member_.node));
  bulletin_->Tell();
  return absl::OkStatus();
}

// At one moment it goes and comes again, so that nobody takes it for one that was forgotten.
void EtcdCoordinator::Core::ResetAsMember(bool hard, Done done) {
  if (!entered_) return done(absl::UnavailableError("etcd has not answered yet: try again"));
  const NodeId next = hard ? NodeId::Random() : member_.node;
  if (hard && !Keep({.node = member_.node, .next = next, .cluster = member_.cluster}))
    return done(absl::UnavailableError("the node can't note its new id"));
  std::vector<Change> changes = {ResetNode{member_.node}};
  for (Change& change : JoiningChanges(*keys_->record()->topology, next))
    changes.push_back(std::move(change));
  resetting_ = true;
  queue_->Ask({.number = NewRequest(),
               .changes = std::move(changes),
               .timeout_ms = kResetMillis,
               .done = [this, hard, done = std::move(done)](const absl::Status& status) {
                 resetting_ = false;
                 if (out_) return done(ResetOutside(hard));  // It was forgotten meanwhile.
                 if (status.ok() && !hard) {
                   bulletin_->EnterCluster(member_.node, keys_->record()->topology);
                   bulletin_->Tell();
                 }
                 done(status);
               }});
}

}  // namespace henge::cluster
