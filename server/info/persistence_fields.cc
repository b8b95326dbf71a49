// SPDX-License-Identifier: Apache-2.0
// INFO persistence.
#include <fmt/format.h>

#include "base/clock.h"
#include "server/info/sections.h"
#include "server/node.h"
#include "server/totals.h"

namespace henge::server {

namespace {

void LoadingFields(const DatasetLoader& loader, InfoFields& out) {
  const persistence::LoadProgress& progress = loader.progress();
  const uint64_t total = progress.total_bytes.load();
  const uint64_t bytes = progress.bytes.load();
  const int64_t elapsed = (SystemClock().NowMillis() - loader.started()) / 1000;
  out("loading_start_time", loader.started() / 1000);
  out("loading_total_bytes", total);
  out("loading_rdb_used_mem", progress.used_memory.load());
  out("loading_loaded_bytes", bytes);
  out("loading_loaded_perc", fmt::format("{:.2f}", total == 0 ? 0.0
                                                              : 100.0 * static_cast<double>(bytes) /
                                                                    static_cast<double>(total)));
  out("loading_eta_seconds",
      bytes == 0 ? 1 : elapsed * static_cast<int64_t>(total - bytes) / static_cast<int64_t>(bytes));
}

void AppendOnlyFields(const persistence::AofStatus& file, bool scheduled, InfoFields& out) {
  out("aof_current_size", file.current_bytes);
  out("aof_base_size", file.base_bytes);
  out("aof_pending_rewrite", scheduled ? 1 : 0);
  out("aof_buffer_length", file.buffer_bytes);
  out("aof_pending_bio_fsync", file.sync_pending ? 1 : 0);
  out("aof_delayed_fsync", file.delayed_syncs);
}

}  // namespace

void PersistenceFields(Node& node, InfoFields& out) {
  const Saver::Report rdb = node.saver().report();
  const DatasetLoader& loader = node.loader();
  const Journaling::Report aof = node.journaling().report();
  const persistence::SnapshotProgress& progress = rdb.running ? rdb.progress : aof.progress;
  const uint64_t total = progress.keys;
  const double share =
      total == 0 ? 0.0 : static_cast<double>(progress.saved) / static_cast<double>(total);
  out("loading", loader.refuses() ? 1 : 0);
  out("async_loading", loader.loads_aside() && !loader.refuses() ? 1 : 0);
  out("current_cow_peak", rdb.progress.copied);
  out("current_cow_size", rdb.progress.copied);
  out("current_cow_size_age", 0);
  out("current_fork_perc", fmt::format("{:.2f}", 100 * share));
  out("current_save_keys_processed", progress.saved);
  out("current_save_keys_total", total);
  out("rdb_changes_since_last_save", rdb.changes);
  const bool syncing = node.replication().writes_snapshot();
  out("rdb_bgsave_in_progress", rdb.running || syncing ? 1 : 0);
  out("rdb_last_save_time", rdb.last_save);
  out("rdb_last_bgsave_status", rdb.last_ok ? "ok" : "err");
  out("rdb_last_bgsave_time_sec", rdb.last_seconds);
  out("rdb_current_bgsave_time_sec", rdb.current_seconds);
  out("rdb_saves", rdb.saves);
  out("rdb_last_cow_size", rdb.last_copied);
  out("rdb_last_load_keys_expired", loader.progress().expired.load());
  out("rdb_last_load_keys_loaded", loader.progress().keys.load());
  out("aof_enabled", node.journaling().enabled() ? 1 : 0);
  out("aof_rewrite_in_progress", aof.rewriting ? 1 : 0);
  out("aof_rewrite_scheduled", aof.scheduled ? 1 : 0);
  out("aof_last_rewrite_time_sec", aof.last_rewrite_seconds);
  out("aof_current_rewrite_time_sec", aof.current_rewrite_seconds);
  out("aof_last_bgrewrite_status", aof.last_rewrite_ok ? "ok" : "err");
  out("aof_rewrites", aof.rewrites);
  out("aof_rewrites_consecutive_failures", aof.failures_in_row);
  out("aof_last_write_status", !aof.file || aof.file->healthy ? "ok" : "err");
  out("aof_last_cow_size", 0);
  out("module_fork_in_progress", 0);
  out("module_fork_last_cow_size", 0);
  if (aof.file) AppendOnlyFields(*aof.file, aof.scheduled, out);
  if (loader.refuses() || loader.loads_aside()) LoadingFields(loader, out);
}

}  // namespace henge::server
