// SPDX-License-Identifier: Apache-2.0
// What a topology, and a change from one to another, say of the keys that a node has for slots that
// move. Pure functions; any thread.
//
//   coming   slots of a migration to the node's group: keys that it has are nobody's to see yet
//   gone     the slot was the group's own, or a migration to or from its group has ended, and it is
//            another group's: the keys are to be deleted by who leads the group
//   kept     the slot is the group's own, or nobody's, or was so before it became another's:
//            whatever is there stays. As in Redis, so that a slot may be given back to who has its
//            keys
#pragma once

#include <bitset>

#include "cluster/topology.h"

namespace henge::cluster {

using SlotBits = std::bitset<kSlots>;

// The slots of all groups that the node leads or follows, of migrations to them, and of those to
// or from them.
struct SlotsOfNode {
  SlotBits owned;
  SlotBits coming;
  SlotBits leaving;
  SlotBits foreign;             // Another group's.
  SlotBits marked;              // Of which the topology has a mark: they move key by key.
  std::vector<GroupId> groups;  // Those groups, sorted.

  static SlotsOfNode In(const Topology& topology, const NodeId& node);
};

// Of what is to be deleted before the step (`doomed`), and the step itself, what is after it. Who
// goes to another group gets all that group's keys instead of its own: none is doomed.
SlotBits DoomedAfter(const SlotBits& doomed, const SlotsOfNode& before, const SlotsOfNode& after);

// Whether the node is no member any more of a group that it was in.
bool LeftAGroup(const SlotsOfNode& before, const SlotsOfNode& after);

// Of what was to be deleted before, what still is.
SlotBits StillDoomed(const SlotBits& doomed, const SlotsOfNode& after);

SlotBits BitsOf(const std::vector<SlotRange>& ranges);
std::vector<SlotRange> RangesOf(const SlotBits& slots);

}  // namespace henge::cluster
