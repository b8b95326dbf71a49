// SPDX-License-Identifier: Apache-2.0
#include "commands/cluster/places.h"

namespace henge::commands {

using cluster::GroupIndex;
using cluster::NodeIndex;
using cluster::Topology;

Place PlaceOf(const Topology& topology, NodeIndex node) {
  if (node == cluster::kNoNode) return {};
  const auto& led = topology.GroupsLedBy(node);
  if (!led.empty()) return {.group = led.front(), .leader = node};
  const auto& followed = topology.GroupsFollowedBy(node);
  if (followed.empty()) return {.leader = node};
  const GroupIndex group = followed.front();
  return {.follows = true, .group = group, .leader = topology.LeaderIndex(group)};
}

Epoch ConfigEpochOf(const Topology& topology, NodeIndex node) {
  const Place place = PlaceOf(topology, node);
  if (place.leader != cluster::kNoNode) return topology.nodes()[place.leader].config_epoch;
  return place.group == cluster::kNoGroup ? 0 : topology.groups()[place.group].epoch;
}

cluster::GroupId ShardIdOf(const Topology& topology, NodeIndex node) {
  const Place place = PlaceOf(topology, node);
  if (place.group != cluster::kNoGroup) return topology.groups()[place.group].id;
  if (node == cluster::kNoNode) return cluster::GroupId();
  return cluster::GroupId::FromName("group of " + topology.nodes()[node].id.str());
}

NodeIndex FindNode(const Topology& topology, std::string_view id) {
  const auto known = cluster::NodeId::Parse(id);
  return known ? topology.IndexOf(*known) : cluster::kNoNode;
}

}  // namespace henge::commands
