// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/first_topology.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace henge::sim {

using cluster::Group;
using cluster::GroupId;
using cluster::Node;
using cluster::NodeId;
using cluster::Topology;
using cluster::TopologyPtr;

Node NodeOf(int machine) {
  return {.id = NodeId::FromName("n" + std::to_string(machine)),
          .host = "h",
          .port = static_cast<uint16_t>(machine + 1),
          .virtual_nodes = 8};
}

namespace {

TopologyPtr ByHand(const Scenario& scenario) {
  std::vector<Node> nodes;
  for (int i = 0; i < scenario.nodes; ++i) nodes.push_back(NodeOf(i));
  cluster::TopologyParts parts{.version = 1, .epoch = 1, .nodes = nodes};
  for (int i = 0; i < scenario.leaders; ++i) {
    parts.groups.push_back({.id = GroupId::FromName("g" + std::to_string(i)),
                            .leader = nodes[static_cast<size_t>(i)].id,
                            .in_sync = {nodes[static_cast<size_t>(i)].id},
                            .epoch = 1});
  }
  for (int i = scenario.leaders; i < scenario.nodes; ++i) {
    Group& group = parts.groups[static_cast<size_t>(i % scenario.leaders)];
    group.followers.push_back(nodes[static_cast<size_t>(i)].id);
  }
  for (int slot = 0; slot < kSlots; ++slot) {
    parts.slots[static_cast<size_t>(slot)] =
        static_cast<cluster::GroupIndex>(slot * scenario.leaders / kSlots);
  }
  for (Group& group : parts.groups) std::sort(group.followers.begin(), group.followers.end());
  return *Topology::FromParts(std::move(parts));
}

}  // namespace

TopologyPtr FirstTopology(const Scenario& scenario) {
  static std::map<std::pair<int, int>, TopologyPtr> made;
  TopologyPtr& topology = made[std::pair(scenario.nodes, scenario.leaders)];
  if (topology == nullptr) topology = ByHand(scenario);
  return topology;
}

consensus::Membership FirstMembers(const Scenario& scenario) {
  std::vector<consensus::Member> members;
  for (int i = 0; i < scenario.nodes; ++i) {
    members.push_back({static_cast<consensus::PeerId>(i + 1), i < scenario.voters});
  }
  return consensus::Membership(std::move(members));
}

}  // namespace henge::sim
