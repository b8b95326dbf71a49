// SPDX-License-Identifier: Apache-2.0
// The changes of groups.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <string>

#include "cluster/topology/draft.h"
#include "cluster/topology/membership.h"
#include "cluster/topology/refusals.h"
#include "cluster/topology/ring_plan.h"

namespace henge::cluster {

absl::StatusOr<GroupIndex> Draft::KnownGroup(const GroupId& id) const {
  const GroupIndex index = from_.GroupIndexOf(id);
  if (index == kNoGroup) return Unknown("group ", Digits(id), " is not known");
  return index;
}

absl::StatusOr<GroupIndex> Draft::KnownGroup(const GroupId& id, Epoch expected_epoch) const {
  const auto index = KnownGroup(id);
  if (!index.ok()) return index;
  const Epoch epoch = parts_.groups[*index].epoch;
  if (epoch != expected_epoch) {
    return Outdated("group ", Digits(id), " is in epoch ", epoch, ", not ", expected_epoch);
  }
  return index;
}

Group* Draft::Find(const GroupId& id) {
  const auto at = std::find_if(parts_.groups.begin(), parts_.groups.end(),
                               [&](const Group& group) { return group.id == id; });
  return at == parts_.groups.end() ? nullptr : &*at;
}

// A name that no group had before: an old one's epochs and records can't be taken for its.
void Draft::LeadAlone(const NodeId& node) {
  const std::string name =
      absl::StrCat("group of ", Digits(node), " since version ", parts_.version);
  parts_.groups.push_back(
      {.id = GroupId::FromName(name), .leader = node, .in_sync = {node}, .epoch = parts_.epoch});
}

absl::Status Draft::Drop(const GroupId& id, const NodeId& node) {
  Group& group = *Find(id);
  if (group.in_sync.size() == 1 && group.IsInSync(node)) {
    return NotNow("node ", Digits(node), " alone has the data of group ", Digits(id),
                  ", which nobody leads");
  }
  EraseSorted(group.followers, node);
  EraseSorted(group.in_sync, node);
  EraseSorted(group.deposed, node);
  ++group.revision;
  return absl::OkStatus();
}

absl::Status Draft::DropFromAll(const NodeId& node) {
  const NodeIndex index = from_.IndexOf(node);
  for (const GroupIndex followed : from_.GroupsFollowedBy(index)) {
    const GroupId& id = from_.groups()[followed].id;
    if (absl::Status status = Drop(id, node); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Draft::LeaveByHand(const NodeId& node) {
  const NodeIndex index = from_.IndexOf(node);
  for (const GroupIndex led : from_.GroupsLedBy(index)) {  // One, at most.
    if (from_.GroupSlotCount(led) > 0) return NotNow("node ", Digits(node), " owns slots");
    if (!from_.groups()[led].followers.empty()) {
      return NotNow("node ", Digits(node), " has followers");
    }
    EraseGroup(parts_, led);
    return absl::OkStatus();
  }
  return DropFromAll(node);
}

void Draft::EndMigrationsOf(const GroupId& group) {
  std::erase_if(parts_.migrations, [&](const Migration& migration) {
    return migration.from == group || migration.to == group;
  });
}

absl::Status Draft::operator()(const CreateGroup& change) {
  const auto leader = Known(change.leader);
  if (!leader.ok()) return leader.status();
  if (change.id.IsZero()) return Senseless("a group needs an id");
  if (from_.FindGroup(change.id) != nullptr) {
    return Taken("group ", Digits(change.id), " is known");
  }
  if (by_hand()) {
    if (!from_.GroupsLedBy(*leader).empty()) {
      return NotNow("node ", Digits(change.leader), " leads a group already");
    }
    if (absl::Status status = DropFromAll(change.leader); !status.ok()) return status;
  }
  parts_.groups.push_back({.id = change.id,
                           .leader = change.leader,
                           .in_sync = {change.leader},
                           .epoch = ++parts_.epoch});
  return absl::OkStatus();
}

absl::Status Draft::operator()(const AddFollower& change) {
  const auto index = KnownGroup(change.group);
  if (!index.ok()) return index.status();
  if (const auto node = Known(change.node); !node.ok()) return node.status();
  Group& group = parts_.groups[*index];
  if (group.leader == change.node) {
    return NotNow("node ", Digits(change.node), " leads the group");
  }
  if (group.IsFollower(change.node)) {
    return Taken("node ", Digits(change.node), " follows the group already");
  }
  if (group.followers.size() >= kMaxFollowers) {
    return NotNow("the group has ", kMaxFollowers, " followers already");
  }
  InsertSorted(group.followers, change.node);
  ++group.revision;
  return by_hand() ? LeaveByHand(change.node) : absl::OkStatus();
}

absl::Status Draft::operator()(const RemoveFollower& change) {
  const auto index = KnownGroup(change.group);
  if (!index.ok()) return index.status();
  if (!parts_.groups[*index].IsFollower(change.node)) {
    return Unknown("node ", Digits(change.node), " does not follow the group");
  }
  if (absl::Status status = Drop(change.group, change.node); !status.ok()) return status;
  if (by_hand()) LeadAlone(change.node);
  return absl::OkStatus();
}

absl::Status Draft::operator()(const Promote& change) {
  const auto index = KnownGroup(change.group, change.expected_epoch);
  if (!index.ok()) return index.status();
  if (!change.handover) {
    if (absl::Status status = CheckTerm(change.term); !status.ok()) return status;
  }
  Group& group = parts_.groups[*index];
  if (!group.IsInSync(change.to)) {
    return NotNow("node ", Digits(change.to), " is not in sync in group ", Digits(group.id));
  }
  if (change.handover && (group.leader.IsZero() || group.leader == change.to)) {
    return NotNow("group ", Digits(group.id), " has nobody who could hand it over");
  }
  const NodeId old = group.leader;
  group.epoch = ++parts_.epoch;
  ++group.revision;
  EraseSorted(group.followers, change.to);
  EraseSorted(group.deposed, change.to);
  group.leader = change.to;
  if (!old.IsZero() && old != change.to) {
    InsertSorted(group.followers, old);
    if (!change.handover) InsertSorted(group.deposed, old);
  }
  parts_.nodes[from_.IndexOf(change.to)].config_epoch = group.epoch;
  EndMigrationsOf(group.id);
  return absl::OkStatus();
}

absl::Status Draft::operator()(const StepDown& change) {
  const auto index = KnownGroup(change.group, change.expected_epoch);
  if (!index.ok()) return index.status();
  Group& group = parts_.groups[*index];
  if (group.leader.IsZero()) return NotNow("nobody leads group ", Digits(group.id));
  InsertSorted(group.followers, group.leader);
  group.leader = NodeId();
  group.epoch = ++parts_.epoch;
  ++group.revision;
  EndMigrationsOf(group.id);
  return absl::OkStatus();
}

absl::Status Draft::operator()(const SetInSync& change) {
  const auto index = KnownGroup(change.group, change.expected_epoch);
  if (!index.ok()) return index.status();
  Group& group = parts_.groups[*index];
  if (group.revision != change.expected_revision) {
    return Outdated("group ", Digits(group.id), " is in revision ", group.revision, ", not ",
                    change.expected_revision);
  }
  if (group.leader.IsZero()) return NotNow("nobody leads group ", Digits(group.id));
  std::vector<NodeId> members = change.members;
  std::sort(members.begin(), members.end());
  if (std::adjacent_find(members.begin(), members.end()) != members.end()) {
    return Senseless("a member is named twice");
  }
  for (const NodeId& member : members) {
    if (!group.IsMember(member)) {
      return NotNow("node ", Digits(member), " is no member of group ", Digits(group.id));
    }
  }
  if (!std::binary_search(members.begin(), members.end(), group.leader)) {
    return Senseless("a leader is always in sync");
  }
  group.in_sync = std::move(members);
  group.deposed.clear();
  ++group.revision;
  return absl::OkStatus();
}

absl::Status Draft::operator()(const PlaceByRing& change) {
  return PlaceOnRing(change, parts_.version, parts_);
}

absl::Status Draft::operator()(const PlaceByHand& /*change*/) {
  std::map<NodeId, int> memberships;
  for (const Group& group : parts_.groups) {
    if (!group.leader.IsZero()) ++memberships[group.leader];
    for (const NodeId& follower : group.followers) ++memberships[follower];
  }
  for (const auto& [node, count] : memberships) {
    if (count > 1) return NotNow("node ", Digits(node), " is in ", count, " groups");
  }
  for (const Node& node : parts_.nodes) {
    if (!memberships.contains(node.id)) LeadAlone(node.id);
  }
  for (Group& group : parts_.groups) {
    group.home = NodeId();
    group.number = 0;
  }
  parts_.placement = {};
  return absl::OkStatus();
}

}  // namespace henge::cluster
