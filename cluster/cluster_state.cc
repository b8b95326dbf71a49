// SPDX-License-Identifier: Apache-2.0
#include "cluster/cluster_state.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "cluster/relay.h"

namespace henge::cluster {
namespace {

// As long as Redis keeps nodes that it was told to forget from coming back.
constexpr int64_t kForgottenMicros = 60'000'000;

constexpr std::string_view kFixed =
    "The members and slots of this cluster follow from its configuration";

absl::Status NotIn(const NodeId& me) {
  return absl::InvalidArgumentError(
      absl::StrCat("this node, ", Absl(me.view()), ", is not in the topology"));
}

}  // namespace

ClusterState::ClusterState(bool enabled, const ClusterOptions& options, const Clock& clock)
    : ClusterView(enabled), options_(options), clock_(clock), topology_(Topology::Empty()) {}

std::unique_ptr<ClusterState> ClusterState::Standalone(const NodeId& my_id) {
  std::unique_ptr<ClusterState> state(new ClusterState(false, {.my_id = my_id}, SystemClock()));
  for (int slot = 0; slot < kSlots; ++slot) state->SetPart(static_cast<Slot>(slot), kMine);
  state->SetHealth(ClusterHealth::kOk);
  return state;
}

absl::StatusOr<std::unique_ptr<ClusterState>> ClusterState::Make(const ClusterOptions& options,
                                                                 TopologyPtr topology,
                                                                 const Clock& clock) {
  std::unique_ptr<ClusterState> state(new ClusterState(true, options, clock));
  if (absl::Status status = state->Adopt(std::move(topology)); !status.ok()) return status;
  return state;
}

absl::Status ClusterState::Adopt(TopologyPtr topology) {
  SlotSet lost;
  absl::Status status;
  {
    const std::lock_guard lock(mutex_);
    status = AdoptLocked(std::move(topology), lost);
  }
  TellLost(lost);
  return status;
}

void ClusterState::OnSlotsLost(std::function<void(const SlotSet&)> tell) {
  const std::lock_guard lock(mutex_);
  tell_lost_ = std::move(tell);
}

void ClusterState::TellLost(const SlotSet& lost) {
  if (lost.none()) return;
  std::function<void(const SlotSet&)> tell;
  {
    const std::lock_guard lock(mutex_);
    tell = tell_lost_;
  }
  if (tell) tell(lost);
}

absl::Status ClusterState::AdoptLocked(TopologyPtr topology, SlotSet& lost) {
  if (!enabled()) return absl::FailedPreconditionError("this node is not in cluster mode");
  const NodeIndex me = topology->IndexOf(options_.my_id);
  if (me == kNoNode) return NotIn(options_.my_id);
  if (topology->version() <= topology_->version()) {
    return absl::FailedPreconditionError(absl::StrCat("topology version ", topology->version(),
                                                      " is not above ", topology_->version()));
  }
  NoteForgotten(*topology);
  TakeLocked(me, std::move(topology), lost, /*anew=*/false);
  return absl::OkStatus();
}

void ClusterState::OnTopology(TellTopology tell) {
  const std::lock_guard lock(mutex_);
  tell_topology_ = std::move(tell);
  if (tell_topology_) tell_topology_(*topology_, options_.my_id, true);
}

void ClusterState::TakeLocked(NodeIndex me, TopologyPtr topology, SlotSet& lost, bool anew) {
  topology_ = std::move(topology);
  MarkParts(me, lost);
  if (tell_topology_) tell_topology_(*topology_, options_.my_id, anew);
  FollowPeers(me);
  JudgeHealth();
}

absl::Status ClusterState::BeginAnew(const NodeId& my_id, TopologyPtr topology) {
  const NodeIndex me = topology->IndexOf(my_id);
  if (me == kNoNode) return NotIn(my_id);
  SlotSet lost;
  {
    const std::lock_guard lock(mutex_);
    options_.my_id = my_id;
    forgotten_.clear();
    TakeLocked(me, std::move(topology), lost, /*anew=*/true);
  }
  TellLost(lost);
  return absl::OkStatus();
}

NodeId ClusterState::my_id() const {
  const std::lock_guard lock(mutex_);
  return options_.my_id;
}

void ClusterState::NoteForgotten(const Topology& next) {
  const int64_t now = clock_.MonotonicMicros();
  std::erase_if(forgotten_,
                [now](const auto& node) { return now - node.second > kForgottenMicros; });
  for (const Node& node : topology_->nodes()) {
    if (next.Find(node.id) == nullptr) forgotten_[node.id] = now;
  }
}

bool ClusterState::WasForgotten(const NodeId& node) const {
  const std::lock_guard lock(mutex_);
  const auto at = forgotten_.find(node);
  return at != forgotten_.end() && topology_->Find(node) == nullptr &&
         clock_.MonotonicMicros() - at->second <= kForgottenMicros;
}

void ClusterState::MarkParts(NodeIndex me, SlotSet& lost) {
  const std::vector<GroupIndex>& followed = topology_->GroupsFollowedBy(me);
  std::vector<uint8_t> of_group(topology_->groups().size());
  for (const GroupIndex group : topology_->GroupsLedBy(me)) of_group[group] = kMine;
  for (const GroupIndex group : followed) of_group[group] = kFollowed;
  std::vector<uint8_t> parts(kSlots);
  for (size_t slot = 0; slot < parts.size(); ++slot) {
    const GroupIndex group = topology_->GroupOfSlot(static_cast<Slot>(slot));
    if (group != kNoGroup) parts[slot] = of_group[group];
  }
  for (const SlotMark& mark : topology_->marks()) {
    const GroupIndex importer = topology_->GroupIndexOf(mark.importing);
    const bool leaves = parts[mark.slot] != 0 && !mark.migrating_to.IsZero();
    const bool comes = importer != kNoGroup && of_group[importer] != 0;
    if (leaves || comes) parts[mark.slot] = static_cast<uint8_t>(parts[mark.slot] | kOpen);
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto slot = static_cast<Slot>(i);
    const uint8_t serves = IsMine(slot) ? kMine : kMine | kFollowed;
    if ((IsMine(slot) || IsFollowed(slot)) && (parts[i] & serves) == 0) lost.set(i);
    SetPart(slot, parts[i]);
  }
}

void ClusterState::FollowPeers(NodeIndex me) {
  std::erase_if(links_, [this](const auto& link) { return !topology_->Find(link.first); });
  for (const Node& node : topology_->nodes()) {
    if (node.id == options_.my_id) continue;
    const auto [at, is_new] = links_.try_emplace(node.id);
    at->second.close = false;
    if (!is_new) continue;
    at->second.seen.id = node.id;
    at->second.seen.since = clock_.NowMillis();
  }
  const auto note_one = [this](const NodeId& member) {
    if (const auto at = links_.find(member); at != links_.end()) at->second.close = true;
  };
  const auto note = [&](const Group& group) {
    note_one(group.leader);
    for (const NodeId& follower : group.followers) note_one(follower);
  };
  for (const GroupIndex group : topology_->GroupsLedBy(me)) note(topology_->groups()[group]);
  for (const GroupIndex group : topology_->GroupsFollowedBy(me)) note(topology_->groups()[group]);
}

bool ClusterState::IsSilent(const NodeId& id) const {
  const auto link = links_.find(id);
  return link != links_.end() && link->second.seen.failed;
}

void ClusterState::SetNodeTimeout(int64_t timeout_ms) {
  const std::lock_guard lock(mutex_);
  options_.node_timeout_ms = timeout_ms;
}

void ClusterState::SetRequireFullCoverage(bool required) {
  const std::lock_guard lock(mutex_);
  options_.require_full_coverage = required;
  JudgeHealth();
}

void ClusterState::AskTouch(std::function<bool()> in_touch) {
  const std::lock_guard lock(mutex_);
  in_touch_ = std::move(in_touch);
}

void ClusterState::JudgeHealth() {
  const int64_t now = clock_.MonotonicMicros();
  for (auto& [id, link] : links_) {
    SetFailed(link,
              link.waits_since != 0 && now - link.waits_since > options_.node_timeout_ms * 1000);
  }
  int reachable = 0;
  int covered_slots = 0;
  for (NodeIndex i = 0; i < topology_->nodes().size(); ++i) {
    const Node& node = topology_->nodes()[i];
    const bool silent = IsSilent(node.id);
    if (topology_->SlotCount(i) > 0 && !node.failed && !silent) ++reachable;
    if (!node.failed && !(silent && DecidesAlone())) covered_slots += topology_->SlotCount(i);
  }
  const int owners = topology_->slot_owner_count();
  const bool covered = covered_slots == kSlots;
  const bool majority = in_touch_ ? owners > 0 && in_touch_() : reachable > owners / 2;
  const bool ok = majority && (covered || !options_.require_full_coverage);
  const auto judged = ok ? ClusterHealth::kOk : ClusterHealth::kFail;
  if (judged == health()) return;
  if (ok) {
    LogNotice("Cluster state changed",
              {{"state", "ok"}, {"owners", owners}, {"reachable", reachable}});
  } else {
    LogWarning("Cluster state changed",
               {{"state", "fail"}, {"owners", owners}, {"reachable", reachable}});
  }
  SetHealth(judged);
}

TopologyPtr ClusterState::topology() const {
  const std::lock_guard lock(mutex_);
  return topology_;
}

std::vector<PeerLink> ClusterState::Links() const {
  const std::lock_guard lock(mutex_);
  std::vector<PeerLink> links;
  links.reserve(links_.size());
  for (const auto& [id, link] : links_) links.push_back(link.seen);
  if (relay_ == nullptr) return links;
  for (PeerLink& link : links) link.unsent_bytes = relay_->followers().QueuedBytes(link.id);
  return links;
}

BusStats ClusterState::bus_stats() const {
  BusStats stats;
  {
    const std::lock_guard lock(mutex_);
    stats = stats_;
  }
  if (relay_ == nullptr) return stats;
  const RelayStats relayed = relay_->stats();
  stats.publishes_sent = relayed.followers.sent;
  stats.publishes_received = relayed.received;
  stats.publishes_dropped = relayed.followers.dropped;
  stats.links_overflowed = relayed.followers.overflowed;
  stats.unsent_bytes = relayed.followers.queued_bytes;
  stats.followers = relayed.followers.followers;
  stats.following = relayed.following;
  return stats;
}

void ClusterState::Propose(Change change, ProposalDone done) {
  ClusterOperations* operations = operations_.load();
  if (operations != nullptr) return operations->Propose(std::move(change), std::move(done));
  done(ChangeAlone(change));
}

void ClusterState::Meet(std::string host, uint16_t port, uint16_t bus_port, ProposalDone done) {
  ClusterOperations* operations = operations_.load();
  if (operations == nullptr) return done(absl::FailedPreconditionError(Absl(kFixed)));
  operations->Meet(std::move(host), port, bus_port, std::move(done));
}

void ClusterState::Forget(const NodeId& node, ProposalDone done) {
  ClusterOperations* operations = operations_.load();
  if (operations == nullptr) return done(absl::FailedPreconditionError(Absl(kFixed)));
  operations->Forget(node, std::move(done));
}

void ClusterState::Reset(bool hard, ProposalDone done) {
  ClusterOperations* operations = operations_.load();
  if (operations == nullptr) return done(absl::FailedPreconditionError(Absl(kFixed)));
  operations->Reset(hard, std::move(done));
}

void ClusterState::Failover(FailoverMode mode, ProposalDone done) {
  ClusterOperations* operations = operations_.load();
  if (operations == nullptr) return done(absl::FailedPreconditionError(Absl(kFixed)));
  operations->Failover(mode, std::move(done));
}

absl::Status ClusterState::ChangeAlone(const Change& change) {
  SlotSet lost;
  absl::Status status;
  {
    const std::lock_guard lock(mutex_);
    if (topology_->nodes().size() > 1) return absl::FailedPreconditionError(Absl(kFixed));
    absl::StatusOr<TopologyPtr> next = Apply(*topology_, change);
    if (!next.ok()) return next.status();
    status = AdoptLocked(*std::move(next), lost);
  }
  TellLost(lost);
  return status;
}

void ClusterState::TellOffset(std::function<uint64_t()> offset) {
  const std::lock_guard lock(mutex_);
  tell_offset_ = std::move(offset);
}

Beat ClusterState::OwnBeat() const {
  const std::lock_guard lock(mutex_);
  return {.sender = options_.my_id,
          .topology_version = topology_->version(),
          .epoch = topology_->epoch(),
          .fingerprint = topology_->fingerprint(),
          .offset = tell_offset_ ? tell_offset_() : 0};
}

std::vector<PeerAddress> ClusterState::Peers() const {
  const std::lock_guard lock(mutex_);
  std::vector<PeerAddress> peers;
  for (const Node& node : topology_->nodes()) {
    if (node.id != options_.my_id) peers.push_back({node.id, node.host, node.bus_port});
  }
  return peers;
}

// Where this node's opinion counts it is to have one of everybody.
std::vector<PeerAddress> ClusterState::PeersToPing() {
  if (DecidesAlone()) return Peers();
  const std::lock_guard lock(mutex_);
  std::vector<PingCandidate> candidates;
  candidates.reserve(links_.size());
  for (const auto& [id, link] : links_) {
    candidates.push_back({id, link.tried, link.close, link.waits_since != 0});
  }
  std::vector<PeerAddress> peers;
  for (const size_t i : plan_.Next(options_.my_id, candidates)) {
    const Node* node = topology_->Find(candidates[i].id);
    peers.push_back({node->id, node->host, node->bus_port});
  }
  return peers;
}

void ClusterState::OnRound() {
  const std::lock_guard lock(mutex_);
  JudgeHealth();
}

void ClusterState::OnPingSent(const NodeId& peer) {
  const std::lock_guard lock(mutex_);
  ++stats_.pings_sent;
  const auto link = links_.find(peer);
  if (link == links_.end()) return;
  link->second.tried = true;
  if (link->second.waits_since != 0) return;
  // As in Redis, the oldest ping without an answer: a failed one goes on waiting.
  link->second.seen.ping_sent = clock_.NowMillis();
  link->second.waits_since = std::max<int64_t>(clock_.MonotonicMicros(), 1);
}

void ClusterState::Tell(bool good, std::string_view what, const Link& link) const {
  const Node* node = topology_->Find(link.seen.id);
  if (node == nullptr) return;
  const std::string address = absl::StrCat(node->host, ":", node->port);
  const std::string_view name = node->name.empty() ? node->id.view() : node->name;
  if (good) return LogNotice(what, {{"node", name}, {"address", address}});
  if (link.seen.error.empty()) return LogWarning(what, {{"node", name}, {"address", address}});
  LogWarning(what, {{"node", name}, {"address", address}, {"error", link.seen.error}});
}

void ClusterState::SetConnected(Link& link, bool connected) {
  if (link.seen.connected == connected) return;
  link.seen.connected = connected;
  link.seen.since = clock_.NowMillis();
  Tell(connected, connected ? "Connected to a node" : "A node does not answer", link);
}

void ClusterState::SetFailed(Link& link, bool failed) {
  if (link.seen.failed == failed) return;
  link.seen.failed = failed;
  Tell(!failed,
       failed ? "A node has been silent for longer than cluster-node-timeout"
              : "A node is heard again",
       link);
}

void ClusterState::Learn(Link& link, const Beat& beat) {
  link.seen.topology_version = beat.topology_version;
  link.seen.epoch = beat.epoch;
  link.seen.offset = beat.offset;
  const bool agrees = beat.fingerprint == topology_->fingerprint();
  if (agrees == link.seen.agrees) return;
  link.seen.agrees = agrees;
  Tell(agrees,
       agrees ? "A node agrees about members and slots"
              : "A node knows other members or slots than this one",
       link);
}

void ClusterState::OnPong(const NodeId& peer, const Beat& beat) {
  const std::lock_guard lock(mutex_);
  ++stats_.pongs_received;
  const auto at = links_.find(peer);
  if (at == links_.end()) return;  // Removed while the ping was on its way.
  Link& link = at->second;
  link.seen.ping_sent = 0;
  link.seen.pong_received = clock_.NowMillis();
  link.seen.error.clear();
  link.waits_since = 0;
  SetConnected(link, true);
  Learn(link, beat);
  if (link.seen.failed) JudgeHealth();
}

void ClusterState::OnPingFailed(const NodeId& peer, const std::string& error) {
  const std::lock_guard lock(mutex_);
  ++stats_.pings_failed;
  const auto at = links_.find(peer);
  if (at == links_.end()) return;
  at->second.seen.error = error;
  SetConnected(at->second, false);
}

bool ClusterState::OnPing(const Beat& beat) {
  const std::lock_guard lock(mutex_);
  ++stats_.pings_received;
  const auto at = links_.find(beat.sender);
  if (at == links_.end()) return false;
  Learn(at->second, beat);
  ++stats_.pongs_sent;
  return true;
}

}  // namespace henge::cluster
