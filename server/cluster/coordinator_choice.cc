// SPDX-License-Identifier: Apache-2.0
#include "server/cluster/coordinator_choice.h"

#include <absl/strings/str_cat.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/strings.h"
#include "cluster/embedded/embedded_coordinator.h"
#include "cluster/etcd/etcd_coordinator.h"

namespace henge::server {
namespace {

using cluster::NodeId;

constexpr int kBusPortOffset = 10'000;
constexpr int kHighestPort = 65'535;
constexpr std::chrono::seconds kShortestLease{2};  // As etcd grants them by default.

NodeId IdOf(std::string_view name) { return NodeId::Parse(name).value_or(NodeId::FromName(name)); }

absl::StatusOr<uint16_t> BusPort(int port, uint16_t configured) {
  if (configured != 0) return configured;
  if (port + kBusPortOffset > kHighestPort) {
    return absl::InvalidArgumentError(absl::StrCat("port ", port,
                                                   " leaves no room for the cluster bus at ",
                                                   kBusPortOffset, " above it; set the bus port"));
  }
  return static_cast<uint16_t>(port + kBusPortOffset);
}

absl::StatusOr<NodePlan> Alone(const ClusterConfig& config, int port) {
  const absl::StatusOr<uint16_t> bus_port = BusPort(port, config.bus_port);
  if (!bus_port.ok()) return bus_port.status();
  NodePlan plan;
  plan.self.host = config.announce_host;
  plan.self.port = config.announce_port != 0 ? config.announce_port : static_cast<uint16_t>(port);
  plan.self.bus_port = *bus_port;
  plan.self.virtual_nodes = config.virtual_nodes;
  return plan;
}

absl::StatusOr<NodePlan> Configured(const ClusterConfig& config) {
  NodePlan plan;
  bool found = false;
  for (const ClusterNodeConfig& entry : config.nodes) {
    const absl::StatusOr<uint16_t> bus_port = BusPort(entry.port, entry.bus_port);
    if (!bus_port.ok()) return bus_port.status();
    plan.members.push_back({.id = IdOf(entry.id),
                            .name = entry.id,
                            .host = entry.host,
                            .port = entry.port,
                            .bus_port = *bus_port,
                            .priority = entry.priority,
                            .zone = entry.zone,
                            .weight = entry.weight,
                            .virtual_nodes = config.virtual_nodes});
    if (plan.members.back().id != IdOf(config.self)) continue;
    plan.self = plan.members.back();
    found = true;
  }
  if (found) return plan;
  return absl::InvalidArgumentError(
      absl::StrCat("cluster.self, \"", config.self, "\", is not among cluster.nodes"));
}

// This host's address on the way to "host:port"; nothing is sent. Empty: there is none.
std::string AddressTowards(const std::string& endpoint) {
  const size_t colon = endpoint.rfind(':');
  std::string host = endpoint.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), endpoint.substr(colon + 1).c_str(), &hints, &found) != 0) return "";
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
  std::string address;
  for (const addrinfo* to = found; to != nullptr && address.empty(); to = to->ai_next) {
    const int probe = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (probe < 0) continue;
    sockaddr_storage own = {};
    socklen_t size = sizeof own;
    char text[NI_MAXHOST];
    auto* const own_address = reinterpret_cast<sockaddr*>(&own);
    if (connect(probe, to->ai_addr, to->ai_addrlen) == 0 &&
        getsockname(probe, own_address, &size) == 0 &&
        getnameinfo(own_address, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0)
      address = text;
    close(probe);
  }
  return address;
}

absl::StatusOr<std::unique_ptr<cluster::NodeCoordinator>> StartWithEtcd(const ClusterConfig& config,
                                                                        const NodePlan& plan) {
  const auto timeout =
      std::chrono::ceil<std::chrono::seconds>(std::chrono::milliseconds(config.node_timeout_ms));
  cluster::EtcdOptions options{.endpoints = config.etcd_endpoints,
                               .access = config.etcd_access,
                               .prefix = config.etcd_prefix,
                               .directory = config.directory,
                               .self = plan.self,
                               .members = plan.members,
                               .lease = std::max(kShortestLease, timeout)};
  if (options.self.host.empty() && !options.endpoints.empty())
    options.self.host = AddressTowards(options.endpoints.front());
  if (options.self.host.empty()) {
    return absl::InvalidArgumentError(
        "with etcd a node must know its address before it joins, and there is no way to "
        "the first of cluster-etcd-endpoints that tells it; set cluster-announce-ip");
  }
  auto started = cluster::EtcdCoordinator::Start(options);
  if (!started.ok()) return started.status();
  return std::unique_ptr<cluster::NodeCoordinator>(*std::move(started));
}

}  // namespace

absl::StatusOr<NodePlan> PlanNode(const ClusterConfig& config, int port) {
  if (!config.nodes.empty()) return Configured(config);
  if (config.sharding) return Alone(config, port);
  return absl::InvalidArgumentError(
      "cluster-sharding no (cluster.sharding: off) needs the members in cluster-nodes "
      "(cluster.nodes)");
}

absl::StatusOr<std::unique_ptr<cluster::NodeCoordinator>> StartCoordinator(
    const ClusterConfig& config, const NodePlan& plan) {
  if (config.coordinator == CoordinatorKind::kEtcd) {
    if (config.sharding) return StartWithEtcd(config, plan);
    return absl::InvalidArgumentError("cluster-sharding no has no cluster-coordinator etcd yet");
  }
  const std::string member = absl::StrCat(config.directory, "/member");
  if (access(member.c_str(), F_OK) == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(config.directory, " is of a node whose topology is in etcd: choose another ",
                     "cluster-config-file, or remove it"));
  }
  cluster::EmbeddedOptions options;
  options.directory = config.directory;
  options.self = plan.self;
  options.members = plan.members;
  options.one_group = !config.sharding;
  auto started = cluster::EmbeddedCoordinator::Start(options);
  if (!started.ok()) return started.status();
  return std::unique_ptr<cluster::NodeCoordinator>(*std::move(started));
}

}  // namespace henge::server
