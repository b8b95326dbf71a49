// SPDX-License-Identifier: Apache-2.0
// What the ring wants of a topology: the virtual nodes, who leads and follows each, and which owns
// a slot. Pure; any thread.
//
// A member's slots follow from the ring (cluster/ring.h). The circle is cut in groups_per_node
// equal arcs, and a member's slots in the n-th arc are its n-th virtual node's, a replica group.
// Its followers are found from a place on the circle that the member's id and n decide: walking
// clockwise, first members of zones not yet in use, then others, and in both cases rather one that
// does not follow its share of groups yet.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <vector>

#include "cluster/topology.h"
#include "cluster/topology/change.h"

namespace henge::cluster {

struct VirtualNode {
  NodeId home;
  uint32_t number = 0;
  std::vector<NodeId> followers;
};

class RingPlan {
 public:
  // Leaving nodes are no members. Refuses what Ring::Make refuses and more groups than a document
  // may have.
  static absl::StatusOr<RingPlan> Make(const std::vector<Node>& nodes, uint32_t followers,
                                       uint32_t groups_per_node);

  const std::vector<VirtualNode>& virtual_nodes() const { return virtual_nodes_; }
  uint32_t VirtualNodeOf(Slot slot) const { return by_slot_[slot]; }

 private:
  std::vector<VirtualNode> virtual_nodes_;
  std::vector<uint32_t> by_slot_;
};

// The change, done to the parts. `version`: of the document that they will be.
absl::Status PlaceOnRing(const PlaceByRing& change, uint64_t version, TopologyParts& parts);

// Slots that should go from one group to another, so that all are where the ring wants them. Empty
// for a topology that is made by hand.
struct WantedMove {
  GroupId from;
  GroupId to;
  std::vector<SlotRange> slots;
};
absl::StatusOr<std::vector<WantedMove>> RingMoves(const Topology& topology);

}  // namespace henge::cluster
