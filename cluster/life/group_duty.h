// SPDX-License-Identifier: Apache-2.0
// GroupDuty: what this node is in its group, told to the GroupHost word by word: leading, following
// and leaving by the topology; leases by the judge's answers; as a leader, who is in sync, and
// hand-overs.
//
// Invariants, whatever comes in:
//   - While the host may acknowledge, this node leads in the topology's epoch as last seen, and has
//     a lease of that epoch. Before another word than Lead in that epoch, the lease is taken.
//   - The host hears whom to wait for before it has a lease, and of a follower that joins before
//     that is proposed.
//   - In-sync sets and hand-overs are proposed with a lease only: a process without one does not
//     know whether it has what its group has.
//
// Everything on one thread, the desk's.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "cluster/failover/handover.h"
#include "cluster/failover/lease.h"
#include "cluster/life/in_sync_keeper.h"
#include "cluster/life/petitions.h"
#include "cluster/life/question.h"
#include "cluster/life/role_plan.h"

namespace henge::cluster {

struct GroupDutyOptions {
  NodeId self;
  int64_t node_timeout_ms = 1500;
  const Clock* clock = &SystemClock();
};

class GroupDuty {
 public:
  // `refresh` is to bring the coordinator's present topology, before it returns. All outlive it.
  GroupDuty(const GroupDutyOptions& options, GroupHost& host, Petitions& petitions,
            std::function<void()> refresh);

  // True: this node has another part. `confirmed`: as PlanRole has it.
  bool OnTopology(const TopologyPtr& topology, bool confirmed);
  // To a beat of this very process.
  void OnAnswer(const BeatAnswer& answer);
  void Tick();
  void SetNodeTimeout(int64_t timeout_ms);
  // For the beat.
  std::vector<GroupReport> Reports();
  NodeLoad Load() { return host_.Load(); }

  // Zero: the group that it leads; the best of those in sync. The answer is told when the other one
  // leads, or why it does not.
  void HandOver(const GroupId& group, const NodeId& to, int64_t timeout_ms, QuestionPtr answer);
  bool hands_over() const { return handover_.has_value(); }

  const Role& role() const { return role_; }
  const LeaseHolder& lease() const { return lease_; }
  // No lease from here on, and no answer that is still owed.
  void Stop();

 private:
  struct Passing {
    Handover machine;
    NodeId to;
    QuestionPtr answer;
    uint64_t petition = 0;
  };

  int64_t now() const { return options_.clock->MonotonicMicros(); }
  bool leads() const { return role_.part == Role::Part::kLeads; }
  const Group& group() const { return *topology_->FindGroup(role_.group); }
  void Assume(const Role& role);
  void EndLead();
  void Count();
  void ReviewInSync();
  NodeId BestFollower();
  absl::Status CheckHandOver(const GroupId& group, const NodeId& to) const;
  void AdvanceHandover();
  void Act(Handover::Action action, const absl::Status& why);
  void OnHandoverOutcome(const absl::Status& outcome);
  void EndHandover(const absl::Status& outcome);

  GroupDutyOptions options_;
  GroupHost& host_;
  Petitions& petitions_;
  const std::function<void()> refresh_;

  TopologyPtr topology_;
  Role role_;
  LeaseHolder lease_;
  Epoch live_in_ = 0;                           // The host was told so for that epoch's lease.
  std::optional<InSyncKeeper> keeper_;          // While leading.
  std::optional<std::vector<NodeId>> counted_;  // As told.
  uint64_t in_sync_petition_ = 0;               // 0: none.
  int64_t next_review_ = 0;
  std::optional<Passing> handover_;
};

}  // namespace henge::cluster
