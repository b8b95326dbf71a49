// SPDX-License-Identifier: Apache-2.0
#include "server/observability/henge_metrics.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/version.h"
#include "server/node.h"
#include "server/observability/log_output.h"
#include "server/observability/metric_families.h"
#include "server/totals.h"

namespace henge::server {
namespace {

double Seconds(uint64_t micros) { return static_cast<double>(micros) * 1e-6; }
double AsDouble(uint64_t n) { return static_cast<double>(n); }

void Workers(Node& node, MetricFamilies& out) {
  for (size_t i = 0; i < node.workers().size(); ++i) {
    const net::Worker& worker = *node.workers()[i];
    const Dispatcher& dispatcher = *node.dispatchers()[i];
    const MetricFamilies::Labels labels = {{"worker", std::to_string(i)}};
    out.Gauge("henge_worker_connections", "Connections a worker serves.",
              AsDouble(worker.connections()), labels);
    out.Counter("henge_worker_busy_seconds_total",
                "Seconds a worker worked; its rate is the worker's load, at most 1.",
                Seconds(TicksToMicros(worker.stats().busy_ticks.get())), labels);
    out.Counter("henge_worker_rounds_total", "Rounds of a worker's loop.",
                AsDouble(worker.stats().rounds.get()), labels);
    out.Counter("henge_worker_commands_total", "Commands a worker ran.",
                AsDouble(dispatcher.stats().commands.get()), labels);
    out.Counter("henge_worker_command_seconds_total", "Seconds a worker ran commands.",
                Seconds(TicksToMicros(dispatcher.stats().ticks.get())), labels);
  }
}

void Expiry(Node& node, MetricFamilies& out) {
  constexpr size_t kBuckets = store::ExpiryLag::kBuckets;
  std::vector<uint64_t> counts(kBuckets);
  std::vector<double> bounds;
  for (size_t i = 0; i + 1 < kBuckets; ++i) {
    bounds.push_back(static_cast<double>(uint64_t{1} << i) * 1e-3);
  }
  uint64_t sum_ms = 0;
  uint64_t max_ms = 0;
  int64_t backlog_ms = 0;
  for (const auto& dispatcher : node.dispatchers()) {
    const store::ExpiryCycle& cycle = dispatcher->upkeep().expiry();
    for (size_t i = 0; i < kBuckets; ++i) counts[i] += cycle.deletions().buckets[i].get();
    sum_ms += cycle.deletions().sum_ms.get();
    max_ms = std::max(max_ms, cycle.deletions().max_ms.get());
    backlog_ms = std::max(backlog_ms, cycle.lag_ms());
  }
  out.Histogram("henge_expiry_lag_seconds",
                "Seconds between a key's deadline and its deletion by the expiry cycle.", bounds,
                counts, static_cast<double>(sum_ms) * 1e-3);
  out.Gauge("henge_expiry_lag_max_seconds", "The longest of these since the start.",
            static_cast<double>(max_ms) * 1e-3);
  out.Gauge("henge_expiry_backlog_seconds", "Age of the oldest deadline still unattended.",
            static_cast<double>(backlog_ms) * 1e-3);
}

}  // namespace

void CollectHengeMetrics(Node& node, MetricFamilies& out) {
  out.Gauge(
      "henge_build_info", "What is running.", 1,
      {{"version", std::string(kHengeVersion)}, {"redis_version", std::string(kRedisVersion)}});
  Workers(node, out);
  Expiry(node, out);
  out.Gauge("henge_shards", "Shards of the store.", AsDouble(node.store().shards()));
  out.Gauge("henge_reclaimer_pending_objects", "Values that wait to be freed off the data path.",
            AsDouble(node.store().reclaimer().pending()));
  out.Gauge("henge_reclaimer_freed_objects", "Values so freed since the last reset.",
            AsDouble(node.store().reclaimer().freed()));
  out.Counter("henge_log_lines_dropped_total",
              "Log lines given up: the queue was full, or writing failed.",
              AsDouble(DroppedLogLines()));
}

}  // namespace henge::server
