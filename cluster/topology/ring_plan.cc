// SPDX-License-Identifier: Apache-2.0
#include "cluster/topology/ring_plan.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <bitset>
#include <map>
#include <string>
#include <utility>

#include "base/strings.h"
#include "cluster/topology/membership.h"

namespace henge::cluster {
namespace {

// Of a walk for followers: enough to find other zones, and short for a thousand members.
constexpr size_t kWalk = 64;

// FNV-1a, then splitmix64's mixing.
Slot AnchorOf(const NodeId& home, uint32_t number) {
  uint64_t hash = 0xcbf29ce484222325 ^ number;
  for (const char c : home.view()) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  }
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  return static_cast<Slot>((hash ^ (hash >> 31)) % kSlots);
}

std::vector<Member> MembersOf(const std::vector<const Node*>& nodes) {
  std::vector<Member> members;
  members.reserve(nodes.size());
  for (const Node* node : nodes) {
    members.push_back({.id = node->id.str(),
                       .weight = node->weight,
                       .virtual_nodes = node->virtual_nodes,
                       .zone = node->zone,
                       .priority = node->priority});
  }
  return members;
}

// Chooses the followers of one group after another, each member's share in mind.
class FollowerChoice {
 public:
  FollowerChoice(const Ring& ring, size_t followers, size_t groups_per_node)
      : ring_(ring),
        followers_(std::min(followers, ring.members().size() - 1)),
        share_(followers_ * groups_per_node),
        follows_(ring.members().size()) {}

  std::vector<MemberIndex> For(MemberIndex home, Slot anchor) {
    const std::vector<MemberIndex> walk = ring_.Preference(anchor, kWalk + followers_ + 1);
    std::vector<MemberIndex> chosen;
    for (const bool other_zone : {true, false}) {
      for (const bool within_share : {true, false}) {
        for (const MemberIndex member : walk) {
          if (chosen.size() == followers_) break;
          if (member == home || std::count(chosen.begin(), chosen.end(), member) > 0) continue;
          if (within_share && follows_[member] >= share_) continue;
          if (other_zone && InUse(ring_.members()[member].zone, home, chosen)) continue;
          chosen.push_back(member);
        }
      }
    }
    for (const MemberIndex member : chosen) ++follows_[member];
    return chosen;
  }

 private:
  bool InUse(const std::string& zone, MemberIndex home,
             const std::vector<MemberIndex>& chosen) const {
    if (zone.empty()) return false;  // Unknown: taken to be elsewhere.
    const auto in_zone = [&](MemberIndex m) { return ring_.members()[m].zone == zone; };
    return in_zone(home) || std::any_of(chosen.begin(), chosen.end(), in_zone);
  }

  const Ring& ring_;
  const size_t followers_;
  const size_t share_;
  std::vector<size_t> follows_;
};

using VirtualNodeName = std::pair<NodeId, uint32_t>;

// Makes the parts be as the plan has it.
class Placing {
 public:
  Placing(const RingPlan& plan, const PlaceByRing& change, uint64_t version, TopologyParts& parts)
      : plan_(plan), change_(change), version_(version), parts_(parts) {}

  void Run() {
    Name();
    PlaceSlots();
    for (size_t i = 0; i < groups_.size(); ++i) {
      PlaceFollowers(parts_.groups[groups_[i]], plan_.virtual_nodes()[i]);
    }
    Dissolve();
    parts_.placement = {.mode = PlacementMode::kByRing,
                        .followers = change_.followers,
                        .groups_per_node = change_.groups_per_node};
  }

 private:
  // Finds or makes the group of each virtual node.
  void Name() {
    std::map<VirtualNodeName, GroupIndex> known;
    for (GroupIndex i = 0; i < parts_.groups.size(); ++i) {
      const Group& group = parts_.groups[i];
      if (!group.home.IsZero()) known.emplace(VirtualNodeName{group.home, group.number}, i);
    }
    for (GroupIndex i = 0; i < parts_.groups.size(); ++i) {  // Made by hand, now its leader's.
      const Group& group = parts_.groups[i];
      if (!group.home.IsZero() || group.leader.IsZero()) continue;
      known.try_emplace(VirtualNodeName{group.leader, 0}, i);
    }
    for (const VirtualNode& wanted : plan_.virtual_nodes()) {
      const auto at = known.find({wanted.home, wanted.number});
      const GroupIndex index = at != known.end() ? at->second : Make(wanted);
      parts_.groups[index].home = wanted.home;
      parts_.groups[index].number = wanted.number;
      groups_.push_back(index);
    }
  }

  GroupIndex Make(const VirtualNode& wanted) {
    const std::string name = absl::StrCat("virtual node ", wanted.number, " of ",
                                          Absl(wanted.home.view()), " since version ", version_);
    parts_.groups.push_back({.id = GroupId::FromName(name),
                             .leader = wanted.home,
                             .in_sync = {wanted.home},
                             .epoch = parts_.epoch});
    return static_cast<GroupIndex>(parts_.groups.size() - 1);
  }

  void PlaceSlots() {
    for (int i = 0; i < kSlots; ++i) {
      const auto slot = static_cast<Slot>(i);
      GroupIndex& owner = parts_.slots[slot];
      const GroupIndex wanted = groups_[plan_.VirtualNodeOf(slot)];
      if (owner == wanted || (owner != kNoGroup && !change_.move_owned)) continue;
      owner = wanted;
      moved_.set(slot);
    }
    std::erase_if(parts_.marks, [this](const SlotMark& mark) { return moved_.test(mark.slot); });
  }

  // Whoever leads may be another than the home, after a failover; then the home should follow.
  static void PlaceFollowers(Group& group, const VirtualNode& wanted) {
    std::vector<NodeId> members = wanted.followers;
    members.push_back(wanted.home);
    std::erase(members, group.leader);
    bool all_in_sync = !group.leader.IsZero();
    for (const NodeId& member : members) {
      if (!group.IsFollower(member) && group.followers.size() < kMaxFollowers) {
        InsertSorted(group.followers, member);
        ++group.revision;
      }
      all_in_sync = all_in_sync && group.IsInSync(member);
    }
    const std::vector<NodeId> followers = group.followers;
    for (const NodeId& follower : followers) {
      if (std::count(members.begin(), members.end(), follower) > 0) continue;
      if (group.IsInSync(follower) && !all_in_sync) continue;
      EraseSorted(group.followers, follower);
      EraseSorted(group.in_sync, follower);
      EraseSorted(group.deposed, follower);
      ++group.revision;
    }
  }

  // Groups that are no virtual node any more go when they own nothing and have no part in a
  // migration.
  void Dissolve() {
    std::vector<bool> kept(parts_.groups.size());
    for (const GroupIndex index : groups_) kept[index] = true;
    for (const GroupIndex index : parts_.slots) {
      if (index != kNoGroup) kept[index] = true;
    }
    for (size_t i = parts_.groups.size(); i-- > 0;) {
      const GroupId& id = parts_.groups[i].id;
      const bool migrates =
          std::any_of(parts_.migrations.begin(), parts_.migrations.end(),
                      [&](const Migration& m) { return m.from == id || m.to == id; });
      if (!kept[i] && !migrates) EraseGroup(parts_, static_cast<GroupIndex>(i));
    }
  }

  const RingPlan& plan_;
  const PlaceByRing& change_;
  const uint64_t version_;
  TopologyParts& parts_;
  std::vector<GroupIndex> groups_;  // By virtual node.
  std::bitset<kSlots> moved_;
};

}  // namespace

absl::StatusOr<RingPlan> RingPlan::Make(const std::vector<Node>& nodes, uint32_t followers,
                                        uint32_t groups_per_node) {
  std::vector<const Node*> staying;
  for (const Node& node : nodes) {
    if (!node.leaving) staying.push_back(&node);
  }
  // As the ring has its members.
  std::sort(staying.begin(), staying.end(),
            [](const Node* a, const Node* b) { return a->id < b->id; });
  if (followers > kMaxFollowers || groups_per_node == 0 || groups_per_node > kMaxGroupsPerNode ||
      staying.size() * groups_per_node > kMaxGroups) {
    return absl::InvalidArgumentError("too many followers, or none or too many groups");
  }
  auto ring = Ring::Make(MembersOf(staying));
  if (!ring.ok()) return ring.status();
  RingPlan plan;
  FollowerChoice choice(*ring, followers, groups_per_node);
  for (MemberIndex home = 0; home < staying.size(); ++home) {
    for (uint32_t number = 0; number < groups_per_node; ++number) {
      VirtualNode node{.home = staying[home]->id, .number = number};
      for (const MemberIndex member : choice.For(home, AnchorOf(node.home, number))) {
        node.followers.push_back(staying[member]->id);
      }
      plan.virtual_nodes_.push_back(std::move(node));
    }
  }
  const Placement placement = ring->Place();
  plan.by_slot_.reserve(kSlots);
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    plan.by_slot_.push_back(placement.owner[slot] * groups_per_node +
                            slot * groups_per_node / kSlots);
  }
  return plan;
}

absl::Status PlaceOnRing(const PlaceByRing& change, uint64_t version, TopologyParts& parts) {
  if (change.move_owned && !parts.migrations.empty()) {
    return absl::FailedPreconditionError("slots can't be placed anew while some migrate");
  }
  const auto plan = RingPlan::Make(parts.nodes, change.followers, change.groups_per_node);
  if (!plan.ok()) return plan.status();
  if (parts.groups.size() + plan->virtual_nodes().size() > 2 * kMaxGroups) {
    return absl::InvalidArgumentError("too many groups");
  }
  Placing(*plan, change, version, parts).Run();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<WantedMove>> RingMoves(const Topology& topology) {
  const PlacementRule& rule = topology.placement();
  std::vector<WantedMove> moves;
  if (rule.mode == PlacementMode::kByHand) return moves;
  const auto plan = RingPlan::Make(topology.nodes(), rule.followers, rule.groups_per_node);
  if (!plan.ok()) return plan.status();
  std::map<VirtualNodeName, GroupIndex> groups;
  for (GroupIndex i = 0; i < topology.groups().size(); ++i) {
    const Group& group = topology.groups()[i];
    groups.emplace(VirtualNodeName{group.home, group.number}, i);
  }
  std::map<std::pair<GroupIndex, GroupIndex>, std::vector<SlotRange>> wanted;
  for (int i = 0; i < kSlots; ++i) {
    const auto slot = static_cast<Slot>(i);
    const VirtualNode& home = plan->virtual_nodes()[plan->VirtualNodeOf(slot)];
    const auto to = groups.find({home.home, home.number});
    const GroupIndex from = topology.GroupOfSlot(slot);
    if (to == groups.end() || from == kNoGroup || from == to->second) continue;
    std::vector<SlotRange>& ranges = wanted[{from, to->second}];
    if (!ranges.empty() && ranges.back().last + 1 == slot) {
      ranges.back().last = slot;
    } else {
      ranges.push_back({slot, slot});
    }
  }
  for (auto& [ends, ranges] : wanted) {
    moves.push_back({.from = topology.groups()[ends.first].id,
                     .to = topology.groups()[ends.second].id,
                     .slots = std::move(ranges)});
  }
  return moves;
}

}  // namespace henge::cluster
