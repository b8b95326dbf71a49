// SPDX-License-Identifier: Apache-2.0
// Process: one life of a node, from its start to its crash. It drives the real parts of a node's
// life (cluster/life/) as NodeLife does, over the simulated clock and network: coordinator, judge's
// seat, its duty in its group. One thread.
#pragma once

#include <memory>
#include <optional>

#include "base/clock.h"
#include "cluster/life/desk.h"
#include "cluster/life/group_duty.h"
#include "cluster/life/home_search.h"
#include "cluster/life/judge_seat.h"
#include "cluster/life/petitions.h"
#include "tests/sim/host.h"
#include "tests/sim/raft_coordinator.h"
#include "tests/sim/world.h"

namespace henge::sim {

// The machine's clock.
class LocalClock final : public Clock {
 public:
  LocalClock(const World& world, size_t machine) : world_(world), machine_(machine) {}
  UnixMillis NowMillis() const override { return MonotonicMicros() / kMilli; }
  int64_t NowMicros() const override { return MonotonicMicros(); }
  int64_t MonotonicMicros() const override { return world_.Local(machine_) + ahead_; }
  void Jump(int64_t micros) { ahead_ += micros; }  // For Bug::kNoOfficeWait.

 private:
  const World& world_;
  const size_t machine_;
  int64_t ahead_ = 0;
};

class Process final : public cluster::TopologyWatcher {
 public:
  Process(World& world, size_t self);
  void Begin();
  // The others hear of it, or do not.
  void End(bool tell);

  // nullptr if it has no part in that group.
  Replica* Find(const cluster::GroupId& group);
  const Replica* Find(const cluster::GroupId& group) const;
  RaftCoordinator& coordinator() { return coordinator_; }
  const RaftCoordinator& coordinator() const { return coordinator_; }

  void HearBeat(const cluster::NodeBeat& beat);
  void TakeAnswer(cluster::BeatAnswer answer);
  void HandOver();  // CLUSTER FAILOVER: some follower in sync is to lead, if this node leads.
  void Force(const cluster::GroupId& group, const cluster::NodeId& to);  // At the judge.
  void Propose(const cluster::Change& change);
  void ShutDown();  // Hands over what it leads, if it can, and ends.

  void OnTopology(const cluster::TopologyPtr& topology) override;
  void OnLeader(std::optional<cluster::NodeId> leader) override;

 private:
  void Tick();
  void Confirm();
  void Adopt();
  void Beat();
  void Write();
  void TickShutDown();
  void LookForHome();
  void SendAnswer(const cluster::BeatAnswer& answer);

  World& world_;
  const size_t self_;
  const cluster::NodeId id_;
  LocalClock clock_;
  LocalClock seat_clock_;
  RaftCoordinator coordinator_;
  const std::shared_ptr<cluster::Desk> desk_;
  cluster::Petitions petitions_;
  Host host_;
  cluster::JudgeSeat seat_;
  cluster::GroupDuty duty_;
  cluster::HomeSearch homes_;
  bool moving_ = false;  // It has proposed to go, and has no outcome yet.
  uint64_t topology_version_ = 0;
  bool confirmed_ = false;
  bool confirming_ = false;
  uint64_t sat_term_ = 0;
  int64_t ticks_ = 0;
  int64_t last_sent_ = 0;
  int64_t shut_down_by_ = 0;
};

}  // namespace henge::sim
