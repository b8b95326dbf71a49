// SPDX-License-Identifier: Apache-2.0
// From what the configuration says of the cluster to a coordinator that runs: the node's own
// addresses, the members it may found a cluster with, and which implementation keeps the topology.
// At the start, one thread.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <vector>

#include "cluster/node_coordinator.h"
#include "server/cluster_config.h"

namespace henge::server {

struct NodePlan {
  cluster::Node self;  // A zero id: any.
  std::vector<cluster::Node> members;
};

// `port` is the client port.
absl::StatusOr<NodePlan> PlanNode(const ClusterConfig& config, int port);

// Its folder is this process's alone.
absl::StatusOr<std::unique_ptr<cluster::NodeCoordinator>> StartCoordinator(
    const ClusterConfig& config, const NodePlan& plan);

}  // namespace henge::server
