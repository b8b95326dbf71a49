// SPDX-License-Identifier: Apache-2.0
#include "server/totals.h"

#include "base/clock.h"
#include "commands/command_table.h"
#include "server/node.h"

namespace henge::server {
namespace {

// Of the workers, and of the lanes that apply what a leader did.
template <class F>
void ForEachStats(Node& node, F visit) {
  for (const auto& dispatcher : node.dispatchers()) visit(dispatcher->stats());
  node.replication().lanes().ForEachStats(visit);
}

}  // namespace

uint64_t SumOver(Node& node, Counter ExecutionStats::* counter) {
  uint64_t sum = 0;
  ForEachStats(node, [&](const ExecutionStats& stats) { sum += (stats.*counter).get(); });
  return sum;
}

namespace {

Totals RawTotals(Node& node) {
  Totals totals;
  totals.commands = SumOver(node, &ExecutionStats::commands);
  for (const auto& worker : node.workers()) {
    totals.bytes_read += worker->stats().bytes_read.get();
    totals.bytes_written += worker->stats().bytes_written.get();
    totals.reads += worker->stats().reads.get();
    totals.writes += worker->stats().writes.get();
    totals.rounds += worker->stats().rounds.get();
    totals.busy_us += TicksToMicros(worker->stats().busy_ticks.get());
  }
  totals.replication_bytes_read = node.replication().received();
  totals.replication_bytes_written = node.replication().sent();
  ForEachStats(node, [&](const ExecutionStats& stats) {
    totals.command_us += TicksToMicros(stats.ticks.get());
  });
  for (const auto& dispatcher : node.dispatchers()) {
    totals.expiry_us += dispatcher->upkeep().expiry_us();
    totals.expiry_late_runs += dispatcher->upkeep().expiry().time_limit_reached();
  }
  for (size_t i = 0; i < node.store().shards(); ++i) {
    const store::ShardStats& stats = node.store().shard(static_cast<ShardIndex>(i)).stats;
    totals.hits += stats.hits.get();
    totals.misses += stats.misses.get();
    totals.expired += stats.expired.get();
    totals.expired_members += stats.expired_members.get();
    totals.evicted += stats.evicted.get();
  }
  return totals;
}

CommandTotals RawCommand(Node& node, size_t command_index) {
  CommandTotals totals;
  uint64_t ticks = 0;
  ForEachStats(node, [&](const ExecutionStats& stats) {
    const CommandCounters& c = stats.by_command[command_index];
    totals.calls += c.calls.get();
    ticks += c.ticks.get();
    totals.rejected += c.rejected.get();
    totals.failed += c.failed.get();
    for (size_t i = 0; i < kLatencyBuckets; ++i) totals.latency[i] += c.latency[i].get();
  });
  totals.micros = TicksToMicros(ticks);
  return totals;
}

constexpr uint64_t Totals::* kTotalsFields[] = {&Totals::commands,
                                                &Totals::bytes_read,
                                                &Totals::bytes_written,
                                                &Totals::reads,
                                                &Totals::writes,
                                                &Totals::hits,
                                                &Totals::misses,
                                                &Totals::expired,
                                                &Totals::evicted,
                                                &Totals::rounds,
                                                &Totals::busy_us,
                                                &Totals::command_us,
                                                &Totals::expiry_us,
                                                &Totals::expiry_late_runs,
                                                &Totals::expired_members,
                                                &Totals::replication_bytes_read,
                                                &Totals::replication_bytes_written};

}  // namespace

Totals SumTotals(Node& node) {
  Totals totals = RawTotals(node);
  const std::lock_guard lock(node.baseline().mu);
  for (const auto field : kTotalsFields) totals.*field -= node.baseline().totals.*field;
  return totals;
}

CommandTotals SumCommand(Node& node, int command_index) {
  const auto index = static_cast<size_t>(command_index);
  CommandTotals totals = RawCommand(node, index);
  const std::lock_guard lock(node.baseline().mu);
  if (node.baseline().commands.empty()) return totals;
  const CommandTotals& before = node.baseline().commands[index];
  totals.calls -= before.calls;
  totals.micros -= before.micros;
  totals.rejected -= before.rejected;
  totals.failed -= before.failed;
  for (size_t i = 0; i < kLatencyBuckets; ++i) totals.latency[i] -= before.latency[i];
  return totals;
}

void ResetStats(Node& node) {
  const size_t commands = commands::CommandTable::Get().all().size();
  const std::lock_guard lock(node.baseline().mu);
  StatsBaseline& baseline = node.baseline();
  baseline.totals = RawTotals(node);
  baseline.commands.clear();
  for (size_t i = 0; i < commands; ++i) baseline.commands.push_back(RawCommand(node, i));
  baseline.accepted = node.acceptor().accepted();
  baseline.rejected = node.acceptor().rejected();
  node.server_stats().Reset();
  node.store().reclaimer().ResetFreed();
  node.replication().ResetCounts();
}

uint64_t AcceptedConnections(Node& node) {
  const std::lock_guard lock(node.baseline().mu);
  return node.acceptor().accepted() - node.baseline().accepted;
}

uint64_t RejectedConnections(Node& node) {
  const std::lock_guard lock(node.baseline().mu);
  return node.acceptor().rejected() - node.baseline().rejected;
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
