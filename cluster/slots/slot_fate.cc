// SPDX-License-Identifier: Apache-2.0
#include "cluster/slots/slot_fate.h"

#include <algorithm>

namespace henge::cluster {

SlotsOfNode SlotsOfNode::In(const Topology& topology, const NodeId& node) {
  SlotsOfNode found;
  const NodeIndex me = topology.IndexOf(node);
  if (me == kNoNode) return found;
  const auto is_mine = [&](GroupIndex group) {
    return group != kNoGroup && topology.groups()[group].IsMember(node);
  };
  for (const Group& group : topology.groups()) {
    if (group.IsMember(node)) found.groups.push_back(group.id);
  }
  for (int i = 0; i < kSlots; ++i) {
    const GroupIndex group = topology.GroupOfSlot(static_cast<Slot>(i));
    if (group == kNoGroup) continue;
    (is_mine(group) ? found.owned : found.foreign).set(static_cast<size_t>(i));
  }
  for (const Migration& migration : topology.migrations()) {
    if (is_mine(topology.GroupIndexOf(migration.to))) found.coming |= BitsOf(migration.slots);
    if (is_mine(topology.GroupIndexOf(migration.from))) found.leaving |= BitsOf(migration.slots);
  }
  found.coming &= ~found.owned;  // By the ring a node may be at both ends.
  for (const SlotMark& mark : topology.marks()) found.marked.set(mark.slot);
  return found;
}

SlotBits DoomedAfter(const SlotBits& doomed, const SlotsOfNode& before, const SlotsOfNode& after) {
  if (LeftAGroup(before, after)) return {};
  return StillDoomed(doomed | before.coming | before.leaving | before.owned, after);
}

bool LeftAGroup(const SlotsOfNode& before, const SlotsOfNode& after) {
  return !std::includes(after.groups.begin(), after.groups.end(), before.groups.begin(),
                        before.groups.end());
}

SlotBits StillDoomed(const SlotBits& doomed, const SlotsOfNode& after) {
  return doomed & after.foreign & ~after.coming & ~after.marked;
}

SlotBits BitsOf(const std::vector<SlotRange>& ranges) {
  SlotBits bits;
  for (const auto& [first, last] : ranges) {
    for (int slot = first; slot <= last; ++slot) bits.set(static_cast<size_t>(slot));
  }
  return bits;
}

std::vector<SlotRange> RangesOf(const SlotBits& slots) {
  std::vector<SlotRange> ranges;
  for (int i = 0; i < kSlots; ++i) {
    if (!slots.test(static_cast<size_t>(i))) continue;
    const auto slot = static_cast<Slot>(i);
    if (!ranges.empty() && ranges.back().last + 1 == slot) {
      ranges.back().last = slot;
    } else {
      ranges.push_back({slot, slot});
    }
  }
  return ranges;
}

}  // namespace henge::cluster
