// SPDX-License-Identifier: Apache-2.0
// What the simulation can be told to do wrong, one thing at a time, to show that its checkers would
// notice.
#pragma once

#include <cstdint>

namespace henge::sim {

enum class Bug : uint8_t {
  kNone,
  kLeaseFromAnswer,     // Counted from when the answer comes, not from the beat.
  kNoOfficeWait,        // A new judge forgets the leases of the terms before.
  kNoBarrier,           // Leases without asking whether still in office.
  kWildClocks,          // Clocks are off by far more than the margin.
  kTermUnchecked,       // A judgement of an earlier term is applied.
  kJoiningNotCounted,   // An acknowledgement does not wait for who is proposed to be in sync.
  kJoinsLacking,        // Who lacks something of what was acknowledged is proposed to be in sync.
  kForgetsDeposed,      // Who led is out of sync at once, before the next has said so.
  kInSyncUnchecked,     // The in-sync set changes whatever its proposer saw.
  kBelievesOldLeaders,  // Followers do not look at epochs.
  kFollowsUnconfirmed,  // A process believes the topology that its disk had.
  kServesBeforeLive,    // A leader that has restarted gives its followers what it found.
  kLiveAtOnce,          // A follower says that it has all before it has.
  kKeepsLease,          // A leader that hands over acknowledges on.
  kNoLeaseForAsync,     // Who does not wait for followers needs no lease.
  kDurableIsApplied,    // What is acknowledged as durable is in memory.
  kDiscardsSilently,    // A leader that stepped down does not tell what it drops.
};

}  // namespace henge::sim
