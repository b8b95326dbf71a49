// SPDX-License-Identifier: Apache-2.0
// INFO stats.
#include <algorithm>

#include "base/clock.h"
#include "server/info/sections.h"
#include "server/node.h"
#include "server/totals.h"

namespace henge::server {
namespace {

std::string KiloBytes(const RateMeter& meter) {
  return fmt::format("{:.2f}", static_cast<double>(meter.per_second()) / 1024);
}

void TrafficFields(Node& node, InfoFields& out, const Totals& totals) {
  const ServerStats& stats = node.server_stats();
  out("total_connections_received", AcceptedConnections(node));
  out("total_commands_processed", totals.commands);
  out("instantaneous_ops_per_sec", stats.ops.per_second());
  out("total_net_input_bytes", totals.bytes_read);
  out("total_net_output_bytes", totals.bytes_written);
  out("total_net_repl_input_bytes", totals.replication_bytes_read);
  out("total_net_repl_output_bytes", totals.replication_bytes_written);
  out("instantaneous_input_kbps", KiloBytes(stats.input));
  out("instantaneous_output_kbps", KiloBytes(stats.output));
  out("instantaneous_input_repl_kbps", KiloBytes(stats.replication_input));
  out("instantaneous_output_repl_kbps", KiloBytes(stats.replication_output));
  out("rejected_connections", RejectedConnections(node));
  out("sync_full", node.replication().full_syncs());
  out("sync_partial_ok", node.replication().partial_syncs());
  out("sync_partial_err", node.replication().partial_refusals());
}

void KeyFields(Node& node, InfoFields& out, const Totals& totals) {
  const ServerStats& stats = node.server_stats();
  out("expired_keys", totals.expired);
  out("expired_subkeys", totals.expired_members);
  out("expired_stale_perc", "0.00");  // The expiry index knows what is due: nothing is sampled.
  out("expired_time_cap_reached_count", totals.expiry_late_runs);
  out("expire_cycle_cpu_milliseconds", totals.expiry_us / 1000);
  out("evicted_keys", totals.evicted);
  out("evicted_clients", node.server_stats().evicted_clients.load());
  out("total_eviction_exceeded_time", stats.over_limit.total_ms());
  out("current_eviction_exceeded_time", stats.over_limit.current_ms());
  out("keyspace_hits", totals.hits);
  out("keyspace_misses", totals.misses);
  const pubsub::Exchange& exchange = node.exchange();
  out("pubsub_channels", exchange.Names(pubsub::Kind::kChannel));
  out("pubsub_patterns", exchange.Names(pubsub::Kind::kPattern));
  out("pubsubshard_channels", exchange.Names(pubsub::Kind::kShardChannel));
  out("latest_fork_usec", 0);
  out("total_forks", node.saver().report().jobs);
  out("migrate_cached_sockets", node.key_mover().targets());
  out("slave_expires_tracked_keys", 0);
  out("active_defrag_hits", 0);
  out("active_defrag_misses", 0);
  out("active_defrag_key_hits", 0);
  out("active_defrag_key_misses", 0);
  out("total_active_defrag_time", 0);
  out("current_active_defrag_time", 0);
  out("tracking_total_keys", node.tracking().keys());
  out("tracking_total_items", node.tracking().items());
  out("tracking_total_prefixes", node.tracking().prefixes());
}

void LoopFields(Node& node, InfoFields& out, const Totals& totals) {
  const ServerStats& stats = node.server_stats();
  out("unexpected_error_replies", stats.unexpected_errors.load());
  out("total_error_replies", stats.errors.total());
  out("dump_payload_sanitizations", 0);
  out("total_reads_processed", totals.reads);
  out("total_writes_processed", totals.writes);
  const bool threaded = node.workers().size() > 1;  // Every worker reads and writes for itself.
  out("io_threaded_reads_processed", threaded ? totals.reads : 0);
  out("io_threaded_writes_processed", threaded ? totals.writes : 0);
  out("client_query_buffer_limit_disconnections", stats.query_limit_closed.load());
  out("client_output_buffer_limit_disconnections", stats.output_limit_closed.load());
  out("reply_buffer_shrinks", 0);
  out("reply_buffer_expands", 0);
  out("eventloop_cycles", totals.rounds);
  out("eventloop_duration_sum", totals.busy_us);
  out("eventloop_duration_cmd_sum", totals.command_us);
  const uint64_t cycles = stats.rounds.per_second();
  out("instantaneous_eventloop_cycles_per_sec", cycles);
  out("instantaneous_eventloop_duration_usec", cycles == 0 ? 0 : stats.busy.per_second() / cycles);
  out("acl_access_denied_auth", stats.denied_auth.load());
  out("acl_access_denied_cmd", stats.denied_command.load());
  out("acl_access_denied_key", stats.denied_key.load());
  out("acl_access_denied_channel", stats.denied_channel.load());
}

}  // namespace

void DebugFields(Node& node, InfoFields& out) {
  uint64_t timers = 0;
  uint64_t longest = 0;
  uint64_t commands = 0;
  for (const auto& worker : node.workers()) {
    timers += worker->stats().timer_ticks.get();
    longest = std::max(longest, worker->stats().longest_ticks.get());
  }
  for (const auto& dispatcher : node.dispatchers()) {
    commands = std::max(commands, dispatcher->stats().most_in_round.get());
  }
  out("eventloop_duration_aof_sum", 0);
  out("eventloop_duration_cron_sum", TicksToMicros(timers));
  out("eventloop_duration_max", TicksToMicros(longest));
  out("eventloop_cmd_per_cycle_max", commands);
}

void StatsFields(Node& node, InfoFields& out) {
  const Totals totals = SumTotals(node);
  TrafficFields(node, out, totals);
  KeyFields(node, out, totals);
  LoopFields(node, out, totals);
  int64_t lag_ms = 0;
  for (const auto& dispatcher : node.dispatchers()) {
    lag_ms = std::max(lag_ms, dispatcher->upkeep().expiry().lag_ms());
  }
  out("expiry_lag_ms", lag_ms);
}

}  // namespace henge::server
