// SPDX-License-Identifier: Apache-2.0
#include "server/observability/metric_catalogue.h"

#include <fmt/format.h>

#include <iterator>

#include "base/strings.h"

namespace henge::server {
namespace {

using enum MetricKind;

constexpr std::string_view kBytes = "bytes";
constexpr std::string_view kCount = "number";
constexpr std::string_view kFlag = "0 or 1";
constexpr std::string_view kMicros = "microseconds";
constexpr std::string_view kMillis = "milliseconds";
constexpr std::string_view kPercent = "percent";
constexpr std::string_view kPerSecond = "per second";
constexpr std::string_view kRatio = "ratio";
constexpr std::string_view kSeconds = "seconds";
constexpr std::string_view kUnixTime = "Unix time";

// clang-format off
constexpr Metric kMetrics[] = {
    {"redis_up", kGauge, kFlag, "", "", "Whether the server answers: it does, or there were no metrics."},
    {"redis_instance_info", kGauge, kFlag, "role, redis_version, redis_build_id, redis_mode, os, maxmemory_policy, tcp_port, run_id, process_id, master_replid", "", "Always 1: what this server is, in its labels."},
    {"redis_start_time_seconds", kGauge, kUnixTime, "", "", "When the server started."},
    {"redis_uptime_in_seconds", kGauge, kSeconds, "", "uptime_in_seconds", "Seconds since the start."},
    {"redis_process_id", kGauge, kCount, "", "process_id", "Number of the process."},
    {"redis_hz", kGauge, kCount, "", "hz", "Rounds of upkeep a second."},
    {"redis_configured_hz", kGauge, kCount, "", "configured_hz", "The hz parameter."},
    {"redis_io_threads_active", kGauge, kFlag, "", "io_threads_active", "Whether several threads serve clients."},
    {"redis_connected_clients", kGauge, kCount, "", "connected_clients", "Clients connected."},
    {"redis_cluster_connections", kGauge, kCount, "", "cluster_connections", "Links of the cluster bus."},
    {"redis_max_clients", kGauge, kCount, "", "maxclients", "Clients that may be connected."},
    {"redis_blocked_clients", kGauge, kCount, "", "blocked_clients", "Clients that wait in a blocking command."},
    {"redis_tracking_clients", kGauge, kCount, "", "tracking_clients", "Clients with tracking on."},
    {"redis_clients_in_timeout_table", kGauge, kCount, "", "clients_in_timeout_table", "Clients that wait with a timeout."},
    {"redis_pubsub_clients", kGauge, kCount, "", "pubsub_clients", "Clients that have subscribed."},
    {"redis_total_blocking_keys", kGauge, kCount, "", "total_blocking_keys", "Keys that clients wait for."},
    {"redis_total_blocking_keys_on_nokey", kGauge, kCount, "", "total_blocking_keys_on_nokey", "Keys whose deletion clients wait for."},
    {"redis_client_recent_max_output_buffer_bytes", kGauge, kBytes, "", "client_recent_max_output_buffer", "Largest output buffer now."},
    {"redis_client_recent_max_input_buffer_bytes", kGauge, kBytes, "", "client_recent_max_input_buffer", "Largest query buffer now."},
    {"redis_memory_used_bytes", kGauge, kBytes, "", "used_memory", "Bytes allocated."},
    {"redis_memory_used_rss_bytes", kGauge, kBytes, "", "used_memory_rss", "Bytes resident in memory."},
    {"redis_memory_used_peak_bytes", kGauge, kBytes, "", "used_memory_peak", "Most bytes ever allocated."},
    {"redis_memory_used_overhead_bytes", kGauge, kBytes, "", "used_memory_overhead", "Bytes allocated for other than data."},
    {"redis_memory_used_startup_bytes", kGauge, kBytes, "", "used_memory_startup", "Bytes allocated at the start."},
    {"redis_memory_used_dataset_bytes", kGauge, kBytes, "", "used_memory_dataset", "Bytes allocated for data."},
    {"redis_memory_used_lua_bytes", kGauge, kBytes, "", "used_memory_lua", "Bytes of the Lua engine."},
    {"redis_memory_used_vm_eval_bytes", kGauge, kBytes, "", "used_memory_vm_eval", "Bytes of the engine for scripts."},
    {"redis_memory_used_scripts_eval_bytes", kGauge, kBytes, "", "used_memory_scripts_eval", "Bytes of cached scripts."},
    {"redis_memory_used_vm_functions_bytes", kGauge, kBytes, "", "used_memory_vm_functions", "Bytes of the engine for functions."},
    {"redis_memory_used_functions_bytes", kGauge, kBytes, "", "used_memory_functions", "Bytes of functions."},
    {"redis_memory_used_scripts_bytes", kGauge, kBytes, "", "used_memory_scripts", "Bytes of scripts and functions."},
    {"redis_memory_used_vm_total", kGauge, kBytes, "", "used_memory_vm_total", "Bytes of the engines."},
    {"redis_number_of_cached_scripts", kGauge, kCount, "", "number_of_cached_scripts", "Scripts in the cache."},
    {"redis_number_of_functions", kGauge, kCount, "", "number_of_functions", "Functions loaded."},
    {"redis_number_of_libraries", kGauge, kCount, "", "number_of_libraries", "Libraries of functions loaded."},
    {"redis_total_system_memory_bytes", kGauge, kBytes, "", "total_system_memory", "The machine's memory."},
    {"redis_memory_max_bytes", kGauge, kBytes, "", "maxmemory", "The maxmemory parameter; 0: no limit."},
    {"redis_allocator_active_bytes", kGauge, kBytes, "", "allocator_active", "Bytes in the allocator's pages in use."},
    {"redis_allocator_allocated_bytes", kGauge, kBytes, "", "allocator_allocated", "Bytes the allocator has given out."},
    {"redis_allocator_resident_bytes", kGauge, kBytes, "", "allocator_resident", "Bytes of the allocator resident in memory."},
    {"redis_allocator_frag_ratio", kGauge, kRatio, "", "allocator_frag_ratio", "Active to allocated."},
    {"redis_allocator_frag_bytes", kGauge, kBytes, "", "allocator_frag_bytes", "Active less allocated."},
    {"redis_allocator_rss_ratio", kGauge, kRatio, "", "allocator_rss_ratio", "Resident to active."},
    {"redis_allocator_rss_bytes", kGauge, kBytes, "", "allocator_rss_bytes", "Resident less active."},
    {"redis_mem_fragmentation_ratio", kGauge, kRatio, "", "mem_fragmentation_ratio", "Resident memory to allocated."},
    {"redis_mem_fragmentation_bytes", kGauge, kBytes, "", "mem_fragmentation_bytes", "Resident memory less allocated."},
    {"redis_mem_not_counted_for_eviction_bytes", kGauge, kBytes, "", "mem_not_counted_for_evict", "Bytes that maxmemory does not count."},
    {"redis_mem_replication_backlog_bytes", kGauge, kBytes, "", "mem_replication_backlog", "Bytes of the replication backlog."},
    {"redis_mem_total_replication_buffers_bytes", kGauge, kBytes, "", "mem_total_replication_buffers", "Bytes of replication buffers."},
    {"redis_mem_clients_slaves", kGauge, kBytes, "", "mem_clients_slaves", "Bytes of replicas' connections."},
    {"redis_mem_clients_normal", kGauge, kBytes, "", "mem_clients_normal", "Bytes of clients' connections."},
    {"redis_mem_cluster_links_bytes", kGauge, kBytes, "", "mem_cluster_links", "Bytes of the cluster bus."},
    {"redis_mem_aof_buffer_bytes", kGauge, kBytes, "", "mem_aof_buffer", "Bytes of the log's buffers."},
    {"redis_lazyfree_pending_objects", kGauge, kCount, "", "lazyfree_pending_objects", "Values still to be freed."},
    {"redis_lazyfreed_objects", kGauge, kCount, "", "lazyfreed_objects", "Values freed off the data path."},
    {"redis_active_defrag_running", kGauge, kFlag, "", "active_defrag_running", "Whether memory is being defragmented."},
    {"redis_loading_dump_file", kGauge, kFlag, "", "loading", "Whether data is being loaded."},
    {"redis_async_loading", kGauge, kFlag, "", "async_loading", "Whether data is being loaded while the old is served."},
    {"redis_rdb_changes_since_last_save", kGauge, kCount, "", "rdb_changes_since_last_save", "Changes since the last snapshot."},
    {"redis_rdb_bgsave_in_progress", kGauge, kFlag, "", "rdb_bgsave_in_progress", "Whether a snapshot is being written."},
    {"redis_rdb_last_save_timestamp_seconds", kGauge, kUnixTime, "", "rdb_last_save_time", "When the last snapshot was written."},
    {"redis_rdb_last_bgsave_status", kGauge, kFlag, "", "rdb_last_bgsave_status", "Whether the last snapshot succeeded."},
    {"redis_rdb_last_bgsave_duration_sec", kGauge, kSeconds, "", "rdb_last_bgsave_time_sec", "Seconds the last snapshot took."},
    {"redis_rdb_current_bgsave_duration_sec", kGauge, kSeconds, "", "rdb_current_bgsave_time_sec", "Seconds the present snapshot has taken."},
    {"redis_rdb_saves_total", kGauge, kCount, "", "rdb_saves", "Snapshots written."},
    {"redis_rdb_last_cow_size_bytes", kGauge, kBytes, "", "rdb_last_cow_size", "Bytes copied during the last snapshot."},
    {"redis_rdb_last_load_expired_keys", kGauge, kCount, "", "rdb_last_load_keys_expired", "Expired keys met by the last load."},
    {"redis_rdb_last_load_loaded_keys", kGauge, kCount, "", "rdb_last_load_keys_loaded", "Keys loaded by the last load."},
    {"redis_aof_enabled", kGauge, kFlag, "", "aof_enabled", "Whether the log is on."},
    {"redis_aof_rewrite_in_progress", kGauge, kFlag, "", "aof_rewrite_in_progress", "Whether the log is being rewritten."},
    {"redis_aof_rewrite_scheduled", kGauge, kFlag, "", "aof_rewrite_scheduled", "Whether the log will be rewritten."},
    {"redis_aof_last_rewrite_duration_sec", kGauge, kSeconds, "", "aof_last_rewrite_time_sec", "Seconds the last rewrite took."},
    {"redis_aof_current_rewrite_duration_sec", kGauge, kSeconds, "", "aof_current_rewrite_time_sec", "Seconds the present rewrite has taken."},
    {"redis_aof_last_cow_size_bytes", kGauge, kBytes, "", "aof_last_cow_size", "Bytes copied during the last rewrite."},
    {"redis_aof_current_size_bytes", kGauge, kBytes, "", "aof_current_size", "Bytes of the log."},
    {"redis_aof_base_size_bytes", kGauge, kBytes, "", "aof_base_size", "Bytes of the log after its last rewrite."},
    {"redis_aof_pending_rewrite", kGauge, kFlag, "", "aof_pending_rewrite", "Whether a rewrite waits for a snapshot."},
    {"redis_aof_buffer_length", kGauge, kBytes, "", "aof_buffer_length", "Bytes still to be written to the log."},
    {"redis_aof_pending_bio_fsync", kGauge, kCount, "", "aof_pending_bio_fsync", "Syncs of the log that wait."},
    {"redis_aof_delayed_fsync", kGauge, kCount, "", "aof_delayed_fsync", "Syncs of the log that were late."},
    {"redis_aof_last_bgrewrite_status", kGauge, kFlag, "", "aof_last_bgrewrite_status", "Whether the last rewrite succeeded."},
    {"redis_aof_last_write_status", kGauge, kFlag, "", "aof_last_write_status", "Whether the last write to the log succeeded."},
    {"redis_module_fork_in_progress", kGauge, kCount, "", "module_fork_in_progress", "Always 0: there are no modules."},
    {"redis_module_fork_last_cow_size", kGauge, kBytes, "", "module_fork_last_cow_size", "Always 0: there are no modules."},
    {"redis_instantaneous_ops_per_sec", kGauge, kPerSecond, "", "instantaneous_ops_per_sec", "Commands a second, lately."},
    {"redis_expired_stale_percentage", kGauge, kPercent, "", "expired_stale_perc", "Share of expired keys not yet deleted."},
    {"redis_current_eviction_exceeded_time_ms", kGauge, kMillis, "", "current_eviction_exceeded_time", "Milliseconds memory has been over maxmemory without a break."},
    {"redis_pubsub_channels", kGauge, kCount, "", "pubsub_channels", "Channels subscribed to."},
    {"redis_pubsub_patterns", kGauge, kCount, "", "pubsub_patterns", "Patterns subscribed to."},
    {"redis_pubsubshard_channels", kGauge, kCount, "", "pubsubshard_channels", "Shard channels subscribed to."},
    {"redis_migrate_cached_sockets_total", kGauge, kCount, "", "migrate_cached_sockets", "Connections kept for MIGRATE."},
    {"redis_defrag_hits", kGauge, kCount, "", "active_defrag_hits", "Values moved by defragmentation."},
    {"redis_defrag_misses", kGauge, kCount, "", "active_defrag_misses", "Values looked at in vain by defragmentation."},
    {"redis_defrag_key_hits", kGauge, kCount, "", "active_defrag_key_hits", "Keys moved by defragmentation."},
    {"redis_defrag_key_misses", kGauge, kCount, "", "active_defrag_key_misses", "Keys looked at in vain by defragmentation."},
    {"redis_tracking_total_keys", kGauge, kCount, "", "tracking_total_keys", "Keys tracked for clients' caches."},
    {"redis_tracking_total_items", kGauge, kCount, "", "tracking_total_items", "Pairs of key and client tracked."},
    {"redis_tracking_total_prefixes", kGauge, kCount, "", "tracking_total_prefixes", "Prefixes tracked for clients' caches."},
    {"redis_instantaneous_eventloop_cycles_per_sec", kGauge, kPerSecond, "", "instantaneous_eventloop_cycles_per_sec", "Rounds of the workers' loops a second, lately."},
    {"redis_instantaneous_eventloop_duration_usec", kGauge, kMicros, "", "instantaneous_eventloop_duration_usec", "Microseconds of work in such a round, lately."},
    {"redis_connected_slaves", kGauge, kCount, "", "connected_slaves", "Replicas connected."},
    {"redis_replication_backlog_bytes", kGauge, kBytes, "", "repl_backlog_size", "The repl-backlog-size parameter."},
    {"redis_repl_backlog_is_active", kGauge, kFlag, "", "repl_backlog_active", "Whether there is a replication backlog."},
    {"redis_repl_backlog_first_byte_offset", kGauge, kBytes, "", "repl_backlog_first_byte_offset", "Offset at which the backlog begins."},
    {"redis_repl_backlog_history_bytes", kGauge, kBytes, "", "repl_backlog_histlen", "Bytes in the backlog."},
    {"redis_master_repl_offset", kGauge, kBytes, "", "master_repl_offset", "Offset of the replication stream."},
    {"redis_second_repl_offset", kGauge, kBytes, "", "second_repl_offset", "Offset up to which the former stream's id is good."},
    {"redis_slave_expires_tracked_keys", kGauge, kCount, "", "slave_expires_tracked_keys", "Keys with deadlines written on a writable replica."},
    {"redis_slave_priority", kGauge, kCount, "", "slave_priority", "Priority for failovers."},
    {"redis_replica_resyncs_full", kGauge, kCount, "", "sync_full", "Full syncs given."},
    {"redis_replica_partial_resync_accepted", kGauge, kCount, "", "sync_partial_ok", "Partial syncs given."},
    {"redis_replica_partial_resync_denied", kGauge, kCount, "", "sync_partial_err", "Partial syncs refused."},
    {"redis_cluster_enabled", kGauge, kFlag, "", "cluster_enabled", "Whether this node is in a cluster."},

    // Counters of INFO.
    {"redis_connections_received_total", kCounter, kCount, "", "total_connections_received", "Connections accepted."},
    {"redis_rejected_connections_total", kCounter, kCount, "", "rejected_connections", "Connections refused for maxclients."},
    {"redis_commands_processed_total", kCounter, kCount, "", "total_commands_processed", "Commands run."},
    {"redis_net_input_bytes_total", kCounter, kBytes, "", "total_net_input_bytes", "Bytes read from clients."},
    {"redis_net_output_bytes_total", kCounter, kBytes, "", "total_net_output_bytes", "Bytes written to clients."},
    {"redis_net_repl_input_bytes_total", kCounter, kBytes, "", "total_net_repl_input_bytes", "Bytes read for replication."},
    {"redis_net_repl_output_bytes_total", kCounter, kBytes, "", "total_net_repl_output_bytes", "Bytes written for replication."},
    {"redis_expired_keys_total", kCounter, kCount, "", "expired_keys", "Keys deleted for their age."},
    {"redis_expired_subkeys_total", kCounter, kCount, "", "expired_subkeys", "Hash fields deleted for their age."},
    {"redis_expired_time_cap_reached_total", kCounter, kCount, "", "expired_time_cap_reached_count", "Rounds of expiry that ended for want of time."},
    {"redis_expire_cycle_cpu_time_ms_total", kCounter, kMillis, "", "expire_cycle_cpu_milliseconds", "Milliseconds spent in expiry."},
    {"redis_evicted_keys_total", kCounter, kCount, "", "evicted_keys", "Keys evicted for want of memory."},
    {"redis_evicted_clients_total", kCounter, kCount, "", "evicted_clients", "Clients closed for want of memory."},
    {"redis_eviction_exceeded_time_ms_total", kCounter, kMillis, "", "total_eviction_exceeded_time", "Milliseconds memory was over maxmemory."},
    {"redis_keyspace_hits_total", kCounter, kCount, "", "keyspace_hits", "Look-ups that found their key."},
    {"redis_keyspace_misses_total", kCounter, kCount, "", "keyspace_misses", "Look-ups that found nothing."},
    {"redis_eventloop_cycles_total", kCounter, kCount, "", "eventloop_cycles", "Rounds of the workers' loops."},
    {"redis_eventloop_duration_sum_usec_total", kCounter, kMicros, "", "eventloop_duration_sum", "Microseconds the workers worked."},
    {"redis_eventloop_duration_cmd_sum_usec_total", kCounter, kMicros, "", "eventloop_duration_cmd_sum", "Microseconds the workers ran commands."},
    {"redis_cpu_sys_seconds_total", kCounter, kSeconds, "", "used_cpu_sys", "CPU time in the kernel."},
    {"redis_cpu_user_seconds_total", kCounter, kSeconds, "", "used_cpu_user", "CPU time in the program."},
    {"redis_cpu_sys_children_seconds_total", kCounter, kSeconds, "", "used_cpu_sys_children", "CPU time of child processes in the kernel."},
    {"redis_cpu_user_children_seconds_total", kCounter, kSeconds, "", "used_cpu_user_children", "CPU time of child processes."},
    {"redis_cpu_sys_main_thread_seconds_total", kCounter, kSeconds, "", "used_cpu_sys_main_thread", "CPU time of the first worker in the kernel."},
    {"redis_cpu_user_main_thread_seconds_total", kCounter, kSeconds, "", "used_cpu_user_main_thread", "CPU time of the first worker."},
    {"redis_unexpected_error_replies", kCounter, kCount, "", "unexpected_error_replies", "Errors answered where none may be."},
    {"redis_total_error_replies", kCounter, kCount, "", "total_error_replies", "Errors answered."},
    {"redis_dump_payload_sanitizations", kCounter, kCount, "", "dump_payload_sanitizations", "Payloads of RESTORE examined in depth."},
    {"redis_total_reads_processed", kCounter, kCount, "", "total_reads_processed", "Reads from clients' sockets."},
    {"redis_total_writes_processed", kCounter, kCount, "", "total_writes_processed", "Writes to clients' sockets."},
    {"redis_io_threaded_reads_processed", kCounter, kCount, "", "io_threaded_reads_processed", "Reads from clients' sockets, where there are several workers."},
    {"redis_io_threaded_writes_processed", kCounter, kCount, "", "io_threaded_writes_processed", "Writes to clients' sockets, where there are several workers."},
    {"redis_client_query_buffer_limit_disconnections_total", kCounter, kCount, "", "client_query_buffer_limit_disconnections", "Clients closed for their query buffer."},
    {"redis_client_output_buffer_limit_disconnections_total", kCounter, kCount, "", "client_output_buffer_limit_disconnections", "Clients closed for their output buffer."},
    {"redis_reply_buffer_shrinks_total", kCounter, kCount, "", "reply_buffer_shrinks", "Always 0: reply buffers are lent, not resized."},
    {"redis_reply_buffer_expands_total", kCounter, kCount, "", "reply_buffer_expands", "Always 0: reply buffers are lent, not resized."},
    {"redis_acl_access_denied_auth_total", kCounter, kCount, "", "acl_access_denied_auth", "Wrong passwords."},
    {"redis_acl_access_denied_cmd_total", kCounter, kCount, "", "acl_access_denied_cmd", "Commands that ACLs refused."},
    {"redis_acl_access_denied_key_total", kCounter, kCount, "", "acl_access_denied_key", "Keys that ACLs refused."},
    {"redis_acl_access_denied_channel_total", kCounter, kCount, "", "acl_access_denied_channel", "Channels that ACLs refused."},

    // Of the configuration.
    {"redis_config_maxclients", kGauge, kCount, "", "", "The maxclients parameter."},
    {"redis_config_maxmemory", kGauge, kBytes, "", "", "The maxmemory parameter."},
    {"redis_config_io_threads", kGauge, kCount, "", "", "The io-threads parameter: workers."},

    // By database, command, error, event.
    {"redis_db_keys", kGauge, kCount, "db", "", "Keys."},
    {"redis_db_keys_expiring", kGauge, kCount, "db", "", "Keys that expire."},
    {"redis_db_avg_ttl_seconds", kGauge, kSeconds, "db", "", "Mean time to live of keys that expire, estimated; 0: not known."},
    {"redis_commands_total", kCounter, kCount, "cmd", "", "Calls."},
    {"redis_commands_duration_seconds_total", kCounter, kSeconds, "cmd", "", "Time spent in calls."},
    {"redis_commands_rejected_calls_total", kCounter, kCount, "cmd", "", "Calls refused before they ran."},
    {"redis_commands_failed_calls_total", kCounter, kCount, "cmd", "", "Calls that answered an error."},
    {"redis_commands_latencies_usec", kHistogram, kMicros, "cmd", "", "Time a call takes."},
    {"redis_latency_percentiles_usec", kGauge, kMicros, "cmd, quantile", "", "Percentiles of the time a call takes."},
    {"redis_errors_total", kCounter, kCount, "err", "", "Errors answered, by their first word."},
    {"redis_latency_spike_last", kGauge, kUnixTime, "event_name", "", "When an event last took longer than latency-monitor-threshold."},
    {"redis_latency_spike_duration_seconds", kGauge, kSeconds, "event_name", "", "Time an event took when it last took so long."},
    {"redis_slowlog_length", kGauge, kCount, "", "", "Entries of the slow log."},
    {"redis_slowlog_last_id", kGauge, kCount, "", "", "Number of the slow log's newest entry."},
    {"redis_last_slow_execution_duration_seconds", kGauge, kSeconds, "", "", "Time the slow log's newest entry took."},
    {"redis_latest_fork_seconds", kGauge, kSeconds, "", "", "Always 0: nothing forks."},

    // Of replicas, on their primary; of the primary, on a replica.
    {"redis_connected_slave_offset_bytes", kGauge, kBytes, "slave_ip, slave_port, slave_state", "", "Offset a replica has confirmed."},
    {"redis_connected_slave_lag_seconds", kGauge, kSeconds, "slave_ip, slave_port, slave_state", "", "Time since a replica's last word."},
    {"redis_slave_info", kGauge, kFlag, "master_host, master_port, read_only", "", "Always 1: whose replica this server is, in its labels."},
    {"redis_master_link_up", kGauge, kFlag, "master_host, master_port", "", "Whether the link to the primary is up."},
    {"redis_master_last_io_seconds_ago", kGauge, kSeconds, "master_host, master_port", "", "Time since the primary's last word."},
    {"redis_master_sync_in_progress", kGauge, kFlag, "master_host, master_port", "", "Whether a full sync is under way."},
    {"redis_slave_repl_offset", kGauge, kBytes, "master_host, master_port", "", "Offset this replica has applied."},

    // In a cluster: of CLUSTER INFO.
    {"redis_cluster_state", kGauge, kFlag, "", "cluster_state", "Whether the cluster serves."},
    {"redis_cluster_slots_assigned", kGauge, kCount, "", "cluster_slots_assigned", "Slots that have an owner."},
    {"redis_cluster_slots_ok", kGauge, kCount, "", "cluster_slots_ok", "Slots whose owner answers."},
    {"redis_cluster_slots_pfail", kGauge, kCount, "", "cluster_slots_pfail", "Slots whose owner is silent to this node."},
    {"redis_cluster_slots_fail", kGauge, kCount, "", "cluster_slots_fail", "Slots whose owner has failed."},
    {"redis_cluster_known_nodes", kGauge, kCount, "", "cluster_known_nodes", "Nodes, this one included."},
    {"redis_cluster_size", kGauge, kCount, "", "cluster_size", "Nodes that own slots."},
    {"redis_cluster_current_epoch", kGauge, kCount, "", "cluster_current_epoch", "Version of the topology."},
    {"redis_cluster_my_epoch", kGauge, kCount, "", "cluster_my_epoch", "Version in which this node's slots last changed."},
    {"redis_cluster_messages_sent_total", kGauge, kCount, "", "cluster_stats_messages_sent", "Messages sent over the cluster bus."},
    {"redis_cluster_messages_received_total", kGauge, kCount, "", "cluster_stats_messages_received", "Messages received over the cluster bus."},

    // What Redis has no name for.
    {"henge_build_info", kGauge, kFlag, "version, redis_version", "", "Always 1: what is running, in its labels."},
    {"henge_worker_connections", kGauge, kCount, "worker", "", "Connections a worker serves."},
    {"henge_worker_busy_seconds_total", kCounter, kSeconds, "worker", "", "Time a worker worked; its rate is the worker's load, at most 1."},
    {"henge_worker_rounds_total", kCounter, kCount, "worker", "", "Rounds of a worker's loop."},
    {"henge_worker_commands_total", kCounter, kCount, "worker", "", "Commands a worker ran."},
    {"henge_worker_command_seconds_total", kCounter, kSeconds, "worker", "", "Time a worker ran commands."},
    {"henge_expiry_lag_seconds", kHistogram, kSeconds, "", "", "Time between a key's deadline and its deletion by the expiry cycle."},
    {"henge_expiry_lag_max_seconds", kGauge, kSeconds, "", "", "The longest expiry lag since the start."},
    {"henge_expiry_backlog_seconds", kGauge, kSeconds, "", "", "Age of the oldest deadline still unattended."},
    {"henge_shards", kGauge, kCount, "", "", "Shards of the store."},
    {"henge_table_bytes", kGauge, kBytes, "", "", "Memory of the hash tables, without the entries; looked at once a second."},
    {"henge_table_places", kGauge, kCount, "", "", "Places for entries in the hash tables; keys divided by these is their load."},
    {"henge_table_deadlines_bytes", kGauge, kBytes, "", "", "Memory of the index of deadlines."},
    {"henge_loading_bytes", kGauge, kBytes, "", "", "While data is being loaded: of the files."},
    {"henge_loading_loaded_bytes", kGauge, kBytes, "", "", "Of these, gone through."},
    {"henge_loading_loaded_keys", kGauge, kCount, "", "", "Keys loaded so far."},
    {"henge_snapshot_keys", kGauge, kCount, "work", "", "While a snapshot is written (save: the RDB file; rewrite: the log's base): its keys."},
    {"henge_snapshot_saved_keys", kGauge, kCount, "work", "", "Of these, saved."},
    {"henge_snapshot_saved_early_keys", kGauge, kCount, "work", "", "Of the saved, by who was about to change them."},
    {"henge_snapshot_written_bytes", kGauge, kBytes, "work", "", "Bytes of its file so far."},
    {"henge_reclaimer_pending_objects", kGauge, kCount, "", "", "Values that wait to be freed off the data path."},
    {"henge_reclaimer_freed_objects", kGauge, kCount, "", "", "Values freed off the data path since the last reset."},
    // In a cluster.
    {"henge_cluster_followers", kGauge, kCount, "", "", "Nodes that hear what is published here."},
    {"henge_cluster_following", kGauge, kCount, "", "", "Nodes whose messages this one hears."},
    {"henge_cluster_publish_sent_total", kCounter, kCount, "", "", "Messages of clients sent to nodes that want them."},
    {"henge_cluster_publish_received_total", kCounter, kCount, "", "", "Messages of other nodes' clients."},
    {"henge_cluster_publish_dropped_total", kCounter, kCount, "", "", "Messages given up: for a node too slow, or gone."},
    {"henge_cluster_publish_waiting_bytes", kGauge, kBytes, "", "", "Messages that wait to be sent to nodes."},
    {"henge_slot_migrations_active", kGauge, kCount, "", "", "Migrations of slots from this node, under way or waiting."},
    {"henge_slot_migrations_total", kCounter, kCount, "outcome", "", "Those that are over: success, failed, cancelled."},
    {"henge_slot_migration_pause_seconds", kGauge, kSeconds, "", "", "How long writers of the slots waited at the end of the last one."},
    {"henge_slot_imports_active", kGauge, kCount, "", "", "Migrations of slots to this node, under way."},
    {"henge_slot_migrations_sent_bytes_total", kCounter, kBytes, "", "", "Sent by migrations of slots from this node."},
    {"henge_slot_imports_received_bytes_total", kCounter, kBytes, "", "", "Received by migrations of slots to this node."},
    {"henge_slot_migration_remaining_bytes", kGauge, kBytes, "", "", "Of the journal, not sent yet by the migration under way."},
    {"henge_slot_migration_keys", kGauge, kCount, "", "", "Keys of this node that the snapshot of the migration under way walks over."},
    {"henge_slot_migration_walked_keys", kGauge, kCount, "", "", "Those that it has walked over."},
    {"henge_slots_moved_total", kCounter, kCount, "", "", "Slots that this node gave away at once."},
    {"henge_slots_dropped_keys_total", kCounter, kCount, "", "", "Keys deleted because their slot went, or did not come."},
    {"henge_write_concern_insync", kGauge, kFlag, "", "", "Whether replies to writes wait for followers."},
    {"henge_insync_followers", kGauge, kCount, "", "", "Followers that replies wait for."},
    {"henge_replication_discarded_bytes_total", kCounter, kBytes, "", "", "Of the history of a leader that lost its place: what its successor never got."},
    {"henge_replication_discarded_files_total", kCounter, kCount, "", "", "Files in which such writes were kept."},
    {"henge_backlog_bytes", kGauge, kBytes, "", "", "Of the replication stream that followers can still get, what is on disk included."},
    {"henge_backlog_disk_bytes", kGauge, kBytes, "", "", "Of the backlog, what is on disk only; repl_backlog_disk_bytes of INFO."},
    {"henge_backlog_disk_limit_bytes", kGauge, kBytes, "", "", "repl-backlog-disk-size; 0: nothing goes on disk."},
    {"henge_follower_lag_bytes", kGauge, kBytes, "address, port", "", "What a follower has not acknowledged of the stream."},
    {"henge_commit_wait_seconds", kHistogram, kSeconds, "until", "", "How long replies to writes were held: until the disk had them (appendfsync always), or followers (write-concern insync)."},
    {"henge_aof_sync_seconds", kHistogram, kSeconds, "", "", "How long a sync of the log takes."},
    {"henge_journal_bytes_total", kCounter, kBytes, "", "", "Bytes of effects appended to the journal, and so sent to each follower."},
    {"henge_journal_memory_bytes", kGauge, kBytes, "", "", "Memory of the journal: the backlog, and what readers have still to take."},
    {"henge_journal_stalled", kGauge, kFlag, "", "", "Whether writes are held back now, as the disk is too far behind."},
    {"henge_journal_stall_seconds_total", kCounter, kSeconds, "", "", "Time for which clients' writes were so held back, added up over clients."},
    {"henge_cluster_in_touch", kGauge, kFlag, "", "", "Whether this node is on the side of the majority."},
    {"henge_group_leads", kGauge, kFlag, "group", "", "Whether this node leads its group and is on the side of the majority; nobody in a group: no leader."},
    {"henge_group_epoch", kGauge, kCount, "group", "", "Changes of the group's leader so far, as this node knows."},
    {"henge_log_lines_dropped_total", kCounter, kCount, "", "", "Log lines given up: the queue was full, or writing failed."},
};
// clang-format on

std::string_view NameOf(MetricKind kind) {
  return kind == kGauge ? "gauge" : kind == kCounter ? "counter" : "histogram";
}

constexpr std::string_view kReferenceHead = R"(# Metrics

Printed by `henge-server --metrics-reference`. With `metrics-port` set, Prometheus finds them at
`http://metrics-bind:metrics-port/metrics`. `redis_*` are called as redis_exporter calls them, so
that its dashboards and alerts work unchanged. A metric whose subject is absent (no cluster, no
replica, a command never called) is absent too. A scrape reads counters on a thread of its own and
stops no worker.

Beside it, `/health` answers 200 while the process answers at all, and `/ready` 200 while clients
are served, else 503 with the reason.

| name | type | unit | labels | meaning |
|---|---|---|---|---|
)";

}  // namespace

std::span<const Metric> MetricCatalogue() { return kMetrics; }

const Metric* FindMetric(std::string_view name) {
  static const auto by_name = [] {
    StringMap<const Metric*> map;
    for (const Metric& metric : kMetrics) map.emplace(metric.name, &metric);
    return map;
  }();
  const auto at = by_name.find(name);
  return at == by_name.end() ? nullptr : at->second;
}

std::string MetricsReference() {
  std::string text(kReferenceHead);
  for (const Metric& metric : kMetrics) {
    fmt::format_to(std::back_inserter(text), "| `{}` | {} | {} | {} | {} |\n", metric.name,
                   NameOf(metric.kind), metric.unit, metric.labels, metric.help);
  }
  return text;
}

}  // namespace henge::server
