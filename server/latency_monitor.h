// SPDX-License-Identifier: Apache-2.0
// LatencyMonitor: what took longer than `latency-monitor-threshold`, by kind of event: "command",
// "fast-command", "expire-cycle", "eviction-cycle" and so on. Of each the worst of a second is
// kept, for the last 160 seconds in which there was any.
//
// Any thread. Deciding that nothing is to be kept is one relaxed load; keeping takes a leaf lock.
#pragma once

#include <absl/container/btree_map.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "commands/services.h"

namespace henge::server {

// Set by CONFIG.
struct LatencySettings {
  std::atomic<int64_t> monitor_threshold_ms{0};  // 0: off.
};

class LatencyMonitor {
 public:
  LatencySettings& settings() { return settings_; }
  bool enabled() const {
    return settings_.monitor_threshold_ms.load(std::memory_order_relaxed) > 0;
  }
  bool IsSlow(uint64_t us) const {
    const int64_t threshold = settings_.monitor_threshold_ms.load(std::memory_order_relaxed);
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

  LatencySettings settings_;
  mutable std::mutex mu_;
  absl::btree_map<std::string, Ring> rings_;
};

}  // namespace henge::server
