// SPDX-License-Identifier: Apache-2.0
// InSync: which followers a write must have reached before it is acknowledged, and how far that is.
// A state machine without I/O or clock.
//
//     away ── Acknowledge: has all there was ──> in sync ── Tick: lags / Leave ──> away
//
// A follower in the set has everything that is committed; so whoever of them is promoted, or, if
// some were lost at once, the one of them that has most, knows every acknowledged write. With
// fewer of them than `least` nothing is committed until there are enough again. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>

#include "base/types.h"

namespace henge::replication {

class InSync {
 public:
  using Follower = uint64_t;
  struct Rules {
    int64_t max_lag_ms = 1000;
    size_t least = 1;
  };
  static constexpr Lsn kEverything = ~Lsn{0};

  // What comes before `start` needs nobody.
  InSync(const Rules& rules, Lsn start) : rules_(rules), committed_(start), latest_(start) {}

  void SetRules(const Rules& rules);
  // The follower has what comes before `lsn`. Joins if that is all there was. True: it has joined.
  bool Acknowledge(Follower follower, Lsn lsn);
  // It is out of reach. True: it was in the set.
  bool Leave(Follower follower);
  // At intervals. `end`: of all that was written by now. Returns how many have left, as they lag:
  // they lack what was written before the last max_lag_ms.
  size_t Tick(int64_t now_ms, Lsn end);

  bool Has(Follower follower) const { return members_.contains(follower); }
  size_t size() const { return members_.size(); }
  bool enough() const { return members_.size() >= rules_.least; }
  // All in the set have what comes before; kEverything: nobody needs to be asked.
  Lsn committed() const { return members_.empty() && rules_.least == 0 ? kEverything : committed_; }

 private:
  struct Sample {
    int64_t at_ms;
    Lsn end;
  };
  void Advance();

  Rules rules_;
  Lsn committed_;
  Lsn latest_;                  // The newest sample's end.
  std::deque<Sample> samples_;  // The first is the newest of those that are old enough.
  std::map<Follower, Lsn> members_;
};

}  // namespace henge::replication
