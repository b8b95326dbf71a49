// SPDX-License-Identifier: Apache-2.0
// The world's consensus: who leads it, proposals, and how nodes learn.
#include <algorithm>

#include "cluster/failover/testing/world.h"

namespace henge::cluster::simulation {

bool World::HasMajority(size_t i) const {
  size_t reached = 0;
  for (size_t k = 0; k < peers_.size(); ++k) reached += i == k ? Runs(*peers_[i]) : Reach(i, k);
  return reached > peers_.size() / 2;
}

void World::Elect() {
  if (leader_ < peers_.size() && HasMajority(leader_)) {
    gone_since_ = now_;
    if (calm_ || random_.Below(60) != 0) return;
  } else if (now_ - gone_since_ < 400 * kMilli) {
    return;
  }
  std::vector<size_t> able;
  for (size_t i = 0; i < peers_.size(); ++i) {
    if (HasMajority(i)) able.push_back(i);
  }
  if (able.empty()) return;
  leader_ = able[random_.Below(able.size())];
  gone_since_ = now_;
  OnPeer(leader_, now_ + Delay(), [this, i = leader_] { SeekOffice(i); });
}

void World::SeekOffice(size_t i) {
  Peer& peer = *peers_[i];
  if (i != leader_ || peer.judge != nullptr || peer.bidding) return;
  if (bugs_.old_term && peer.view->office().judge == peer.id) return Sit(i);
  peer.bidding = true;
  const TakeOffice change{
      .judge = peer.id, .term = peer.view->office().term + 1, .lease_ms = LeaseMsFor(kTimeoutMs)};
  Propose(i, change, [this, i](const absl::Status& status) {
    peers_[i]->bidding = false;
    if (status.ok()) return Sit(i);
    OnPeer(i, now_ + 50 * kMilli, [this, i] { SeekOffice(i); });
  });
}

// A process judges in a term that it has taken itself.
void World::Sit(size_t i) {
  Peer& peer = *peers_[i];
  if (peer.view->office().judge != peer.id) return;
  peer.judge = std::make_unique<FailureDetector>(peer.id, peer.view, kTimeoutMs, Local(peer));
  peer.confirming = false;
}

void World::ProposeAgain(size_t i, const Request& request, const Change& change, const Done& done) {
  auto answered = std::make_shared<bool>(false);
  // Some get through when their proposer is long cut off.
  const bool late = random_.Unit() < late_;
  const int64_t delay = late ? static_cast<int64_t>(random_.Below(5000)) * kMilli : Delay();
  At(now_ + delay, [=, this] {
    if (!late && !HasMajority(i)) return;
    const absl::Status status = Order(request, change);
    if (!HasMajority(i) || random_.Unit() < loss_) return;
    OnPeer(i, now_ + Delay(), [=, this] {
      if (std::exchange(*answered, true)) return;
      if (status.ok()) See(i, topology_);
      done(status);
    });
  });
  OnPeer(i, now_ + 500 * kMilli, [=, this] {
    if (!std::exchange(*answered, true)) ProposeAgain(i, request, change, done);
  });
}

absl::Status World::Order(const Request& request, const Change& change) {
  if (const auto known = outcomes_.find(request); known != outcomes_.end()) return known->second;
  const auto* promote = std::get_if<Promote>(&change);
  const auto* office = std::get_if<TakeOffice>(&change);
  const auto next = Apply(*topology_, change);
  outcomes_[request] = next.status();
  if (!next.ok()) return next.status();
  topology_ = *next;
  if (office != nullptr && bugs_.no_office_wait) {
    TopologyParts parts = topology_->parts();
    parts.office.lease_ms = parts.office.wait_ms = 1;
    topology_ = *Topology::FromParts(std::move(parts));
  }
  if (promote != nullptr) ++(promote->handover ? handovers_ : promotions_);
  for (size_t i = 0; i < peers_.size(); ++i) Tell(i);
  return absl::OkStatus();
}

void World::Tell(size_t i) {
  OnPeer(i, now_ + Delay(), [this, i] {
    if (HasMajority(i)) See(i, topology_);
  });
}

void World::See(size_t i, const TopologyPtr& topology) {
  Peer& peer = *peers_[i];
  if (topology->version() <= peer.view->version()) return;
  peer.view = topology;
  for (const Group& group : topology->groups()) {
    if (!group.IsMember(peer.id)) continue;
    Replica& replica = peer.replicas[group.id];
    replica.seen = true;
    replica.epoch = std::max(replica.epoch, group.epoch);
    if (group.leader != peer.id) {
      replica.lease.Follow();
      replica.stopped = false;
      continue;
    }
    if (!replica.lease.leading() || replica.lease.epoch() != group.epoch) {
      replica.joining.clear();
      replica.reached.clear();
      replica.stopped = false;
    }
    replica.lease.Lead(group.epoch);
    std::erase_if(replica.joining, [&](const NodeId& id) { return group.IsInSync(id); });
  }
  if (peer.handover != nullptr) {
    const Group* group = topology->FindGroup(peer.handing);
    peer.handover->OnEpoch(group->epoch);
  }
  if (peer.judge == nullptr) return;
  peer.judge->Adopt(topology, Local(peer));
  if (!peer.judge->in_office()) peer.judge.reset();
}

}  // namespace henge::cluster::simulation
