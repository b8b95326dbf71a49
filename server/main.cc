// SPDX-License-Identifier: Apache-2.0
// henge-server: one node.
#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/memory.h"
#include "base/numbers.h"
#include "server/node.h"

namespace {

uint16_t ToPort(std::string_view text) {
  return static_cast<uint16_t>(henge::ParseUint64(text).value_or(0));
}

// "a=127.0.0.1:7000@17000,b=…": the members of a cluster.
std::vector<henge::server::ClusterNodeConfig> ReadNodes(std::string_view text) {
  std::vector<henge::server::ClusterNodeConfig> nodes;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    const size_t host = item.find('=');
    const size_t bus_port = item.rfind('@');
    const size_t port = item.rfind(':');
    if (host == item.npos || bus_port == item.npos || port == item.npos) continue;
    nodes.push_back({.id = std::string(item.substr(0, host)),
                     .host = std::string(item.substr(host + 1, port - host - 1)),
                     .port = ToPort(item.substr(port + 1, bus_port - port - 1)),
                     .bus_port = ToPort(item.substr(bus_port + 1))});
  }
  return nodes;
}

void ReadClusterFlag(std::string_view name, std::string_view value,
                     henge::server::NodeOptions& options) {
  henge::server::ClusterConfig& cluster = options.cluster;
  if (name == "--cluster-enabled") options.cluster_enabled = value == "yes";
  if (name == "--cluster-self") cluster.self = value;
  if (name == "--cluster-nodes") cluster.nodes = ReadNodes(value);
  if (name == "--cluster-port") cluster.bus_port = ToPort(value);
  if (name == "--cluster-announce-ip") cluster.announce_host = value;
  if (name == "--cluster-announce-port") cluster.announce_port = ToPort(value);
  if (name == "--cluster-require-full-coverage") cluster.require_full_coverage = value == "yes";
  if (name == "--cluster-allow-reads-when-down") cluster.allow_reads_when_down = value == "yes";
  if (name == "--cluster-node-timeout") {
    cluster.node_timeout_ms = henge::ParseInt64(value).value_or(cluster.node_timeout_ms);
  }
}

henge::server::NodeOptions ReadFlags(int argc, char** argv) {
  henge::server::NodeOptions options;
  options.listen.port = 6379;
  options.listen.bind = {"127.0.0.1", "-::1"};
  options.io_threads = static_cast<int>(std::thread::hardware_concurrency());
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--port")
      options.listen.port = static_cast<int>(henge::ParseInt64(argv[i + 1]).value_or(0));
    if (name == "--bind") options.listen.bind = {argv[i + 1]};
    if (name == "--io-threads")
      options.io_threads = static_cast<int>(henge::ParseInt64(argv[i + 1]).value_or(0));
    ReadClusterFlag(name, argv[i + 1], options);
    if (name == "--maxmemory") {
      options.max_memory = static_cast<uint64_t>(henge::ParseMemory(argv[i + 1]).value_or(0));
    }
    if (name == "--maxmemory-policy") {
      options.eviction_policy = henge::store::ParseEvictionPolicy(argv[i + 1])
                                    .value_or(henge::store::EvictionPolicy::kNoEviction);
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  // Signals are taken by the main thread alone; workers inherit the block.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  const henge::ThreadMemory memory;
  henge::server::Node node(ReadFlags(argc, argv));
  if (const absl::Status status = node.Start(); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  std::thread waiter([&] {
    int caught = 0;
    sigwait(&signals, &caught);
    node.RequestShutdown();
  });
  node.WaitForShutdown();
  pthread_kill(waiter.native_handle(), SIGTERM);
  waiter.join();
  return 0;
}
