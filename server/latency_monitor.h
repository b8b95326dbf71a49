// SPDX-License-Identifier: Apache-2.0
// LatencyMonitor: what took longer than `latency-monitor-threshold`, by kind of event: "command",
// "fast-command", "expire-cycle", "eviction-cycle" and so on. Of each the worst of a second is
// kept, for the last 160 seconds in which there was any.
//
// Any thread. Deciding that nothing is to be kept is one relaxed load; keeping takes a leaf lock.
#pragma once

#include <absl/container/btree_map.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "commands/services.h"
#include "server/config/cell.h"

namespace henge::server {

class LatencyMonitor {
 public:
  // The threshold in milliseconds; 0: off.
  explicit LatencyMonitor(const Number& threshold_ms) : threshold_ms_(threshold_ms) {}

  bool enabled() const { return threshold_ms_.load() > 0; }
  bool IsSlow(uint64_t us) const {
    const int64_t threshold = threshold_ms_.load();
    return threshold > 0 && us >= static_cast<uint64_t>(threshold) * 1000;
  }
  void Add(std::string_view event, uint64_t us, int64_t unix_seconds);

  std::vector<commands::LatencySeries> All() const;  // By name.
  // Forgets the event of that name, in any case, or all when it is empty; returns how many.
  int64_t Reset(std::string_view event);

 private:
  static constexpr size_t kSamples = 160;
  struct Ring {
    std::array<commands::LatencySample, kSamples> samples{};
    size_t next = 0;
    size_t size = 0;
    int64_t max_ms = 0;
  };

  const Number& threshold_ms_;
  mutable std::mutex mu_;
  absl::btree_map<std::string, Ring> rings_;
};

}  // namespace henge::server
