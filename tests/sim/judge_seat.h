// SPDX-License-Identifier: Apache-2.0
// JudgeSeat: takes office when its node leads the coordinator, and drives the real FailureDetector
// as that asks for: beats, barriers, answers, judgements. Part of one process; one thread.
#pragma once

#include <memory>
#include <optional>

#include "cluster/failover/failure_detector.h"
#include "tests/sim/raft_coordinator.h"
#include "tests/sim/world.h"

namespace henge::sim {

class JudgeSeat {
 public:
  JudgeSeat(World& world, size_t self, RaftCoordinator& coordinator)
      : world_(world), self_(self), coordinator_(coordinator) {}

  void OnTopology(const cluster::TopologyPtr& topology);
  void Hear(const cluster::NodeBeat& beat);
  void Tick();
  // CLUSTER FAILOVER FORCE, asked of the judge.
  void Force(const cluster::GroupId& group, const cluster::NodeId& to);
  const cluster::FailureDetector* judge() const { return judge_.get(); }

 private:
  void SeekOffice();
  void Confirm();
  void Answer(uint64_t ticket);
  void Propose(uint64_t request, const cluster::Change& change, uint64_t term);

  World& world_;
  const size_t self_;
  RaftCoordinator& coordinator_;
  std::unique_ptr<cluster::FailureDetector> judge_;
  bool confirming_ = false;
  bool more_ = false;  // Beats came while a barrier was under way.
  bool seeking_ = false;
  uint64_t sought_term_ = 0;
};

}  // namespace henge::sim
