// SPDX-License-Identifier: Apache-2.0
#include "server/apply_config.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "server/config/structured.h"
#include "server/descriptors.h"
#include "server/node.h"
#include "server/observability/log_output.h"

namespace henge::server {
namespace {

// So long CONFIG SET waits for the others' agreement, so that who set it sees it; they hear of it
// in any case.

using Apply = absl::Status (*)(Node&, const Settings&);

// A parameter that is a number somewhere else.
template <auto Member, class Target>
void Copy(Target& target, const Settings& settings) {
  target.store(static_cast<typename Target::value_type>((settings.*Member).load()),
               std::memory_order_relaxed);
}

void StoreOutputLimit(OutputLimit& limit, const OutputBufferLimits::Class& value) {
  limit.hard.store(value.hard, std::memory_order_relaxed);
  limit.soft.store(value.soft, std::memory_order_relaxed);
  limit.soft_seconds.store(value.soft_seconds, std::memory_order_relaxed);
}

absl::Status ApplyOutputLimits(Node& node, const Settings& settings) {
  const auto limits = ReadOutputBufferLimits(settings.client_output_buffer_limit.load());
  StoreOutputLimit(node.limits().normal_output, limits.normal);
  StoreOutputLimit(node.limits().pubsub_output, limits.pubsub);
  StoreOutputLimit(node.limits().replica_output, limits.replica);
  return absl::OkStatus();
}

absl::Status ApplyReplication(Node& node, const Settings&) {
  node.replication().ApplyParameters();
  return absl::OkStatus();
}

absl::Status ApplyMaxClients(Node& node, const Settings& settings) {
  const int64_t wanted = settings.maxclients.load();
  if (MakeRoomForClients(wanted) < wanted) {
    return absl::ResourceExhaustedError(
        "The operating system is not able to handle the specified number of clients");
  }
  Copy<&Settings::maxclients>(node.limits().max_clients, settings);
  return absl::OkStatus();
}

absl::Status ApplyDirectory(Node&, const Settings& settings) {
  if (chdir(settings.dir.load().c_str()) == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(std::strerror(errno));
}

absl::Status ApplyLogLevel(Node&, const Settings& settings) {
  SetLogLevel(settings.loglevel.load());
  return absl::OkStatus();
}
absl::Status ApplyLogFormat(Node&, const Settings& settings) {
  SetLogFormat(settings.log_format.load());
  return absl::OkStatus();
}

absl::Status ApplyAddresses(Node& node, const Settings& settings) {
  return node.acceptor().Relisten(SplitWords(settings.bind.load()),
                                  static_cast<int>(settings.port.load()));
}
absl::Status ApplyPort(Node& node, const Settings& settings) {
  if (ApplyAddresses(node, settings).ok()) return absl::OkStatus();
  return absl::UnavailableError("Unable to listen on this port. Check server logs.");
}
absl::Status ApplyBind(Node& node, const Settings& settings) {
  if (ApplyAddresses(node, settings).ok()) return absl::OkStatus();
  return absl::UnavailableError("Failed to bind to specified addresses.");
}

absl::Status ApplySaving(Node& node, const Settings&) {
  node.saver().ApplyParameters();
  return absl::OkStatus();
}

absl::Status ApplyJournaling(Node& node, const Settings&) {
  node.journaling().ApplyParameters();
  return absl::OkStatus();
}

absl::Status ApplyAppendOnly(Node& node, const Settings& settings) {
  if (settings.appendonly.load()) return node.journaling().TurnOn();
  node.journaling().TurnOff();
  return absl::OkStatus();
}

struct Row {
  std::string_view name;
  Apply apply;
  bool at_start = true;  // Also before the node starts.
};

template <auto Member, auto Target>
absl::Status StoreSetting(Node& node, const Settings& settings) {
  Copy<Member>(node.store().settings().*Target, settings);
  return absl::OkStatus();
}
template <auto Member, auto Target>
absl::Status EncodingLimit(Node& node, const Settings& settings) {
  Copy<Member>(node.store().settings().encodings.*Target, settings);
  return absl::OkStatus();
}
template <auto Member, auto Target>
absl::Status CommandSetting(Node& node, const Settings& settings) {
  Copy<Member>(node.settings().*Target, settings);
  return absl::OkStatus();
}
template <auto Member, auto Target>
absl::Status LimitSetting(Node& node, const Settings& settings) {
  Copy<Member>(node.limits().*Target, settings);
  return absl::OkStatus();
}
template <auto Member, auto Target>
absl::Status SlowlogSetting(Node& node, const Settings& settings) {
  Copy<Member>(node.slowlog().*Target, settings);
  return absl::OkStatus();
}

absl::Status ApplyKeyspaceEvents(Node& node, const Settings& settings) {
  const auto classes = pubsub::EventClasses::Parse(settings.notify_keyspace_events.load());
  node.news_wanted().SetClasses(classes.value_or(pubsub::EventClasses()));
  return absl::OkStatus();
}
absl::Status ApplyKeepalive(Node& node, const Settings& settings) {
  node.acceptor().SetKeepaliveSeconds(static_cast<int>(settings.tcp_keepalive.load()));
  return absl::OkStatus();
}
absl::Status ApplyClientsMemory(Node& node, const Settings& settings) {
  node.client_eviction().limit.store(settings.maxmemory_clients.load());
  return absl::OkStatus();
}
absl::Status ApplyNodeTimeout(Node& node, const Settings& settings) {
  if (node.member() != nullptr) {
    node.member()->SetNodeTimeout(settings.cluster_node_timeout.load());
  }
  return absl::OkStatus();
}
absl::Status ApplyLinkLimit(Node& node, const Settings& settings) {
  if (node.member() != nullptr) {
    node.member()->relay().SetLimit(settings.cluster_link_sendbuf_limit.load());
  }
  return absl::OkStatus();
}
absl::Status ApplyCoverage(Node& node, const Settings& settings) {
  if (node.member() != nullptr) {
    node.member()->state().SetRequireFullCoverage(settings.cluster_require_full_coverage.load());
  }
  return absl::OkStatus();
}
absl::Status ApplyEndpointType(Node& node, const Settings& settings) {
  if (node.member() != nullptr) {
    node.member()->view().SetEndpointType(settings.cluster_preferred_endpoint_type.load());
  }
  return absl::OkStatus();
}

using commands::CommandSettings;
using store::EncodingLimits;
using store::StoreSettings;

constexpr Row kRows[] = {
    {"notify-keyspace-events", ApplyKeyspaceEvents},
    {"maxmemory", StoreSetting<&Settings::maxmemory, &StoreSettings::max_memory>},
    {"maxmemory-policy", StoreSetting<&Settings::maxmemory_policy, &StoreSettings::policy>},
    {"maxmemory-samples", StoreSetting<&Settings::maxmemory_samples, &StoreSettings::samples>},
    {"lfu-log-factor", StoreSetting<&Settings::lfu_log_factor, &StoreSettings::lfu_log_factor>},
    {"lfu-decay-time", StoreSetting<&Settings::lfu_decay_time, &StoreSettings::lfu_decay_minutes>},
    {"hash-max-listpack-entries", EncodingLimit<&Settings::hash_max_listpack_entries,
                                                &EncodingLimits::hash_max_listpack_entries>},
    {"hash-max-listpack-value",
     EncodingLimit<&Settings::hash_max_listpack_value, &EncodingLimits::hash_max_listpack_value>},
    {"list-max-listpack-size",
     EncodingLimit<&Settings::list_max_listpack_size, &EncodingLimits::list_max_listpack_size>},
    {"set-max-intset-entries",
     EncodingLimit<&Settings::set_max_intset_entries, &EncodingLimits::set_max_intset_entries>},
    {"set-max-listpack-entries",
     EncodingLimit<&Settings::set_max_listpack_entries, &EncodingLimits::set_max_listpack_entries>},
    {"set-max-listpack-value",
     EncodingLimit<&Settings::set_max_listpack_value, &EncodingLimits::set_max_listpack_value>},
    {"zset-max-listpack-entries", EncodingLimit<&Settings::zset_max_listpack_entries,
                                                &EncodingLimits::zset_max_listpack_entries>},
    {"zset-max-listpack-value",
     EncodingLimit<&Settings::zset_max_listpack_value, &EncodingLimits::zset_max_listpack_value>},
    {"stream-node-max-bytes",
     EncodingLimit<&Settings::stream_node_max_bytes, &EncodingLimits::stream_node_max_bytes>},
    {"stream-node-max-entries",
     EncodingLimit<&Settings::stream_node_max_entries, &EncodingLimits::stream_node_max_entries>},
    {"proto-max-bulk-len",
     CommandSetting<&Settings::proto_max_bulk_len, &CommandSettings::proto_max_bulk_len>},
    {"hll-sparse-max-bytes",
     CommandSetting<&Settings::hll_sparse_max_bytes, &CommandSettings::hll_sparse_max_bytes>},
    {"rdb-version", CommandSetting<&Settings::rdb_version, &CommandSettings::rdb_version>},
    {"rdbcompression",
     CommandSetting<&Settings::rdbcompression, &CommandSettings::rdb_compression>},
    {"lazyfree-lazy-server-del",
     CommandSetting<&Settings::lazyfree_lazy_server_del, &CommandSettings::lazyfree_server_del>},
    {"lazyfree-lazy-expire",
     CommandSetting<&Settings::lazyfree_lazy_expire, &CommandSettings::lazyfree_expire>},
    {"lazyfree-lazy-eviction",
     CommandSetting<&Settings::lazyfree_lazy_eviction, &CommandSettings::lazyfree_eviction>},
    {"lazyfree-lazy-user-del",
     CommandSetting<&Settings::lazyfree_lazy_user_del, &CommandSettings::lazyfree_user_del>},
    {"lazyfree-lazy-user-flush",
     CommandSetting<&Settings::lazyfree_lazy_user_flush, &CommandSettings::lazyfree_user_flush>},
    {"maxclients", ApplyMaxClients},
    {"maxmemory-clients", ApplyClientsMemory},
    {"timeout", LimitSetting<&Settings::timeout, &ClientLimits::idle_seconds>},
    {"client-query-buffer-limit",
     LimitSetting<&Settings::client_query_buffer_limit, &ClientLimits::query_buffer>},
    {"client-output-buffer-limit", ApplyOutputLimits},
    {"slowlog-log-slower-than",
     SlowlogSetting<&Settings::slowlog_log_slower_than, &Slowlog::threshold_us>},
    {"slowlog-max-len", SlowlogSetting<&Settings::slowlog_max_len, &Slowlog::max_entries>},
    {"tcp-keepalive", ApplyKeepalive},
    {"dir", ApplyDirectory},
    {"save", ApplySaving},
    {"appendonly", ApplyAppendOnly, false},
    {"appendfsync", ApplyJournaling},
    {"no-appendfsync-on-rewrite", ApplyJournaling},
    {"aof-timestamp-enabled", ApplyJournaling},
    {"aof-disable-auto-gc", ApplyJournaling},
    {"stop-writes-on-bgsave-error", ApplySaving},
    {"loglevel", ApplyLogLevel},
    {"log-format", ApplyLogFormat},
    {"port", ApplyPort, false},
    {"bind", ApplyBind, false},
    {"replica-read-only", ApplyReplication},
    {"replica-serve-stale-data", ApplyReplication},
    {"replica-ignore-maxmemory", ApplyReplication},
    {"repl-backlog-size", ApplyReplication},
    {"repl-backlog-disk-size", ApplyReplication},
    {"min-replicas-to-write", ApplyReplication},
    {"min-replicas-max-lag", ApplyReplication},
    {"write-concern", ApplyReplication},
    {"insync-followers-min", ApplyReplication},
    {"insync-max-lag", ApplyReplication},
    {"cluster-node-timeout", ApplyNodeTimeout},
    {"cluster-require-full-coverage", ApplyCoverage},
    {"cluster-preferred-endpoint-type", ApplyEndpointType},
    {"cluster-link-sendbuf-limit", ApplyLinkLimit},
};

ClusterConfig ClusterConfigFrom(const Settings& settings) {
  const auto nodes = ReadClusterNodes(settings.cluster_nodes.load());
  constexpr std::string_view kSecure = "https://";  // Before all endpoints, or none.
  std::vector<std::string> endpoints = SplitWords(settings.cluster_etcd_endpoints.load());
  const bool tls = !endpoints.empty() && endpoints.front().starts_with(kSecure);
  for (std::string& endpoint : endpoints) endpoint.erase(0, tls ? kSecure.size() : 0);
  return {
      .sharding = settings.cluster_sharding.load(),
      .name = settings.cluster_name.load(),
      .file = settings.cluster_config_file.load(),
      .directory = settings.cluster_config_file.load() + ".d",
      .self = settings.cluster_self.load(),
      .nodes = nodes.ok() ? *nodes : std::vector<ClusterNodeConfig>(),
      .virtual_nodes = static_cast<uint32_t>(settings.cluster_virtual_nodes.load()),
      .node_timeout_ms = settings.cluster_node_timeout.load(),
      .require_full_coverage = settings.cluster_require_full_coverage.load(),
      .coordinator = settings.cluster_coordinator.load(),
      .etcd_endpoints = std::move(endpoints),
      .etcd_access = {.tls = tls,
                      .ca_cert_file = settings.cluster_etcd_ca_cert_file.load(),
                      .cert_file = settings.cluster_etcd_cert_file.load(),
                      .key_file = settings.cluster_etcd_key_file.load(),
                      .user = settings.cluster_etcd_user.load(),
                      .password = settings.cluster_etcd_password.load()},
      .etcd_prefix = settings.cluster_etcd_prefix.load(),
      .announce_host = settings.cluster_announce_ip.load(),
      .announce_port = static_cast<uint16_t>(settings.cluster_announce_port.load()),
      .bus_port = static_cast<uint16_t>(settings.cluster_port.load()),
  };
}

}  // namespace

NodeOptions OptionsFrom(const Settings& settings) {
  return {
      .listen = {.bind = SplitWords(settings.bind.load()),
                 .port = static_cast<int>(settings.port.load()),
                 .backlog = static_cast<int>(settings.tcp_backlog.load()),
                 .unix_path = settings.unixsocket.load(),
                 .unix_permissions = static_cast<int>(settings.unixsocketperm.load()),
                 .keepalive_seconds = static_cast<int>(settings.tcp_keepalive.load())},
      .metrics = {.bind = SplitWords(settings.metrics_bind.load()),
                  .port = static_cast<int>(settings.metrics_port.load())},
      .io_threads = static_cast<int>(settings.io_threads.load()),
      .databases = static_cast<int>(settings.databases.load()),
      .cluster_enabled = settings.cluster_enabled.load() && settings.cluster_sharding.load(),
      .in_group = settings.cluster_enabled.load(),
      .cluster = ClusterConfigFrom(settings),
  };
}

LogOptions LogOptionsFrom(const Settings& settings) {
  const SyslogFacility facility = settings.syslog_facility.load();
  const int local = static_cast<int>(facility) - static_cast<int>(SyslogFacility::kLocal0);
  return {
      .level = settings.loglevel.load(),
      .format = settings.log_format.load(),
      .file = settings.logfile.load(),
      .syslog = settings.syslog_enabled.load(),
      .syslog_ident = settings.syslog_ident.load(),
      .syslog_facility = facility == SyslogFacility::kUser
                             ? LOG_USER
                             : LOG_LOCAL0 + local * (LOG_LOCAL1 - LOG_LOCAL0),
  };
}

void ApplyAllParameters(Node& node) {
  for (const Row& row : kRows) {
    if (row.at_start) row.apply(node, node.parameters()).IgnoreError();
  }
}

absl::Status ApplyParameter(Node& node, const Parameter& parameter) {
  for (const Row& row : kRows) {
    if (row.name == parameter.name) return row.apply(node, node.parameters());
  }
  return absl::OkStatus();  // Read from the settings by whoever asks.
}

}  // namespace henge::server
