// SPDX-License-Identifier: Apache-2.0
#include "cluster/topology/invariants.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <bitset>
#include <cmath>
#include <set>
#include <string_view>
#include <utility>

#include "base/strings.h"

namespace henge::cluster {
namespace {

constexpr double kMaxWeight = 1000;

template <class... Text>
absl::Status Broken(const Text&... text) {
  return absl::InvalidArgumentError(absl::StrCat(text...));
}

template <class Id>
auto Abs(const Id& id) {
  return Absl(id.view());
}

bool Known(const std::vector<Node>& nodes, const NodeId& id) {
  const auto at =
      std::lower_bound(nodes.begin(), nodes.end(), id,
                       [](const Node& node, const NodeId& key) { return node.id < key; });
  return at != nodes.end() && at->id == id;
}

GroupIndex IndexOf(const std::vector<Group>& groups, const GroupId& id) {
  const auto at =
      std::lower_bound(groups.begin(), groups.end(), id,
                       [](const Group& group, const GroupId& key) { return group.id < key; });
  if (at == groups.end() || at->id != id) return kNoGroup;
  return static_cast<GroupIndex>(at - groups.begin());
}

absl::Status CheckNode(const Node& node, Epoch epoch) {
  if (node.id.IsZero()) return Broken("a node has no id");
  for (const std::string* text : {&node.name, &node.host, &node.hostname, &node.zone}) {
    if (text->size() > kMaxText) {
      return Broken("node ", Abs(node.id), " has a name of more than ", kMaxText, " bytes");
    }
  }
  if (!(node.weight > 0) || node.weight > kMaxWeight) {
    return Broken("node ", node.name, " has a weight that is not above 0 and at most ", kMaxWeight);
  }
  if (node.config_epoch > epoch) {
    return Broken("node ", node.name, " is ahead of the topology's epoch");
  }
  return absl::OkStatus();
}

absl::Status CheckNodes(const TopologyParts& parts) {
  if (parts.nodes.size() > kMaxMembers) return Broken("more than ", kMaxMembers, " nodes");
  for (size_t i = 0; i < parts.nodes.size(); ++i) {
    const Node& node = parts.nodes[i];
    if (absl::Status status = CheckNode(node, parts.epoch); !status.ok()) return status;
    if (i > 0 && node.id <= parts.nodes[i - 1].id) {
      return Broken("nodes ", parts.nodes[i - 1].name, " and ", node.name,
                    " have the same id or are not in order");
    }
  }
  return CheckAddresses(parts.nodes);
}

bool IsStrictlySorted(const std::vector<NodeId>& ids) {
  return std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>()) == ids.end();
}

absl::Status CheckDeposed(const Group& group) {
  const auto name = Abs(group.id);
  if (!IsStrictlySorted(group.deposed)) return Broken("group ", name, " has deposed a node twice");
  for (const NodeId& node : group.deposed) {
    if (!group.IsFollower(node) || !group.IsInSync(node)) {
      return Broken("group ", name, " has deposed a node that is no follower in sync");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckGroup(const Group& group, const TopologyParts& parts) {
  const auto name = Abs(group.id);
  if (group.id.IsZero()) return Broken("a group has no id");
  if (group.epoch > parts.epoch || group.revision > kMaxCounter) {
    return Broken("group ", name, " is ahead of the topology's epoch or has too high a revision");
  }
  if (group.followers.size() > kMaxFollowers) {
    return Broken("group ", name, " has more than ", kMaxFollowers, " followers");
  }
  if (!group.leader.IsZero() && !Known(parts.nodes, group.leader)) {
    return Broken("group ", name, " is led by an unknown node");
  }
  if (!IsStrictlySorted(group.followers) || group.IsFollower(group.leader)) {
    return Broken("group ", name, " has a member twice");
  }
  for (const NodeId& follower : group.followers) {
    if (!Known(parts.nodes, follower)) return Broken("group ", name, " has an unknown follower");
  }
  if (group.in_sync.empty() || !IsStrictlySorted(group.in_sync)) {
    return Broken("group ", name, " has nobody in sync, or somebody twice");
  }
  for (const NodeId& member : group.in_sync) {
    if (!group.IsMember(member)) return Broken("group ", name, " has no member in sync");
  }
  if (!group.leader.IsZero() && !group.IsInSync(group.leader)) {
    return Broken("group ", name, " has a leader that is not in sync");
  }
  return CheckDeposed(group);
}

absl::Status CheckMemberships(const TopologyParts& parts) {
  std::vector<NodeId> members;
  for (const Group& group : parts.groups) {
    if (!group.leader.IsZero()) members.push_back(group.leader);
    members.insert(members.end(), group.followers.begin(), group.followers.end());
  }
  std::sort(members.begin(), members.end());
  if (!IsStrictlySorted(members)) return Broken("a node is in two groups that are made by hand");
  if (members.size() != parts.nodes.size()) return Broken("a node is in no group");
  return absl::OkStatus();
}

absl::Status CheckVirtualNodes(const TopologyParts& parts) {
  std::set<std::pair<NodeId, uint32_t>> seen;
  for (const Group& group : parts.groups) {
    if (group.home.IsZero()) continue;
    if (!seen.emplace(group.home, group.number).second) {
      return Broken("group ", Abs(group.id), " is a virtual node that another group is, too");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckGroups(const TopologyParts& parts) {
  if (parts.groups.size() > kMaxGroups) return Broken("more than ", kMaxGroups, " groups");
  for (size_t i = 0; i < parts.groups.size(); ++i) {
    if (absl::Status status = CheckGroup(parts.groups[i], parts); !status.ok()) return status;
    if (i > 0 && parts.groups[i].id <= parts.groups[i - 1].id) {
      return Broken("group ", Abs(parts.groups[i].id), " stands twice or not in order");
    }
  }
  if (parts.placement.mode == PlacementMode::kByHand) return CheckMemberships(parts);
  if (parts.placement.followers > kMaxFollowers || parts.placement.groups_per_node == 0 ||
      parts.placement.groups_per_node > kMaxGroupsPerNode) {
    return Broken("the ring's followers or groups of a node are out of range");
  }
  return CheckVirtualNodes(parts);
}

absl::Status CheckMark(const SlotMark& mark, const TopologyParts& parts) {
  if (mark.slot >= kSlots) return Broken("a mark's slot is out of range");
  const GroupIndex owner = parts.slots[mark.slot];
  const bool migrates = !mark.migrating_to.IsZero();
  const bool imports = !mark.importing.IsZero();
  if (!migrates && !imports) return Broken("slot ", mark.slot, " has an empty mark");
  if (imports == mark.importing_from.IsZero()) {
    return Broken("slot ", mark.slot, " is imported by nobody or from nowhere");
  }
  for (const GroupId* id : {&mark.migrating_to, &mark.importing, &mark.importing_from}) {
    if (!id->IsZero() && IndexOf(parts.groups, *id) == kNoGroup) {
      return Broken("slot ", mark.slot, " has a mark of an unknown group");
    }
  }
  if (migrates && owner == kNoGroup) return Broken("slot ", mark.slot, " migrates from nobody");
  if (owner != kNoGroup) {
    const GroupId& id = parts.groups[owner].id;
    if (mark.migrating_to == id || mark.importing == id) {
      return Broken("slot ", mark.slot, " migrates to its owner");
    }
  }
  if (imports && mark.importing == mark.importing_from) {
    return Broken("slot ", mark.slot, " is imported from whom imports it");
  }
  return absl::OkStatus();
}

absl::Status CheckMarks(const TopologyParts& parts) {
  for (size_t i = 0; i < parts.marks.size(); ++i) {
    if (absl::Status status = CheckMark(parts.marks[i], parts); !status.ok()) return status;
    if (i > 0 && parts.marks[i].slot <= parts.marks[i - 1].slot) {
      return Broken("slot ", parts.marks[i].slot, " has two marks, or they are not in order");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckMigration(const Migration& migration, const TopologyParts& parts,
                            std::bitset<kSlots>& busy) {
  const GroupIndex from = IndexOf(parts.groups, migration.from);
  const GroupIndex to = IndexOf(parts.groups, migration.to);
  if (migration.id.empty() || migration.id.size() > kMaxText) {
    return Broken("a migration has no name, or one of more than ", kMaxText, " bytes");
  }
  if (from == kNoGroup || to == kNoGroup || from == to) {
    return Broken("migration ", migration.id, " is not between two groups");
  }
  if (migration.slots.empty()) return Broken("migration ", migration.id, " has no slots");
  int next = 0;
  for (const SlotRange& range : migration.slots) {
    if (range.first < next || range.last < range.first || range.last >= kSlots) {
      return Broken("migration ", migration.id, " has slots out of range or order");
    }
    for (int slot = range.first; slot <= range.last; ++slot) {
      const auto at = static_cast<size_t>(slot);
      if (busy.test(at)) return Broken("slot ", slot, " is in two migrations");
      if (parts.slots[at] != from) return Broken("slot ", slot, " migrates from no owner");
      busy.set(at);
    }
    next = range.last + 2;
  }
  return absl::OkStatus();
}

absl::Status CheckMigrations(const TopologyParts& parts) {
  if (parts.migrations.size() > kMaxMigrations) {
    return Broken("more than ", kMaxMigrations, " migrations");
  }
  std::bitset<kSlots> busy;
  for (size_t i = 0; i < parts.migrations.size(); ++i) {
    const Migration& migration = parts.migrations[i];
    if (absl::Status status = CheckMigration(migration, parts, busy); !status.ok()) return status;
    if (i > 0 && migration.id <= parts.migrations[i - 1].id) {
      return Broken("migration ", migration.id, " stands twice or not in order");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckVoters(const TopologyParts& parts) {
  if (parts.voters.size() > kMaxVoters) return Broken("more than ", kMaxVoters, " voters");
  if (!IsStrictlySorted(parts.voters)) return Broken("a voter stands twice or not in order");
  for (const NodeId& voter : parts.voters) {
    if (!Known(parts.nodes, voter)) return Broken("voter ", Abs(voter), " is no node");
  }
  if (parts.office.wait_ms < parts.office.lease_ms || parts.office.wait_ms > kMaxLeaseMs) {
    return Broken("the office's leases are out of range");
  }
  const NodeId& judge = parts.office.judge;
  if (!judge.IsZero() && !Known(parts.nodes, judge)) {
    return Broken("node ", Abs(judge), " is in office and no node");
  }
  return absl::OkStatus();
}

absl::Status CheckGroupStep(const Group& before, const Group& after) {
  const auto name = Abs(before.id);
  if (after.epoch < before.epoch) return Broken("the epoch of group ", name, " shrank");
  if (after.revision < before.revision) return Broken("the revision of group ", name, " shrank");
  if (after.leader != before.leader && after.epoch == before.epoch) {
    return Broken("group ", name, " has another leader in the same epoch");
  }
  const bool same_members = after.followers == before.followers &&
                            after.in_sync == before.in_sync && after.deposed == before.deposed &&
                            after.leader == before.leader;
  if (!same_members && after.revision == before.revision) {
    return Broken("group ", name, " has other members in the same revision");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckAddresses(const std::vector<Node>& nodes) {
  std::vector<std::pair<std::string_view, uint16_t>> seen;
  for (const Node& node : nodes) {
    if (!node.host.empty()) seen.emplace_back(node.host, node.port);
  }
  std::sort(seen.begin(), seen.end());
  const auto twice = std::adjacent_find(seen.begin(), seen.end());
  if (twice == seen.end()) return absl::OkStatus();
  return Broken("two nodes have the address ", Absl(twice->first), ":", twice->second);
}

absl::Status CheckParts(const TopologyParts& parts) {
  if (parts.slots.size() != kSlots) return Broken("a topology has exactly ", kSlots, " slots");
  for (const GroupIndex group : parts.slots) {
    if (group != kNoGroup && group >= parts.groups.size()) {
      return Broken("a slot's owner is no group");
    }
  }
  if (std::max({parts.version, parts.epoch, parts.office.term}) > kMaxCounter) {
    return Broken("the topology's version, epoch or term is out of range");
  }
  for (const auto check : {CheckNodes, CheckGroups, CheckMarks, CheckMigrations, CheckVoters}) {
    if (absl::Status status = check(parts); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckStep(const Topology& before, const Topology& after) {
  if (after.version() != before.version() + 1) return Broken("versions do not grow by one");
  if (after.epoch() < before.epoch()) return Broken("the topology's epoch shrank");
  if (after.office().term < before.office().term) return Broken("the office's term shrank");
  for (const Node& node : before.nodes()) {
    const Node* now = after.Find(node.id);
    if (now != nullptr && now->config_epoch < node.config_epoch) {
      return Broken("the config epoch of node ", node.name, " shrank");
    }
  }
  for (const Group& group : before.groups()) {
    const Group* now = after.FindGroup(group.id);
    if (now == nullptr) continue;
    if (absl::Status status = CheckGroupStep(group, *now); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace henge::cluster
