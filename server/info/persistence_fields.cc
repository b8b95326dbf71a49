// SPDX-License-Identifier: Apache-2.0
// INFO persistence and replication.
#include "server/info/sections.h"
#include "server/node.h"
#include "server/totals.h"

namespace henge::server {

void PersistenceFields(Node& node, InfoFields& out) {
  out("loading", 0);
  out("async_loading", 0);
  out("current_cow_peak", 0);
  out("current_cow_size", 0);
  out("current_cow_size_age", 0);
  out("current_fork_perc", "0.00");
  out("current_save_keys_processed", 0);
  out("current_save_keys_total", 0);
  out("rdb_changes_since_last_save", SumOver(node, &ExecutionStats::dirty));
  out("rdb_bgsave_in_progress", 0);
  out("rdb_last_save_time", node.started_at_us() / 1'000'000);
  out("rdb_last_bgsave_status", "ok");
  out("rdb_last_bgsave_time_sec", -1);
  out("rdb_current_bgsave_time_sec", -1);
  out("rdb_saves", 0);
  out("rdb_last_cow_size", 0);
  out("rdb_last_load_keys_expired", 0);
  out("rdb_last_load_keys_loaded", 0);
  out("aof_enabled", 0);
  out("aof_rewrite_in_progress", 0);
  out("aof_rewrite_scheduled", 0);
  out("aof_last_rewrite_time_sec", -1);
  out("aof_current_rewrite_time_sec", -1);
  out("aof_last_bgrewrite_status", "ok");
  out("aof_rewrites", 0);
  out("aof_rewrites_consecutive_failures", 0);
  out("aof_last_write_status", "ok");
  out("aof_last_cow_size", 0);
  out("module_fork_in_progress", 0);
  out("module_fork_last_cow_size", 0);
}

void ReplicationFields(Node& node, InfoFields& out) {
  out("role", "master");
  out("connected_slaves", 0);
  out("master_failover_state", "no-failover");
  const replication::History& history = node.history();
  out("master_replid", history.id());
  out("master_replid2", history.second_id());
  out("master_repl_offset", history.offset());
  out("second_repl_offset", history.second_offset());
  out("repl_backlog_active", 0);
  out("repl_backlog_size", node.parameters().repl_backlog_size.load());
  out("repl_backlog_first_byte_offset", 0);
  out("repl_backlog_histlen", 0);
}

}  // namespace henge::server
