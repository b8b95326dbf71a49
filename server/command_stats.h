// SPDX-License-Identifier: Apache-2.0
// What each worker counts about the commands it runs: written by that worker alone, summed by INFO,
// LATENCY HISTOGRAM and the metrics.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/counter.h"

namespace henge::server {

// Latencies in microseconds by powers of two: bucket i counts those in [2^(i-1), 2^i), 0 those
// under one.
inline constexpr size_t kLatencyBuckets = 32;

struct CommandCounters {
  Counter calls;
  Counter ticks;     // In them (base/clock.h): most calls take less than a microsecond.
  Counter rejected;  // Refused before they ran.
  Counter failed;    // Ran and answered an error.
  std::array<Counter, kLatencyBuckets> latency;

  // A call that took so many ticks, which are so many whole microseconds.
  void Record(uint64_t call_ticks, uint64_t us) {
    calls.Add();
    ticks.Add(call_ticks);
    const auto bucket = static_cast<size_t>(std::bit_width(us));
    latency[bucket < kLatencyBuckets ? bucket : kLatencyBuckets - 1].Add();
  }
};

struct ExecutionStats {
  explicit ExecutionStats(size_t rows) : by_command(rows) {}
  std::vector<CommandCounters> by_command;  // By CommandInfo::index.
  Counter commands;                         // All that ran.
  Counter ticks;                            // In commands (base/clock.h).
  Counter dirty;                            // Mutations.
  Counter most_in_round;                    // Commands in one round of the worker's loop.
};

}  // namespace henge::server
