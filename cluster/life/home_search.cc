// SPDX-License-Identifier: Apache-2.0
#include "cluster/life/home_search.h"

#include <algorithm>

namespace henge::cluster {
namespace {

// The one group that the node is of, as placement by hand has it.
GroupIndex OwnGroup(const Topology& topology, const NodeId& self) {
  const NodeIndex me = topology.IndexOf(self);
  if (me == kNoNode || topology.placement().mode != PlacementMode::kByHand) return kNoGroup;
  const auto& led = topology.GroupsLedBy(me);
  const auto& followed = topology.GroupsFollowedBy(me);
  if (led.size() + followed.size() != 1) return kNoGroup;
  return led.empty() ? followed.front() : led.front();
}

// Slots are on their way to it.
bool IsTarget(const Topology& topology, const GroupId& group) {
  const auto marked = [&](const SlotMark& mark) { return mark.importing == group; };
  const auto moves = [&](const Migration& migration) { return migration.to == group; };
  return std::ranges::any_of(topology.marks(), marked) ||
         std::ranges::any_of(topology.migrations(), moves);
}

bool IsFit(const Topology& topology, const NodeId& node) { return !topology.Find(node)->failed; }

int64_t FitFollowers(const Topology& topology, const Group& group) {
  return std::ranges::count_if(group.followers,
                               [&](const NodeId& id) { return IsFit(topology, id); });
}

bool IsLed(const Topology& topology, const Group& group) {
  return !group.leader.IsZero() && IsFit(topology, group.leader);
}

// It has had followers, and has none left.
bool IsOrphaned(const Topology& topology, GroupIndex index) {
  const Group& group = topology.groups()[index];
  return topology.GroupSlotCount(index) > 0 && IsLed(topology, group) && !group.followers.empty() &&
         FitFollowers(topology, group) == 0;
}

// Of the followers of those groups that have most: the one of the smallest id.
bool IsChosen(const Topology& topology, const NodeId& self) {
  int64_t most = 0;
  NodeId chosen;
  for (const Group& group : topology.groups()) {
    const int64_t fit = FitFollowers(topology, group);
    if (fit < most || fit == 0) continue;
    if (fit > most) chosen = NodeId();
    most = fit;
    for (const NodeId& id : group.followers) {
      if (IsFit(topology, id) && (chosen.IsZero() || id < chosen)) chosen = id;
    }
  }
  return chosen == self;
}

}  // namespace

std::optional<AddFollower> HomeSearch::Look(const Topology& topology, const NodeId& self,
                                            const HomeWishes& wishes, int64_t now_micros) {
  const GroupIndex own = OwnGroup(topology, self);
  if (own == kNoGroup) {
    *this = HomeSearch();
    return std::nullopt;
  }
  NoteSlots(topology, own);
  if (!wishes.moves) return std::nullopt;
  if (auto change = FromEmptied(topology, own, self)) return change;
  return ToOrphaned(topology, own, self, wishes, now_micros);
}

void HomeSearch::NoteSlots(const Topology& topology, GroupIndex own) {
  const GroupId& id = topology.groups()[own].id;
  if (id != own_) {
    own_ = id;
    had_.clear();
    taker_ = GroupId();
  }
  const std::vector<SlotRange>& has = topology.RangesOfGroup(own);
  if (!has.empty()) taker_ = GroupId();
  if (has.empty() && !had_.empty()) {
    const GroupIndex taker = topology.GroupOfSlot(had_.back().last);
    taker_ = taker == kNoGroup ? GroupId() : topology.groups()[taker].id;
  }
  had_ = has;
}

std::optional<AddFollower> HomeSearch::FromEmptied(const Topology& topology, GroupIndex own,
                                                   const NodeId& self) const {
  const Group* taker = topology.FindGroup(taker_);
  const Group& group = topology.groups()[own];
  if (taker == nullptr || taker->leader.IsZero() || IsTarget(topology, own_)) return std::nullopt;
  if (group.leader != self || group.followers.empty()) {
    return AddFollower{.group = taker_, .node = self};
  }
  for (const NodeId& follower : group.followers) {
    if (!IsFit(topology, follower)) return AddFollower{.group = taker_, .node = follower};
  }
  return std::nullopt;  // Until they have gone.
}

std::optional<AddFollower> HomeSearch::ToOrphaned(const Topology& topology, GroupIndex own,
                                                  const NodeId& self, const HomeWishes& wishes,
                                                  int64_t now_micros) {
  GroupId orphaned;
  for (GroupIndex i = 0; i < topology.groups().size() && orphaned.IsZero(); ++i) {
    if (IsOrphaned(topology, i)) orphaned = topology.groups()[i].id;
  }
  if (orphaned != orphaned_) {
    orphaned_ = orphaned;
    orphaned_since_ = now_micros;
  }
  const Group& group = topology.groups()[own];
  if (orphaned.IsZero() || now_micros - orphaned_since_ < kPatienceMicros) return std::nullopt;
  if (!group.IsFollower(self) || !IsLed(topology, group)) return std::nullopt;
  if (FitFollowers(topology, group) <= wishes.barrier || !IsChosen(topology, self)) {
    return std::nullopt;
  }
  return AddFollower{.group = orphaned, .node = self};
}

}  // namespace henge::cluster
