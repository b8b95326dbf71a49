// SPDX-License-Identifier: Apache-2.0
// A leader hands its group over to a follower, losing no write: CLUSTER FAILOVER, and a leader's
// SHUTDOWN. A pure machine at the leader; one thread; time comes in.
//
//   Start ──> the server stops taking writes ──> Stopped(offset) ──> the follower has it
//     ──> Surrender, then kPropose: Promote{handover} ──> applied: this node follows
//                                                     └─> refused: kResume
//
// The lease is surrendered before the change is proposed and taken back only when the proposal's
// refusal is certain: of an unknown outcome the same proposal is made again. So the new leader may
// begin as soon as it has a lease of its own, and nobody waits for one to run out.
#pragma once

#include <cstdint>
#include <string>

#include "cluster/failover/lease.h"
#include "cluster/topology/change.h"

namespace henge::cluster {

class Handover {
 public:
  enum class Step : uint8_t { kIdle, kStopping, kCatchingUp, kProposing };
  enum class Action : uint8_t {
    kNone,
    kPropose,  // change(), under one request as long as this hand-over lasts.
    kResume,   // It came to nothing: take writes again.
    kDone,     // There is another leader.
  };
  enum class Outcome : uint8_t {
    kApplied,
    kRefused,     // And never to be applied.
    kSuperseded,  // kAborted: the group is in another epoch, perhaps by this very proposal.
    kUnknown,
  };

  // The lease outlives it.
  explicit Handover(LeaseHolder& lease) : lease_(lease) {}

  // False if one is under way or this node does not lead. Writes are to be stopped then.
  bool Start(const GroupId& group, const NodeId& to, int64_t deadline_micros);
  // No write is under way any more; the history ends at `offset`.
  void Stopped(uint64_t offset);
  void FollowerAt(const NodeId& follower, uint64_t offset);
  Action Tick(int64_t now_micros);
  Action OnOutcome(Outcome outcome);
  // The topology has the group in that epoch.
  Action OnEpoch(Epoch epoch);

  Step step() const { return step_; }
  Promote change() const;

 private:
  Action End(Action action);

  LeaseHolder& lease_;
  Step step_ = Step::kIdle;
  GroupId group_;
  NodeId to_;
  Epoch epoch_ = 0;
  int64_t deadline_ = 0;
  uint64_t end_ = 0;
  uint64_t reached_ = 0;
};

}  // namespace henge::cluster
