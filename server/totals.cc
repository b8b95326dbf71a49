// SPDX-License-Identifier: Apache-2.0
#include "server/totals.h"

#include "server/node.h"

namespace henge::server {

uint64_t SumOver(Node& node, Counter ExecutionStats::* counter) {
  uint64_t sum = 0;
  for (const auto& dispatcher : node.dispatchers()) sum += (dispatcher->stats().*counter).get();
  return sum;
}

Totals SumTotals(Node& node) {
  Totals totals;
  totals.commands = SumOver(node, &ExecutionStats::commands);
  for (const auto& worker : node.workers()) {
    totals.bytes_read += worker->stats().bytes_read.get();
    totals.bytes_written += worker->stats().bytes_written.get();
    totals.reads += worker->stats().reads.get();
    totals.writes += worker->stats().writes.get();
  }
  for (size_t i = 0; i < node.store().shards(); ++i) {
    const store::ShardStats& stats = node.store().shard(static_cast<ShardIndex>(i)).stats;
    totals.hits += stats.hits.get();
    totals.misses += stats.misses.get();
    totals.expired += stats.expired.get();
    totals.evicted += stats.evicted.get();
  }
  return totals;
}

CommandTotals SumCommand(Node& node, int command_index) {
  CommandTotals totals;
  for (const auto& dispatcher : node.dispatchers()) {
    const CommandCounters& c = dispatcher->stats().by_command[static_cast<size_t>(command_index)];
    totals.calls += c.calls.get();
    totals.micros += c.micros.get();
    totals.rejected += c.rejected.get();
    totals.failed += c.failed.get();
    for (size_t i = 0; i < kLatencyBuckets; ++i) totals.latency[i] += c.latency[i].get();
  }
  return totals;
}

double CommandTotals::Percentile(double percent) const {
  uint64_t all = 0;
  for (const uint64_t n : latency) all += n;
  const double wanted = static_cast<double>(all) * percent / 100;
  uint64_t seen = 0;
  for (size_t i = 0; i < latency.size(); ++i) {
    seen += latency[i];
    if (static_cast<double>(seen) >= wanted) return static_cast<double>((uint64_t{1} << i) - 1);
  }
  return 0;
}

}  // namespace henge::server
