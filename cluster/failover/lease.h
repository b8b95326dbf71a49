// SPDX-License-Identifier: Apache-2.0
// A group leader's right to acknowledge: a lease that the judge gives by its answers to heartbeats.
//
//   leader   beat sent ├────────── lease · (1 - drift) ──────────┤ acknowledges no more
//                        ╲
//   judge         heard   ├────────────── lease · (1 + drift) ───────────────┤ may promote
//
// Both count on their own clock; the leader begins earlier and ends earlier in true time as long as
// neither clock's rate is off by more than kClockDrift. No clock is ever set or compared.
//
// Not thread-safe; a server keeps until() where its threads see it. Time comes in as arguments.
#pragma once

#include <cstdint>

#include "base/types.h"
#include "cluster/failover/beat.h"

namespace henge::cluster {

// How long a judge that heard a beat must wait before another leader may rise.
int64_t JudgeWaitMicros(int64_t lease_micros);

class LeaseHolder {
 public:
  // The topology says that this node leads, in that epoch. There is no lease yet. The same epoch
  // again changes nothing.
  void Lead(Epoch epoch);
  void Follow();  // It leads no more.

  // An answer to a beat that was sent in the epoch: a lease that counts from when that was sent.
  void Grant(Epoch epoch, int64_t sent_micros, int64_t lease_micros);

  // Before a hand-over is proposed: nothing is acknowledged any more in this epoch...
  void Surrender();
  // ...unless it is known for sure that no hand-over was applied or will be.
  void TakeBack();

  bool MayAcknowledge(int64_t now_micros) const { return now_micros < until(); }
  int64_t until() const { return leading_ && !surrendered_ ? until_ : INT64_MIN; }
  // The same, surrendered or not: not for acknowledging.
  int64_t granted_until() const { return leading_ ? until_ : INT64_MIN; }
  bool leading() const { return leading_; }
  bool surrendered() const { return surrendered_; }
  Epoch epoch() const { return epoch_; }

 private:
  bool leading_ = false;
  bool surrendered_ = false;
  Epoch epoch_ = 0;
  int64_t until_ = INT64_MIN;
};

}  // namespace henge::cluster
