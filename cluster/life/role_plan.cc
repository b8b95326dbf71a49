// SPDX-License-Identifier: Apache-2.0
#include "cluster/life/role_plan.h"

namespace henge::cluster {

Role PlanRole(const Topology& topology, const NodeId& self, bool confirmed) {
  const NodeIndex index = topology.IndexOf(self);
  if (!confirmed || index == kNoNode) return {};
  const auto& led = topology.GroupsLedBy(index);
  const auto& followed = topology.GroupsFollowedBy(index);
  if (led.size() + followed.size() != 1) return {};
  const Group& group = topology.groups()[led.empty() ? followed.front() : led.front()];
  Role role{.part = Role::Part::kWaits, .group = group.id, .epoch = group.epoch};
  if (!led.empty()) {
    role.part = Role::Part::kLeads;
    return role;
  }
  const Node* leader = topology.Find(group.leader);
  if (leader == nullptr || leader->host.empty()) return role;
  role.part = Role::Part::kFollows;
  role.leader = {.id = leader->id, .host = leader->host, .port = leader->port};
  return role;
}

}  // namespace henge::cluster
