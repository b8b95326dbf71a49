// SPDX-License-Identifier: Apache-2.0
// Redis's view of a topology: each node is a master with slots, or the replica of one. A node that
// leads any group is a master, whatever else it follows: one placed by the ring does both. Pure
// functions over one topology; any thread. kNoNode, a node that has just left, has no place.
#pragma once

#include <optional>
#include <string_view>

#include "cluster/api.h"

namespace henge::commands {

struct Place {
  bool follows = false;                           // A replica.
  cluster::GroupIndex group = cluster::kNoGroup;  // The first that it leads, or follows.
  cluster::NodeIndex leader = cluster::kNoNode;   // Itself, or whom it follows; none: leaderless.
};

Place PlaceOf(const cluster::Topology& topology, cluster::NodeIndex node);

// Of the node itself, or of its leader.
Epoch ConfigEpochOf(const cluster::Topology& topology, cluster::NodeIndex node);

// CLUSTER MYSHARDID.
cluster::GroupId ShardIdOf(const cluster::Topology& topology, cluster::NodeIndex node);

// The node of that id as an argument gives it; kNoNode if none is known.
cluster::NodeIndex FindNode(const cluster::Topology& topology, std::string_view id);

}  // namespace henge::commands
