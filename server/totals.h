// SPDX-License-Identifier: Apache-2.0
// Sums over workers and shards of what each counts for itself; for INFO and the metrics. Any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <vector>

#include "server/command_stats.h"

namespace henge::server {

class Node;

struct Totals {
  uint64_t commands = 0;
  uint64_t bytes_read = 0;
  uint64_t bytes_written = 0;
  uint64_t replication_bytes_read = 0;  // Not among the above.
  uint64_t replication_bytes_written = 0;
  uint64_t reads = 0;
  uint64_t writes = 0;
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t expired = 0;
  uint64_t expired_members = 0;
  uint64_t evicted = 0;
  uint64_t rounds = 0;      // Of the workers' loops.
  uint64_t busy_us = 0;     // Between waits.
  uint64_t command_us = 0;  // In commands.
  uint64_t expiry_us = 0;   // In the expiry cycle.
  uint64_t expiry_late_runs = 0;
};
Totals SumTotals(Node& node);  // Since the start, or since CONFIG RESETSTAT.

uint64_t SumOver(Node& node, Counter ExecutionStats::* counter);

struct CommandTotals {
  uint64_t calls = 0;
  uint64_t micros = 0;
  uint64_t rejected = 0;
  uint64_t failed = 0;
  std::array<uint64_t, kLatencyBuckets> latency{};

  // The upper bound, in µs, of the bucket that holds the percentile.
  double Percentile(double percent) const;
};
CommandTotals SumCommand(Node& node, int command_index);

// What the counters stood at when CONFIG RESETSTAT was called: they belong to the workers, who
// count on; whoever shows them takes this off.
struct StatsBaseline {
  mutable std::mutex mu;
  Totals totals;
  std::vector<CommandTotals> commands;  // By command index; empty before the first reset.
  uint64_t accepted = 0;
  uint64_t rejected = 0;
};
void ResetStats(Node& node);
uint64_t AcceptedConnections(Node& node);
uint64_t RejectedConnections(Node& node);

}  // namespace henge::server
