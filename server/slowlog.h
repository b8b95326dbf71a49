// SPDX-License-Identifier: Apache-2.0
// The slow log: commands that took longer than `slowlog-log-slower-than`, newest first, at most
// `slowlog-max-len`. Any thread; entering takes a leaf lock, deciding not to enter takes none.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "commands/client_state.h"
#include "commands/services.h"

namespace henge::server {

class Slowlog {
 public:
  bool IsSlow(uint64_t us) const {
    const int64_t threshold = threshold_us.load(std::memory_order_relaxed);
    return threshold >= 0 && us >= static_cast<uint64_t>(threshold);
  }
  void Enter(std::span<const std::string_view> argv, uint64_t us, int64_t unix_seconds,
             const commands::ClientState& client);
  std::vector<commands::SlowlogEntry> Newest(int64_t count) const;  // -1: all.
  int64_t size() const;
  void Clear();

  std::atomic<int64_t> threshold_us{10'000};  // Negative: off.
  std::atomic<int64_t> max_entries{128};

 private:
  mutable std::mutex mu_;
  std::deque<commands::SlowlogEntry> entries_;  // Newest at the front.
  int64_t next_id_ = 0;
};

}  // namespace henge::server
