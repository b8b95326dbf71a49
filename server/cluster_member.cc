// SPDX-License-Identifier: Apache-2.0
#include "server/cluster_member.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "base/strings.h"

namespace henge::server {
namespace {

using cluster::Node;
using cluster::NodeId;
using cluster::Topology;
using cluster::TopologyPtr;

constexpr int kBusPortOffset = 10'000;
constexpr int kHighestPort = 65'535;

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

// What this node starts from.
struct Start {
  Node self;
  TopologyPtr topology;
};

absl::StatusOr<Start> Alone(const ClusterConfig& config, int port) {
  const absl::StatusOr<uint16_t> bus_port = BusPort(port, config.bus_port);
  if (!bus_port.ok()) return bus_port.status();
  Node self{.id = NodeId::Random(),
            .host = config.announce_host,
            .port = config.announce_port != 0 ? config.announce_port : static_cast<uint16_t>(port),
            .bus_port = *bus_port,
            .virtual_nodes = config.virtual_nodes};
  auto topology = Topology::ByHand({self});
  if (!topology.ok()) return topology.status();
  return Start{std::move(self), *std::move(topology)};
}

absl::StatusOr<Start> Configured(const ClusterConfig& config) {
  std::vector<Node> nodes;
  for (const ClusterNodeConfig& entry : config.nodes) {
    const absl::StatusOr<uint16_t> bus_port = BusPort(entry.port, entry.bus_port);
    if (!bus_port.ok()) return bus_port.status();
    nodes.push_back({.id = IdOf(entry.id),
                     .name = entry.id,
                     .host = entry.host,
                     .port = entry.port,
                     .bus_port = *bus_port,
                     .priority = entry.priority,
                     .zone = entry.zone,
                     .weight = entry.weight,
                     .virtual_nodes = config.virtual_nodes});
  }
  auto topology = Topology::FromMembers(std::move(nodes));
  if (!topology.ok()) return topology.status();
  const Node* self = (*topology)->Find(IdOf(config.self));
  if (self == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("cluster.self, \"", config.self, "\", is not among cluster.nodes"));
  }
  return Start{*self, *std::move(topology)};
}

}  // namespace

std::vector<std::string> BusHosts(const std::vector<std::string>& bind) {
  std::vector<std::string> sure;
  std::vector<std::string> optional;
  for (std::string host : bind) {
    const bool may_fail = host.starts_with('-');
    if (may_fail) host.erase(0, 1);
    if (host == "*") host = "0.0.0.0";
    if (host == "::*") host = "::";
    (may_fail ? optional : sure).push_back(std::move(host));
  }
  return sure.empty() ? optional : sure;
}

absl::StatusOr<std::unique_ptr<ClusterMember>> ClusterMember::Start(
    const ClusterConfig& config, const std::vector<std::string>& bind, int port,
    cluster::RelayListener& listener, BusServices services) {
  auto start = config.nodes.empty() ? Alone(config, port) : Configured(config);
  if (!start.ok()) return start.status();
  std::unique_ptr<ClusterMember> member(new ClusterMember);
  auto state = cluster::ClusterState::Make({.my_id = start->self.id,
                                            .node_timeout_ms = config.node_timeout_ms,
                                            .require_full_coverage = config.require_full_coverage},
                                           std::move(start->topology));
  if (!state.ok()) return state.status();
  member->state_ = *std::move(state);
  member->relay_ = std::make_unique<cluster::Relay>(
      cluster::RelayOptions{.my_id = start->self.id,
                            .peers = [state = member->state_.get()] { return state->Peers(); }},
      listener);
  member->state_->CountRelay(*member->relay_);
  services.push_back(cluster::MakePingService(*member->state_));
  services.push_back(member->relay_->service());
  auto bus = cluster::BusServer::Start({.hosts = BusHosts(bind), .port = start->self.bus_port},
                                       std::move(services));
  if (!bus.ok()) return bus.status();
  member->bus_ = *std::move(bus);
  member->relay_->Start();
  member->heartbeat_ =
      std::make_unique<cluster::Heartbeat>(*member->state_, cluster::HeartbeatOptions{});
  return member;
}

}  // namespace henge::server
