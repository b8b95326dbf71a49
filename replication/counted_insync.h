// SPDX-License-Identifier: Apache-2.0
// CountedInSync: which followers a write must have reached before it is acknowledged, in a group
// whose in-sync set the control plane keeps. A state machine without I/O or clock.
//
// Two kinds are waited for:
//
//   counted   whom the control plane named by Count: in sync by the topology, or proposed. One that
//             is not connected holds everything up.
//   watched   who is about to be named: found near the end by Review. Waited for from then on, so
//             that once it has what there was then, it has all that was ever acknowledged. That is
//             when it is fit; to propose it loses nothing.
//
//     away ── Review: near ──> watched from `end` on ── has that ──> fit ── Count ──> counted
//      ^                         └── Review: away, or lags ──┘
//
// Only Review and Count change whom is waited for: what was shown as fit stays waited for until who
// was shown has decided. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "base/types.h"

namespace henge::replication {

class CountedInSync {
 public:
  static constexpr Lsn kEverything = ~Lsn{0};

  void SetMaxLag(int64_t max_lag_ms) { max_lag_ms_ = max_lag_ms; }

  // A new leadership: until Count was called, nothing is committed.
  void Begin();
  void Count(std::span<const std::string> nodes);
  // The node is connected and has what comes before `lsn`.
  void Acknowledge(std::string_view node, Lsn lsn);
  void Leave(std::string_view node);
  // At intervals. `end`: of all that was written by now.
  void Sample(int64_t now_ms, Lsn end);
  // Decides anew who is watched. For the one who will Count.
  void Review(int64_t now_ms, Lsn end);

  bool Fit(std::string_view node) const;
  bool Counts(std::string_view node) const { return counted_.find(node) != counted_.end(); }
  size_t size() const { return counted_.size(); }
  // All who are waited for have what comes before; kEverything: nobody is.
  Lsn committed() const;

 private:
  struct Member {
    Lsn lsn = 0;
    bool connected = false;
    std::optional<Lsn> watched_from;  // Waited for from there on.
  };
  struct Sampled {
    int64_t at_ms;
    Lsn end;
  };
  std::optional<Lsn> Least() const;  // Of those who are waited for; nothing: nobody is.
  void Advance();

  int64_t max_lag_ms_ = 1000;
  bool told_ = false;
  Lsn floor_ = 0;  // Was committed.
  std::deque<Sampled> samples_;
  std::set<std::string, std::less<>> counted_;
  std::map<std::string, Member, std::less<>> members_;
};

}  // namespace henge::replication
