// SPDX-License-Identifier: Apache-2.0
// What the configuration says of the cluster: a plain value, read once at the start.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/etcd/etcd_access.h"
#include "cluster/ring.h"

namespace henge::server {

struct ClusterNodeConfig {
  std::string id;  // The operator's name for it, or 40 hex digits.
  std::string host;
  uint16_t port = 0;
  uint16_t bus_port = 0;  // 0: port + 10000.
  int32_t priority = 0;
  std::string zone;
  double weight = 1;
};

enum class CoordinatorKind : uint8_t { kEmbedded, kEtcd };

// Without nodes: a cluster of this node alone, without slots and with a new id, as Redis starts.
struct ClusterConfig {
  bool sharding = true;   // Without it the nodes are one group.
  std::string name;       // Of that group, to Sentinel-aware clients.
  std::string file;       // cluster-config-file,
  std::string directory;  // and where this node's part is really remembered.
  std::string self;       // Which of the nodes this is.
  std::vector<ClusterNodeConfig> nodes;
  uint32_t virtual_nodes = cluster::kDefaultVirtualNodes;
  int64_t node_timeout_ms = 1500;
  bool require_full_coverage = true;
  CoordinatorKind coordinator = CoordinatorKind::kEmbedded;
  std::vector<std::string> etcd_endpoints = {};  // host:port each.
  cluster::EtcdAccess etcd_access = {};
  std::string etcd_prefix = {};
  // For a node alone; else the node's own entry says it.
  std::string announce_host;  // Empty: clients stay with the address they connected to.
  uint16_t announce_port = 0;
  uint16_t bus_port = 0;
};

}  // namespace henge::server
