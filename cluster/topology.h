// SPDX-License-Identifier: Apache-2.0
// The topology: one small versioned document that says who is in the cluster and who owns which
// slot.
//
// A Topology is an immutable value, shared as TopologyPtr; any thread. It changes by Apply alone, a
// pure function from a topology and a change to the next topology or a refusal: no clock, no
// network, so that a log of changes replayed anywhere gives the same document, byte for byte.
//
// Invariants: node ids are unique and not zero; nodes are sorted by id; every owner is a node of
// the document or none; the version grows by one with each change; no node's config epoch is above
// the current epoch.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/types.h"
#include "cluster/node_id.h"
#include "cluster/ring.h"

namespace henge::cluster {

struct Node {
  NodeId id;
  std::string name = {};  // As the operator calls it; the id's digits if not at all.
  std::string host = {};  // What clients and peers are told to connect to.
  uint16_t port = 0;      // Clients.
  uint16_t bus_port = 0;  // Peers.
  int32_t priority = 0;   // Who is promoted first; higher goes first.
  std::string zone = {};
  double weight = 1;  // Share of the slots when the ring places them.
  uint32_t virtual_nodes = kDefaultVirtualNodes;
  Epoch config_epoch = 0;  // Redis's: of two claims to a slot the higher wins.

  bool operator==(const Node&) const = default;
};

// Both ends included, as Redis prints them.
struct SlotRange {
  Slot first = 0;
  Slot last = 0;
  bool operator==(const SlotRange&) const = default;
};

using NodeIndex = uint16_t;  // Into Topology::nodes(); means nothing in another version.
inline constexpr NodeIndex kNoNode = UINT16_MAX;

class Topology;
using TopologyPtr = std::shared_ptr<const Topology>;

class Topology {
 public:
  // The document of a cluster that does not exist: no nodes, no owners, version 0.
  static TopologyPtr Empty();

  // A new cluster's first document: the ring places all slots. Refuses what Ring::Make refuses, and
  // nodes without host or port, or two nodes at one address.
  static absl::StatusOr<TopologyPtr> FromMembers(std::vector<Node> nodes);

  // Takes parts that came from elsewhere (a file, the wire) after checking every invariant.
  // `owners` has kSlots entries that index `nodes` as given, or kNoNode.
  static absl::StatusOr<TopologyPtr> FromParts(uint64_t version, Epoch epoch,
                                               std::vector<Node> nodes,
                                               std::vector<NodeIndex> owners);

  uint64_t version() const { return version_; }
  Epoch epoch() const { return epoch_; }  // CLUSTER INFO's cluster_current_epoch.

  const std::vector<Node>& nodes() const { return nodes_; }  // Sorted by id.
  NodeIndex IndexOf(const NodeId& id) const;                 // kNoNode if unknown.
  const Node* Find(const NodeId& id) const;                  // nullptr if unknown.

  NodeIndex OwnerIndex(Slot slot) const { return owners_[slot]; }
  const Node* OwnerOf(Slot slot) const {  // nullptr if nobody owns it.
    return owners_[slot] == kNoNode ? nullptr : &nodes_[owners_[slot]];
  }
  const std::vector<SlotRange>& RangesOf(NodeIndex node) const { return ranges_[node]; }
  int SlotCount(NodeIndex node) const { return slot_counts_[node]; }
  int assigned_slots() const { return assigned_slots_; }
  int slot_owner_count() const { return slot_owner_count_; }  // CLUSTER INFO's cluster_size.

  // Sixty-four bits of everything but the version: nodes whose fingerprints differ disagree.
  uint64_t fingerprint() const { return fingerprint_; }

 private:
  Topology() = default;
  absl::Status Index();  // Fills what follows from nodes and owners; checks the invariants.
  void IndexSlots();
  uint64_t Fingerprint() const;

  uint64_t version_ = 0;
  Epoch epoch_ = 0;
  std::vector<Node> nodes_;
  std::vector<NodeIndex> owners_;

  std::vector<std::vector<SlotRange>> ranges_;
  std::vector<int> slot_counts_;
  int assigned_slots_ = 0;
  int slot_owner_count_ = 0;
  uint64_t fingerprint_ = 0;
};

// Changes. Each is a fact to agree on; later kinds (groups, leaders, migrations) join the variant.
struct AddNode {
  Node node;
};
struct RemoveNode {  // Refused while the node owns slots.
  NodeId id;
};
struct AddSlots {  // Refused if any of them has an owner, or stands twice.
  NodeId to;
  std::vector<Slot> slots;
};
struct DelSlots {  // Refused if any of them has none, or stands twice.
  std::vector<Slot> slots;
};
struct SetSlotOwner {  // Whoever had it before.
  Slot slot;
  NodeId to;
};
struct PlaceByRing {};  // All slots to where the ring puts them.
struct BumpEpoch {      // The node gets the next epoch as its own.
  NodeId id;
};
using Change =
    std::variant<AddNode, RemoveNode, AddSlots, DelSlots, SetSlotOwner, PlaceByRing, BumpEpoch>;

// The next topology. Refusals: kNotFound for an unknown node, kAlreadyExists for a slot that is
// busy or a node that is known, kFailedPrecondition for the rest.
absl::StatusOr<TopologyPtr> Apply(const Topology& topology, const Change& change);

}  // namespace henge::cluster
