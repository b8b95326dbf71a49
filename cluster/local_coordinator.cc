// SPDX-License-Identifier: Apache-2.0
#include "cluster/local_coordinator.h"

#include <utility>

namespace henge::cluster {

TopologyPtr LocalConsensus::topology() const {
  const std::lock_guard lock(mutex_);
  return topology_;
}

void LocalConsensus::SetLeader(std::optional<NodeId> leader) {
  const std::lock_guard telling(telling_);
  {
    const std::lock_guard lock(mutex_);
    leader_ = leader;
  }
  TellAll();
}

absl::Status LocalConsensus::Order(const NodeId& proposer, const Proposal& proposal) {
  const std::lock_guard lock(mutex_);
  const Name name{proposer, proposal.request};
  if (const auto known = outcomes_.find(name); known != outcomes_.end()) return known->second;
  const auto next = Apply(*topology_, proposal.change, proposal.expected_version);
  if (next.ok()) topology_ = *next;
  if (proposal.request != 0) outcomes_.emplace(name, next.status());
  return next.status();
}

void LocalConsensus::Join(LocalCoordinator* node) {
  const std::lock_guard telling(telling_);
  nodes_.push_back(node);
  node->Tell();
}

void LocalConsensus::Leave(LocalCoordinator* node) {
  const std::lock_guard telling(telling_);
  std::erase(nodes_, node);
}

void LocalConsensus::TellAll() {
  const std::vector<LocalCoordinator*> nodes = nodes_;
  for (LocalCoordinator* node : nodes) node->Tell();
}

LocalCoordinator::LocalCoordinator(LocalConsensus& consensus, const NodeId& self)
    : consensus_(consensus), self_(self), seen_(consensus.topology()) {
  consensus_.Join(this);
}

LocalCoordinator::~LocalCoordinator() { consensus_.Leave(this); }

TopologyPtr LocalCoordinator::topology() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

std::optional<NodeId> LocalCoordinator::leader() const {
  const std::lock_guard lock(mutex_);
  return leader_;
}

void LocalCoordinator::Tell() {
  TopologyPtr topology;
  std::optional<NodeId> leader;
  {
    const std::lock_guard lock(consensus_.mutex_);
    topology = consensus_.topology_;
    leader = consensus_.leader_;
  }
  std::vector<TopologyWatcher*> watchers;
  bool is_newer = false;
  bool other_leader = false;
  {
    const std::lock_guard lock(mutex_);
    if (link_ != Link::kUp) return;
    is_newer = topology->version() > seen_->version();
    other_leader = leader != leader_;
    if (is_newer) seen_ = topology;
    leader_ = leader;
    watchers = watchers_;
  }
  for (TopologyWatcher* watcher : watchers) {
    if (is_newer) watcher->OnTopology(topology);
    if (other_leader) watcher->OnLeader(leader);
  }
}

void LocalCoordinator::Watch(TopologyWatcher* watcher) {
  const std::lock_guard telling(consensus_.telling_);
  TopologyPtr topology;
  std::optional<NodeId> leader;
  {
    const std::lock_guard lock(mutex_);
    watchers_.push_back(watcher);
    topology = seen_;
    leader = leader_;
  }
  watcher->OnTopology(topology);
  watcher->OnLeader(leader);
}

void LocalCoordinator::Unwatch(TopologyWatcher* watcher) {
  const std::lock_guard telling(consensus_.telling_);
  const std::lock_guard lock(mutex_);
  std::erase(watchers_, watcher);
}

uint64_t LocalCoordinator::NewRequest() {
  const std::lock_guard lock(consensus_.mutex_);
  return ++consensus_.requests_;
}

void LocalCoordinator::Propose(Proposal proposal, ProposalDone done) {
  const std::lock_guard telling(consensus_.telling_);
  Link link;
  {
    const std::lock_guard lock(mutex_);
    link = link_;
    if (link == Link::kSilent) kept_.push_back(proposal);
  }
  if (link == Link::kDown) return done(absl::UnavailableError("cut off from the coordinator"));
  if (link == Link::kSilent) {
    return done(absl::DeadlineExceededError("the coordinator did not answer in time"));
  }
  const absl::Status status = consensus_.Order(self_, proposal);
  if (status.ok()) consensus_.TellAll();
  done(status);
}

void LocalCoordinator::Barrier(int64_t /*timeout_ms*/, BarrierDone done) {
  const std::lock_guard telling(consensus_.telling_);
  bool up = false;
  {
    const std::lock_guard lock(mutex_);
    up = link_ == Link::kUp;
  }
  if (!up) return done(absl::UnavailableError("cut off from the coordinator"));
  Tell();
  done(absl::OkStatus());
}

void LocalCoordinator::Move() {
  const std::lock_guard telling(consensus_.telling_);
  std::vector<TopologyWatcher*> watchers;
  {
    const std::lock_guard lock(mutex_);
    watchers = watchers_;
  }
  for (TopologyWatcher* watcher : watchers) watcher->OnCluster(self_);
}

void LocalCoordinator::Disconnect(bool silently) {
  const std::lock_guard telling(consensus_.telling_);
  std::vector<TopologyWatcher*> watchers;
  {
    const std::lock_guard lock(mutex_);
    link_ = silently ? Link::kSilent : Link::kDown;
    if (std::exchange(leader_, std::nullopt)) watchers = watchers_;
  }
  for (TopologyWatcher* watcher : watchers) watcher->OnLeader(std::nullopt);
}

void LocalCoordinator::Connect() {
  const std::lock_guard telling(consensus_.telling_);
  std::vector<Proposal> kept;
  {
    const std::lock_guard lock(mutex_);
    link_ = Link::kUp;
    kept = std::exchange(kept_, {});
  }
  for (const Proposal& proposal : kept) (void)consensus_.Order(self_, proposal);
  consensus_.TellAll();
}

}  // namespace henge::cluster
