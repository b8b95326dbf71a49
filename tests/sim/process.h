// SPDX-License-Identifier: Apache-2.0
// Process: one life of a node, from its start to its crash: coordinator, judge's seat, and its part
// in each group. It follows and leads by a topology that a barrier has confirmed since it began,
// and by none before. One thread.
#pragma once

#include <map>
#include <memory>

#include "cluster/failover/handover.h"
#include "tests/sim/judge_seat.h"
#include "tests/sim/raft_coordinator.h"
#include "tests/sim/replica.h"
#include "tests/sim/world.h"

namespace henge::sim {

class Process final : public cluster::TopologyWatcher {
 public:
  Process(World& world, size_t self);
  void Begin();
  void End(bool tell);

  Replica* Find(const cluster::GroupId& group);  // nullptr if it has no part in it.
  const std::map<cluster::GroupId, std::unique_ptr<Replica>>& replicas() const { return replicas_; }
  RaftCoordinator& coordinator() { return coordinator_; }
  const RaftCoordinator& coordinator() const { return coordinator_; }
  JudgeSeat& seat() { return seat_; }

  void TakeAnswer(const cluster::BeatAnswer& answer);
  // CLUSTER FAILOVER: some follower in sync is to lead. False: not now.
  bool HandOver(const cluster::GroupId& group);
  // Hands over what it leads, if it can, and ends.
  void ShutDown();
  // What it would like to change in the topology, whatever comes of it.
  void Propose(const cluster::Change& change);

  void OnTopology(const cluster::TopologyPtr& topology) override;
  void OnLeader(std::optional<cluster::NodeId> /*leader*/) override {}

 private:
  struct HandingOver {
    HandingOver(cluster::LeaseHolder& lease, bool keeps_lease)
        : decoy(lease), machine(keeps_lease ? decoy : lease) {}
    cluster::LeaseHolder decoy;  // Surrendered in the lease's place, for Bug::kKeepsLease.
    cluster::Handover machine;
    cluster::GroupId group;
    uint64_t request = 0;
  };

  void Tick();
  void AskWhetherConfirmed();
  void AdoptGroups();
  void Beat();
  void Write();
  void ReviewInSync(Replica& replica);
  void ReviewFollower(Replica& replica, const cluster::NodeId& follower);
  size_t OneOf(const cluster::NodeId& follower) const;
  void ProposeInSync(const cluster::GroupId& group, uint64_t request,
                     const cluster::SetInSync& change, const cluster::NodeId& joiner);
  void TickHandOver();
  void ProposeHandOver();
  void OnHandOver(cluster::Handover::Action action);
  void TickShutDown();

  World& world_;
  const size_t self_;
  const cluster::NodeId id_;
  RaftCoordinator coordinator_;
  JudgeSeat seat_;
  std::map<cluster::GroupId, std::unique_ptr<Replica>> replicas_;
  std::map<std::pair<cluster::GroupId, cluster::NodeId>, int64_t> kept_up_;  // When it last did.
  bool confirmed_ = false;
  bool asking_ = false;
  int64_t ticks_ = 0;
  std::unique_ptr<HandingOver> handing_over_;
  int64_t shut_down_by_ = 0;
};

}  // namespace henge::sim
