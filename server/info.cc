// SPDX-License-Identifier: Apache-2.0
#include "server/info.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/clock.h"
#include "base/memory.h"
#include "base/strings.h"
#include "base/version.h"
#include "server/node.h"
#include "server/session.h"
#include "server/totals.h"

namespace henge::server {
namespace {

// "key:value\r\n" lines.
class Lines {
 public:
  template <class T>
  void operator()(std::string_view name, const T& value) {
    fmt::format_to(std::back_inserter(text_), "{}:{}\r\n", name, value);
  }
  std::string text_;
};

std::string HumanBytes(uint64_t bytes) {
  constexpr std::array<char, 6> kUnits = {'B', 'K', 'M', 'G', 'T', 'P'};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{}B", bytes) : fmt::format("{:.2f}{}", value, kUnits[unit]);
}

void ServerSection(Node& node, Lines& out) {
  utsname name{};
  uname(&name);
  const int64_t now_us = SystemClock().NowMicros();
  const int64_t uptime = (now_us - node.started_at_us()) / 1'000'000;
  out("redis_version", kRedisVersion);
  out("henge_version", kHengeVersion);
  out("redis_git_sha1", "00000000");
  out("redis_git_dirty", 0);
  out("redis_build_id", "0");
  out("redis_mode", node.options().cluster_enabled ? "cluster" : "standalone");
  out("os", fmt::format("{} {} {}", name.sysname, name.release, name.machine));
  out("arch_bits", sizeof(void*) * 8);
  out("monotonic_clock", "X86 TSC");
  out("multiplexing_api", "epoll");
  out("atomicvar_api", "c11-builtin");
  out("gcc_version", fmt::format("{}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__));
  out("process_id", getpid());
  out("process_supervised", "no");
  out("run_id", node.run_id());
  out("tcp_port", node.parameters().port.load());
  out("server_time_usec", now_us);
  out("uptime_in_seconds", uptime);
  out("uptime_in_days", uptime / 86400);
  out("hz", node.parameters().hz.load());
  out("configured_hz", node.parameters().hz.load());
  out("lru_clock", (now_us / 1'000'000) & 0xffffff);
  out("io_threads_active", node.workers().size() > 1 ? 1 : 0);
}

void ClientsSection(Node& node, Lines& out) {
  size_t connected = 0;
  size_t blocked = 0;
  uint64_t largest_in = 0;
  uint64_t largest_out = 0;
  node.clients().ForEach([&](Session& session) {
    const commands::ClientState& client = session.state();
    ++connected;
    if (client.blocked.load(std::memory_order_relaxed) ||
        client.paused.load(std::memory_order_relaxed)) {
      ++blocked;
    }
    largest_in = std::max(largest_in, client.query_buffer.load(std::memory_order_relaxed));
    largest_out = std::max(largest_out, client.output_buffer.load(std::memory_order_relaxed));
  });
  out("connected_clients", connected);
  out("cluster_connections", 0);
  out("maxclients", node.limits().max_clients.load());
  out("client_recent_max_input_buffer", largest_in);
  out("client_recent_max_output_buffer", largest_out);
  out("blocked_clients", blocked);
  out("tracking_clients", 0);
  out("clients_in_timeout_table", 0);
  out("total_blocking_keys", 0);
  out("total_blocking_keys_on_nokey", 0);
}

void MemorySection(Node& node, Lines& out) {
  const uint64_t used = UsedMemory();
  const uint64_t peak = std::max(used, node.server_stats().peak_memory.load());
  const AllocatorStats allocator = ReadAllocatorStats();
  const uint64_t rss = ResidentMemory();
  const uint64_t dataset = node.store().EntryBytes();
  const auto human = [&](std::string_view name, uint64_t bytes) {
    out(name, bytes);
    out(std::string(name) + "_human", HumanBytes(bytes));
  };
  human("used_memory", used);
  human("used_memory_rss", rss);
  human("used_memory_peak", peak);
  out("used_memory_peak_perc",
      fmt::format("{:.2f}%",
                  peak == 0 ? 0.0 : 100.0 * static_cast<double>(used) / static_cast<double>(peak)));
  out("used_memory_overhead", used > dataset ? used - dataset : 0);
  out("used_memory_startup", node.startup_memory());
  out("used_memory_dataset", dataset);
  out("used_memory_dataset_perc",
      fmt::format(
          "{:.2f}%",
          used == 0 ? 0.0 : 100.0 * static_cast<double>(dataset) / static_cast<double>(used)));
  out("allocator_allocated", allocator.allocated);
  out("allocator_active", allocator.active);
  out("allocator_resident", allocator.resident);
  const auto pages = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES));
  human("total_system_memory", pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
  human("used_memory_lua", 0);
  human("used_memory_vm_total", 0);
  out("used_memory_vm_eval", 0);
  human("used_memory_scripts", 0);
  out("number_of_cached_scripts", 0);
  out("number_of_functions", 0);
  out("number_of_libraries", 0);
  const store::StoreSettings& settings = node.store().settings();
  human("maxmemory", settings.max_memory.load());
  out("maxmemory_policy", store::EvictionPolicyName(settings.policy.load()));
  const double fragmentation = used == 0 ? 0 : static_cast<double>(rss) / static_cast<double>(used);
  out("mem_fragmentation_ratio", fmt::format("{:.2f}", fragmentation));
  out("mem_fragmentation_bytes", static_cast<int64_t>(rss) - static_cast<int64_t>(used));
  out("mem_not_counted_for_evict", 0);
  out("mem_replication_backlog", 0);
  out("mem_clients_slaves", 0);
  out("mem_clients_normal", 0);
  out("mem_aof_buffer", 0);
  out("mem_allocator", AllocatorName());
  out("active_defrag_running", 0);
  out("lazyfree_pending_objects", node.store().reclaimer().pending());
  out("lazyfreed_objects", node.store().reclaimer().freed());
}

void PersistenceSection(Node& node, Lines& out) {
  out("loading", 0);
  out("async_loading", 0);
  out("rdb_changes_since_last_save", SumOver(node, &ExecutionStats::dirty));
  out("rdb_bgsave_in_progress", 0);
  out("rdb_last_save_time", node.started_at_us() / 1'000'000);
  out("rdb_last_bgsave_status", "ok");
  out("rdb_last_bgsave_time_sec", -1);
  out("rdb_current_bgsave_time_sec", -1);
  out("rdb_saves", 0);
  out("aof_enabled", 0);
  out("aof_rewrite_in_progress", 0);
  out("aof_rewrite_scheduled", 0);
  out("aof_last_rewrite_time_sec", -1);
  out("aof_current_rewrite_time_sec", -1);
  out("aof_last_bgrewrite_status", "ok");
  out("aof_last_write_status", "ok");
}

void StatsSection(Node& node, Lines& out) {
  const Totals totals = SumTotals(node);
  const ServerStats& stats = node.server_stats();
  out("total_connections_received", AcceptedConnections(node));
  out("total_commands_processed", totals.commands);
  out("instantaneous_ops_per_sec", stats.ops.per_second());
  out("total_net_input_bytes", totals.bytes_read);
  out("total_net_output_bytes", totals.bytes_written);
  out("instantaneous_input_kbps",
      fmt::format("{:.2f}", static_cast<double>(stats.input.per_second()) / 1024));
  out("instantaneous_output_kbps",
      fmt::format("{:.2f}", static_cast<double>(stats.output.per_second()) / 1024));
  out("rejected_connections", RejectedConnections(node));
  out("sync_full", 0);
  out("sync_partial_ok", 0);
  out("sync_partial_err", 0);
  out("expired_keys", totals.expired);
  out("expired_stale_perc", "0.00");
  uint64_t cap_reached = 0;
  int64_t lag_ms = 0;
  for (const auto& dispatcher : node.dispatchers()) {
    cap_reached += dispatcher->upkeep().expiry().time_limit_reached();
    lag_ms = std::max(lag_ms, dispatcher->upkeep().expiry().lag_ms());
  }
  out("expired_time_cap_reached_count", cap_reached);
  out("expiry_lag_ms", lag_ms);
  out("evicted_keys", totals.evicted);
  out("evicted_clients", 0);
  out("keyspace_hits", totals.hits);
  out("keyspace_misses", totals.misses);
  out("pubsub_channels", 0);
  out("pubsub_patterns", 0);
  out("pubsubshard_channels", 0);
  out("latest_fork_usec", 0);
  out("total_forks", 0);
  out("tracking_total_keys", 0);
  out("tracking_total_items", 0);
  out("tracking_total_prefixes", 0);
  out("unexpected_error_replies", 0);
  out("total_error_replies", stats.errors.total());
  out("total_reads_processed", totals.reads);
  out("total_writes_processed", totals.writes);
}

void ReplicationSection(Node& node, Lines& out) {
  out("role", "master");
  out("connected_slaves", 0);
  out("master_failover_state", "no-failover");
  out("master_replid", node.run_id());
  out("master_replid2", std::string(40, '0'));
  out("master_repl_offset", 0);
  out("second_repl_offset", -1);
  out("repl_backlog_active", 0);
  out("repl_backlog_size", 1048576);
  out("repl_backlog_first_byte_offset", 0);
  out("repl_backlog_histlen", 0);
}

double Seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

void CpuSection(Node&, Lines& out) {
  rusage self{};
  rusage children{};
  getrusage(RUSAGE_SELF, &self);
  getrusage(RUSAGE_CHILDREN, &children);
  out("used_cpu_sys", fmt::format("{:.6f}", Seconds(self.ru_stime)));
  out("used_cpu_user", fmt::format("{:.6f}", Seconds(self.ru_utime)));
  out("used_cpu_sys_children", fmt::format("{:.6f}", Seconds(children.ru_stime)));
  out("used_cpu_user_children", fmt::format("{:.6f}", Seconds(children.ru_utime)));
}

void ErrorSection(Node& node, Lines& out) {
  for (const auto& [code, count] : node.server_stats().errors.Sorted()) {
    out("errorstat_" + code, fmt::format("count={}", count));
  }
}

void CommandSection(Node& node, Lines& out) {
  for (const commands::CommandInfo& info : commands::CommandTable::Get().all()) {
    const CommandTotals t = SumCommand(node, info.index);
    if (t.calls == 0 && t.rejected == 0 && t.failed == 0) continue;
    const double per_call =
        t.calls == 0 ? 0 : static_cast<double>(t.micros) / static_cast<double>(t.calls);
    out("cmdstat_" + info.full_name,
        fmt::format("calls={},usec={},usec_per_call={:.2f},rejected_calls={},failed_calls={}",
                    t.calls, t.micros, per_call, t.rejected, t.failed));
  }
}

void LatencySection(Node& node, Lines& out) {
  for (const commands::CommandInfo& info : commands::CommandTable::Get().all()) {
    const CommandTotals t = SumCommand(node, info.index);
    if (t.calls == 0) continue;
    out("latency_percentiles_usec_" + info.full_name,
        fmt::format("p50={:.3f},p99={:.3f},p99.9={:.3f}", t.Percentile(50), t.Percentile(99),
                    t.Percentile(99.9)));
  }
}

void ClusterSection(Node& node, Lines& out) {
  out("cluster_enabled", node.options().cluster_enabled ? 1 : 0);
}

void KeyspaceSection(Node& node, Lines& out) {
  for (DbIndex db = 0; db < node.store().databases(); ++db) {
    const uint64_t keys = node.store().KeyCount(db);
    if (keys == 0) continue;
    out(fmt::format("db{}", db),
        fmt::format("keys={},expires={},avg_ttl=0", keys, node.store().KeyCountWithExpiry(db)));
  }
}

void ModulesSection(Node&, Lines&) {}

struct Section {
  std::string_view name;
  std::string_view title;
  void (*write)(Node&, Lines&);
  bool by_default;
};

constexpr std::array kSections = {
    Section{"server", "Server", ServerSection, true},
    Section{"clients", "Clients", ClientsSection, true},
    Section{"memory", "Memory", MemorySection, true},
    Section{"persistence", "Persistence", PersistenceSection, true},
    Section{"stats", "Stats", StatsSection, true},
    Section{"replication", "Replication", ReplicationSection, true},
    Section{"cpu", "CPU", CpuSection, true},
    Section{"modules", "Modules", ModulesSection, true},
    Section{"commandstats", "Commandstats", CommandSection, false},
    Section{"errorstats", "Errorstats", ErrorSection, true},
    Section{"latencystats", "Latencystats", LatencySection, false},
    Section{"cluster", "Cluster", ClusterSection, true},
    Section{"keyspace", "Keyspace", KeyspaceSection, true},
};

bool Wanted(const Section& section, const std::vector<std::string>& names) {
  if (names.empty()) return section.by_default;
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    if (EqualsIgnoreCase(name, "all") || EqualsIgnoreCase(name, "everything")) return true;
    if (EqualsIgnoreCase(name, "default")) return section.by_default;
    return EqualsIgnoreCase(name, section.name);
  });
}

}  // namespace

std::string InfoText(Node& node, const std::vector<std::string>& sections) {
  Lines out;
  for (const Section& section : kSections) {
    if (!Wanted(section, sections)) continue;
    if (!out.text_.empty()) out.text_ += "\r\n";
    fmt::format_to(std::back_inserter(out.text_), "# {}\r\n", section.title);
    section.write(node, out);
  }
  return std::move(out.text_);
}

}  // namespace henge::server
