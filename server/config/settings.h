// SPDX-License-Identifier: Apache-2.0
// Every parameter's value, one typed field each, named as Redis names the parameter with `_` for
// `-`. Numbers, flags and choices are lock-free to read (`settings.maxmemory.load()`); texts cost a
// lock and a copy. Any thread reads; only Config writes.
//
// Fields of parameters with a form of their own (`save`, `bind`, …) hold the canonical text that
// CONFIG GET shows; the readers in server/config/structured.h take them apart.
#pragma once

#include "server/config/cell.h"
#include "server/config/choices.h"

namespace henge::server {

struct Settings {
  // --- server
  Text bind;
  Number port;
  Number tcp_backlog;
  Text unixsocket;
  Number unixsocketperm;
  Text unixsocketgroup;
  Number timeout;
  Number tcp_keepalive;
  Flag protected_mode;
  Number databases;
  Number io_threads;
  Flag io_threads_do_reads;
  Number maxclients;
  Text requirepass;
  Text aclfile;
  Choice<PubsubDefault> acl_pubsub_default;
  Number acllog_max_len;
  Text dir;
  Flag daemonize;
  Choice<Supervised> supervised;
  Text pidfile;
  Flag set_proc_title;
  Text proc_title_template;
  Text locale_collate;
  Number hz;
  Flag dynamic_hz;
  Number proto_max_bulk_len;
  Number client_query_buffer_limit;
  Text client_output_buffer_limit;
  Text notify_keyspace_events;
  Number busy_reply_threshold;
  Number tracking_table_max_keys;
  Choice<ProtectedAction> enable_protected_configs;
  Choice<ProtectedAction> enable_debug_command;
  Choice<ProtectedAction> enable_module_command;
  Number shutdown_on_sigint;
  Number shutdown_on_sigterm;
  Number shutdown_timeout;
  Text bind_source_addr;
  Number socket_mark_id;
  Choice<PropagationError> propagation_error_behavior;
  Text ignore_warnings;
  Flag extended_redis_compatibility;
  Flag crash_log_enabled;
  Flag crash_memcheck_enabled;
  Flag use_exit_on_panic;
  Flag enable_debug_assert;
  Text debug_context;
  Number watchdog_period;
  Text server_cpulist;
  Text bio_cpulist;
  Text aof_rewrite_cpulist;
  Text bgsave_cpulist;
  Number tls_port;
  Flag tls_cluster;
  Flag tls_replication;
  Choice<TlsAuthClients> tls_auth_clients;
  Flag tls_prefer_server_ciphers;
  Flag tls_session_caching;
  Number tls_session_cache_size;
  Number tls_session_cache_timeout;
  Text tls_cert_file;
  Text tls_key_file;
  Text tls_key_file_pass;
  Text tls_client_cert_file;
  Text tls_client_key_file;
  Text tls_client_key_file_pass;
  Text tls_dh_params_file;
  Text tls_ca_cert_file;
  Text tls_ca_cert_dir;
  Text tls_protocols;
  Text tls_ciphers;
  Text tls_ciphersuites;

  // --- memory
  Number maxmemory;
  Choice<store::EvictionPolicy> maxmemory_policy;
  Number maxmemory_samples;
  Number maxmemory_eviction_tenacity;
  Number maxmemory_clients;
  Number lfu_log_factor;
  Number lfu_decay_time;
  Number active_expire_effort;
  Flag lazyfree_lazy_eviction;
  Flag lazyfree_lazy_expire;
  Flag lazyfree_lazy_server_del;
  Flag lazyfree_lazy_user_del;
  Flag lazyfree_lazy_user_flush;
  Number hash_max_listpack_entries;
  Number hash_max_listpack_value;
  Number list_max_listpack_size;
  Number list_compress_depth;
  Number set_max_intset_entries;
  Number set_max_listpack_entries;
  Number set_max_listpack_value;
  Number zset_max_listpack_entries;
  Number zset_max_listpack_value;
  Number stream_node_max_bytes;
  Number stream_node_max_entries;
  Number hll_sparse_max_bytes;
  Flag activerehashing;
  Flag jemalloc_bg_thread;
  Flag disable_thp;
  Choice<OomScoreAdj> oom_score_adj;
  Text oom_score_adj_values;
  Flag activedefrag;
  Number active_defrag_cycle_min;
  Number active_defrag_cycle_max;
  Number active_defrag_threshold_lower;
  Number active_defrag_threshold_upper;
  Number active_defrag_ignore_bytes;
  Number active_defrag_max_scan_fields;

  // --- persistence
  Text save;
  Text dbfilename;
  Flag rdbcompression;
  Number rdb_version;
  Flag rdbchecksum;
  Flag rdb_del_sync_files;
  Flag rdb_save_incremental_fsync;
  Flag stop_writes_on_bgsave_error;
  Choice<SanitizeDump> sanitize_dump_payload;
  Flag appendonly;
  Text appendfilename;
  Text appenddirname;
  Choice<AppendFsync> appendfsync;
  Flag no_appendfsync_on_rewrite;
  Number auto_aof_rewrite_percentage;
  Number auto_aof_rewrite_min_size;
  Flag aof_load_truncated;
  Flag aof_use_rdb_preamble;
  Flag aof_timestamp_enabled;
  Flag aof_rewrite_incremental_fsync;
  Flag aof_disable_auto_gc;
  Number rdb_key_save_delay;
  Number key_load_delay;
  Number loading_process_events_interval_bytes;

  // --- replication
  Text replicaof;
  Choice<ReplicationRole> replication_role;
  Text masterauth;
  Text masteruser;
  Number replica_priority;
  Flag replica_read_only;
  Flag replica_serve_stale_data;
  Flag replica_lazy_flush;
  Flag replica_ignore_maxmemory;
  Flag replica_ignore_disk_write_errors;
  Flag replica_announced;
  Text replica_announce_ip;
  Number replica_announce_port;
  Flag repl_diskless_sync;
  Number repl_diskless_sync_delay;
  Number repl_diskless_sync_max_replicas;
  Choice<DisklessLoad> repl_diskless_load;
  Flag repl_disable_tcp_nodelay;
  Number repl_ping_replica_period;
  Number repl_timeout;
  Flag repl_grpc;
  Number repl_grpc_port;
  Number repl_backlog_size;
  Number repl_backlog_disk_size;
  Number repl_backlog_ttl;
  Number min_replicas_to_write;
  Number min_replicas_max_lag;
  Choice<WriteConcern> write_concern;
  Number insync_followers_min;
  Number insync_max_lag;
  Flag allow_empty_leader;

  // --- cluster
  Flag cluster_enabled;
  Flag cluster_sharding;
  Text cluster_name;
  Text cluster_self;
  Text cluster_nodes;
  Number cluster_virtual_nodes;
  Choice<CoordinatorKind> cluster_coordinator;
  Text cluster_etcd_endpoints;
  Text cluster_etcd_prefix;
  Text cluster_etcd_ca_cert_file;
  Text cluster_etcd_cert_file;
  Text cluster_etcd_key_file;
  Text cluster_etcd_user;
  Text cluster_etcd_password;
  Text cluster_config_file;
  Number cluster_node_timeout;
  Number cluster_port;
  Text cluster_announce_ip;
  Number cluster_announce_port;
  Number cluster_announce_tls_port;
  Number cluster_announce_bus_port;
  Text cluster_announce_hostname;
  Text cluster_announce_human_nodename;
  Choice<EndpointType> cluster_preferred_endpoint_type;
  Flag cluster_require_full_coverage;
  Flag cluster_allow_reads_when_down;
  Flag cluster_allow_pubsubshard_when_down;
  Flag cluster_replica_no_failover;
  Number cluster_replica_validity_factor;
  Flag cluster_allow_replica_migration;
  Number cluster_migration_barrier;
  Number cluster_link_sendbuf_limit;
  Number cluster_ping_interval;

  // --- log
  Choice<LogLevel> loglevel;
  Choice<LogFormat> log_format;
  Text logfile;
  Flag syslog_enabled;
  Text syslog_ident;
  Choice<SyslogFacility> syslog_facility;
  Flag always_show_logo;
  Flag hide_user_data_from_log;

  // --- metrics
  Number metrics_port;
  Text metrics_bind;
  Number slowlog_log_slower_than;
  Number slowlog_max_len;
  Number latency_monitor_threshold;
  Flag latency_tracking;
  Text latency_tracking_info_percentiles;
};

}  // namespace henge::server
