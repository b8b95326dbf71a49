// SPDX-License-Identifier: Apache-2.0
#include "server/observability/henge_metrics.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/version.h"
#include "cluster/slot_migrations.h"
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
    out.Add("henge_worker_connections", AsDouble(worker.connections()), labels);
    out.Add("henge_worker_busy_seconds_total",
            Seconds(TicksToMicros(worker.stats().busy_ticks.get())), labels);
    out.Add("henge_worker_rounds_total", AsDouble(worker.stats().rounds.get()), labels);
    out.Add("henge_worker_commands_total", AsDouble(dispatcher.stats().commands.get()), labels);
    out.Add("henge_worker_command_seconds_total",
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
  out.AddHistogram("henge_expiry_lag_seconds", bounds, counts, static_cast<double>(sum_ms) * 1e-3);
  out.Add("henge_expiry_lag_max_seconds", static_cast<double>(max_ms) * 1e-3);
  out.Add("henge_expiry_backlog_seconds", static_cast<double>(backlog_ms) * 1e-3);
}

void Tables(Node& node, MetricFamilies& out) {
  uint64_t bytes = 0;
  uint64_t places = 0;
  uint64_t deadlines = 0;
  for (size_t i = 0; i < node.store().shards(); ++i) {
    const store::TableCensus& census = node.store().shard(static_cast<ShardIndex>(i)).census;
    bytes += census.bytes.get();
    places += census.places.get();
    deadlines += census.deadline_bytes.get();
  }
  out.Add("henge_table_bytes", AsDouble(bytes));
  out.Add("henge_table_places", AsDouble(places));
  out.Add("henge_table_deadlines_bytes", AsDouble(deadlines));
}

void Snapshot(std::string_view work, const persistence::SnapshotProgress& progress,
              MetricFamilies& out) {
  const MetricFamilies::Labels labels = {{"work", std::string(work)}};
  out.Add("henge_snapshot_keys", AsDouble(progress.keys), labels);
  out.Add("henge_snapshot_saved_keys", AsDouble(progress.saved), labels);
  out.Add("henge_snapshot_saved_early_keys", AsDouble(progress.saved_early), labels);
  out.Add("henge_snapshot_written_bytes", AsDouble(progress.bytes), labels);
}

void LongWork(Node& node, MetricFamilies& out) {
  if (const DatasetLoader& loader = node.loader(); loader.loading()) {
    out.Add("henge_loading_bytes", AsDouble(loader.progress().total_bytes.load()));
    out.Add("henge_loading_loaded_bytes", AsDouble(loader.progress().bytes.load()));
    out.Add("henge_loading_loaded_keys", AsDouble(loader.progress().keys.load()));
  }
  if (const Saver::Report save = node.saver().report(); save.running) {
    Snapshot("save", save.progress, out);
  }
  if (const Journaling::Report aof = node.journaling().report(); aof.rewriting) {
    Snapshot("rewrite", aof.progress, out);
  }
}

void Relayed(const cluster::ClusterView& view, MetricFamilies& out) {
  const cluster::BusStats stats = view.bus_stats();
  out.Add("henge_cluster_followers", AsDouble(stats.followers));
  out.Add("henge_cluster_following", AsDouble(stats.following));
  out.Add("henge_cluster_publish_sent_total", AsDouble(stats.publishes_sent));
  out.Add("henge_cluster_publish_received_total", AsDouble(stats.publishes_received));
  out.Add("henge_cluster_publish_dropped_total", AsDouble(stats.publishes_dropped));
  out.Add("henge_cluster_publish_waiting_bytes", AsDouble(stats.unsent_bytes));
}

void Migrations(const cluster::SlotMigrations& migrations, MetricFamilies& out) {
  const cluster::SlotMigrationCounts counts = migrations.counts();
  out.Add("henge_slot_migrations_active", AsDouble(counts.active));
  out.Add("henge_slot_migrations_total", AsDouble(counts.succeeded), {{"outcome", "success"}});
  out.Add("henge_slot_migrations_total", AsDouble(counts.failed), {{"outcome", "failed"}});
  out.Add("henge_slot_migrations_total", AsDouble(counts.cancelled), {{"outcome", "cancelled"}});
  out.Add("henge_slot_migration_pause_seconds",
          Seconds(static_cast<uint64_t>(counts.last_pause_micros)));
  out.Add("henge_slot_imports_active", AsDouble(counts.imports));
  out.Add("henge_slot_migrations_sent_bytes_total", AsDouble(counts.sent_bytes));
  out.Add("henge_slot_imports_received_bytes_total", AsDouble(counts.received_bytes));
  const cluster::SlotMigrationReport now = migrations.UnderWay();
  if (!now.name.empty()) {
    out.Add("henge_slot_migration_remaining_bytes", AsDouble(now.remaining_bytes));
    out.Add("henge_slot_migration_keys", AsDouble(now.keys));
    out.Add("henge_slot_migration_walked_keys", AsDouble(now.walked_keys));
  }
  out.Add("henge_slots_moved_total", AsDouble(counts.moved_slots));
  out.Add("henge_slots_dropped_keys_total", AsDouble(counts.dropped_keys));
}

void Followers(Node& node, MetricFamilies& out) {
  const Acknowledgements& acknowledgements = node.replication().acknowledgements();
  out.Add("henge_write_concern_insync", acknowledgements.holds_replies() ? 1 : 0);
  out.Add("henge_insync_followers", AsDouble(acknowledgements.in_sync()));
  out.Add("henge_replication_discarded_bytes_total",
          AsDouble(node.replication().discarded_bytes()));
  out.Add("henge_replication_discarded_files_total",
          AsDouble(node.replication().discarded_files()));
  const Replication::Report report = node.replication().report();
  out.Add("henge_backlog_bytes", AsDouble(static_cast<uint64_t>(report.backlog_bytes)));
  out.Add("henge_backlog_disk_bytes", AsDouble(report.disk_bytes));
  out.Add("henge_backlog_disk_limit_bytes", AsDouble(report.disk_limit));
  for (const Replication::FollowerReport& follower : report.followers) {
    const int64_t behind = std::max<int64_t>(0, report.offset - follower.offset);
    out.Add("henge_follower_lag_bytes", static_cast<double>(behind),
            {{"address", follower.address}, {"port", std::to_string(follower.port)}});
  }
}

void AddWaits(std::string_view name, std::span<const persistence::WaitHistogram* const> waits,
              MetricFamilies& out, MetricFamilies::Labels labels = {}) {
  constexpr size_t kBuckets = persistence::WaitHistogram::kBuckets;
  std::vector<uint64_t> counts(kBuckets);
  std::vector<double> bounds;
  for (size_t i = 0; i + 1 < kBuckets; ++i) bounds.push_back(Seconds(uint64_t{1} << i));
  uint64_t sum_us = 0;
  for (const persistence::WaitHistogram* one : waits) {
    for (size_t i = 0; i < kBuckets; ++i) counts[i] += one->count(i);
    sum_us += one->sum_us();
  }
  out.AddHistogram(name, bounds, counts, Seconds(sum_us), std::move(labels));
}

void Journal(Node& node, MetricFamilies& out) {
  Journaling& journaling = node.journaling();
  std::vector<const persistence::WaitHistogram*> durable;
  std::vector<const persistence::WaitHistogram*> replicated;
  for (const auto& dispatcher : node.dispatchers()) {
    durable.push_back(&dispatcher->commits().waits());
    replicated.push_back(&dispatcher->followers_commits().waits());
  }
  AddWaits("henge_commit_wait_seconds", durable, out, {{"until", "disk"}});
  AddWaits("henge_commit_wait_seconds", replicated, out, {{"until", "followers"}});
  const persistence::WaitHistogram* syncs[] = {&journaling.sync_times()};
  AddWaits("henge_aof_sync_seconds", syncs, out);
  out.Add("henge_journal_bytes_total", AsDouble(journaling.journal().end()));
  out.Add("henge_journal_memory_bytes", AsDouble(journaling.journal().memory_bytes()));
  out.Add("henge_journal_stalled", journaling.has_room() ? 0 : 1);
  out.Add("henge_journal_stall_seconds_total",
          Seconds(node.server_stats().journal_stall_us.load(std::memory_order_relaxed)));
}

// Of the node's group in the control plane.
void Leadership(ClusterMember& member, MetricFamilies& out) {
  const bool in_touch = member.InTouch();
  out.Add("henge_cluster_in_touch", in_touch ? 1 : 0);
  const cluster::TopologyPtr topology = member.view().topology();
  const cluster::NodeId self = member.view().my_id();
  for (const cluster::Group& group : topology->groups()) {
    if (!group.IsMember(self)) continue;
    const MetricFamilies::Labels labels = {{"group", group.id.str()}};
    out.Add("henge_group_leads", in_touch && group.leader == self ? 1 : 0, labels);
    out.Add("henge_group_epoch", AsDouble(group.epoch), labels);
  }
}

}  // namespace

void CollectHengeMetrics(Node& node, MetricFamilies& out) {
  out.Add("henge_build_info", 1,
          {{"version", std::string(kHengeVersion)}, {"redis_version", std::string(kRedisVersion)}});
  Workers(node, out);
  Expiry(node, out);
  out.Add("henge_shards", AsDouble(node.store().shards()));
  Tables(node, out);
  LongWork(node, out);
  if (node.cluster() != nullptr) Relayed(*node.cluster(), out);
  if (node.cluster() != nullptr) Migrations(*node.cluster()->slot_migrations(), out);
  if (node.member() != nullptr) Leadership(*node.member(), out);
  Followers(node, out);
  Journal(node, out);
  out.Add("henge_reclaimer_pending_objects", AsDouble(node.store().reclaimer().pending()));
  out.Add("henge_reclaimer_freed_objects", AsDouble(node.store().reclaimer().freed()));
  out.Add("henge_log_lines_dropped_total", AsDouble(DroppedLogLines()));
}

}  // namespace henge::server
