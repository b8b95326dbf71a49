// SPDX-License-Identifier: Apache-2.0
// INFO server, clients, cpu and modules.
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

#include "base/clock.h"
#include "base/version.h"
#include "server/info/sections.h"
#include "server/node.h"
#include "server/session.h"

namespace henge::server {
namespace {

constexpr int kUpkeepHz = 20;  // Rounds of upkeep a second, on every worker.

std::string Executable() {
  std::array<char, PATH_MAX> path;
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
  return length < 0 ? "" : std::string(path.data(), static_cast<size_t>(length));
}

std::string Seconds(const timeval& t) { return fmt::format("{}.{:06}", t.tv_sec, t.tv_usec); }

std::string Seconds(int64_t micros) {
  return fmt::format("{}.{:06}", micros / 1'000'000, micros % 1'000'000);
}

}  // namespace

void ServerFields(Node& node, InfoFields& out) {
  utsname name{};
  uname(&name);
  const int64_t now_us = SystemClock().NowMicros();
  const int64_t uptime = (now_us - node.started_at_us()) / 1'000'000;
  out("redis_version", kRedisVersion);
  out("redis_git_sha1", "00000000");
  out("redis_git_dirty", 0);
  out("redis_build_id", "0");
  out("redis_mode", node.options().cluster_enabled ? "cluster" : "standalone");
  out("os", fmt::format("{} {} {}", name.sysname, name.release, name.machine));
  out("arch_bits", sizeof(void*) * 8);
  out("monotonic_clock", "POSIX clock_gettime");
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
  out("hz", kUpkeepHz);
  out("configured_hz", node.parameters().hz.load());
  out("lru_clock", (now_us / 1'000'000) & 0xffffff);
  out("executable", Executable());
  out("config_file", node.config().file());
  out("io_threads_active", node.workers().size() > 1 ? 1 : 0);
  out("henge_version", kHengeVersion);
  out("henge_workers", node.workers().size());
  out("henge_shards", node.store().shards());
}

void ClientFields(Node& node, InfoFields& out) {
  size_t connected = 0;
  size_t blocked = 0;
  uint64_t largest_in = 0;
  uint64_t largest_out = 0;
  node.clients().ForEach([&](Session& session) {
    const commands::ClientState& client = session.state();
    // Followers are counted apart.
    connected += client.client_class.load() != commands::ClientClass::kReplica ? 1 : 0;
    if (session.waits()) ++blocked;
    largest_in = std::max(largest_in, client.query_buffer.load(std::memory_order_relaxed));
    largest_out = std::max(largest_out, client.output_buffer.load(std::memory_order_relaxed));
  });
  out("connected_clients", connected);
  out("cluster_connections", node.cluster() == nullptr ? 0 : node.cluster()->Links().size());
  out("maxclients", node.limits().max_clients.load());
  out("client_recent_max_input_buffer", largest_in);
  out("client_recent_max_output_buffer", largest_out);
  out("blocked_clients", blocked);
  out("tracking_clients", node.tracking().clients());
  out("clients_in_timeout_table", 0);
  size_t waited_for = 0;
  size_t wanted_absent = 0;
  for (size_t i = 0; i < node.store().shards(); ++i) {
    const store::WaitRegistry& waits = node.store().shard(static_cast<ShardIndex>(i)).waits;
    waited_for += waits.keys();
    wanted_absent += waits.keys_wanted_absent();
  }
  out("total_blocking_keys", waited_for);
  out("total_blocking_keys_on_nokey", wanted_absent);
}

void CpuFields(Node& node, InfoFields& out) {
  rusage self{};
  rusage children{};
  getrusage(RUSAGE_SELF, &self);
  getrusage(RUSAGE_CHILDREN, &children);
  out("used_cpu_sys", Seconds(self.ru_stime));
  out("used_cpu_user", Seconds(self.ru_utime));
  out("used_cpu_sys_children", Seconds(children.ru_stime));
  out("used_cpu_user_children", Seconds(children.ru_utime));
  // The first worker's thread, as of its last tick.
  out("used_cpu_sys_main_thread", Seconds(node.server_stats().first_worker_sys_us.load()));
  out("used_cpu_user_main_thread", Seconds(node.server_stats().first_worker_user_us.load()));
}

void ModuleFields(Node&, InfoFields&) {}

}  // namespace henge::server
