// SPDX-License-Identifier: Apache-2.0
// The topology: one small versioned document that says who is in the cluster, who leads and follows
// which replica group, and which group owns which slot.
//
//   nodes ──── lead, follow ──── groups ──── own ──── slots, with marks and migrations
//     └ voters, office: who keeps the document, and who judges failures
//
// A Topology is an immutable value, shared as TopologyPtr; any thread. It changes by Apply alone
// (cluster/topology/change.h), a pure function: no clock, no network, so that a log of changes
// replayed anywhere gives the same document, byte for byte.
//
// Invariants, of every document that exists (CheckParts is their code, run for each):
//   1. Nodes: ids unique and not zero, an address each, no address twice among those with a host,
//      finite weights in (0, 1000]; at most kMaxMembers.
//   2. Groups: ids unique and not zero; the leader is a node and no follower; no follower twice,
//      all of them nodes; the in-sync set is of members, not empty, and holds the leader; who is
//      deposed follows and is in sync; no node's config epoch and no group's epoch is above the
//      document's.
//   3. A slot belongs to one group or none.
//   4. By hand, each node is in exactly one group, as in Redis. By the ring, a node is in any
//      number, once in each; no two groups are the same virtual node.
//   5. Marks: one at most for a slot, to or from groups that exist, never from an owner to itself.
//   6. Migrations: ids unique, two different groups that exist; no slot in two of them; all slots
//      owned by the group that gives.
//   7. Voters are nodes, at most seven, none twice; whoever is in office is a node or nobody.
//   8. Nothing that counts is above kMaxCounter, so that nothing wraps around.
// From one version to the next (CheckStep): versions grow by one; the document's epoch, each
// group's epoch and revision, each node's config epoch and the office's term never shrink; a
// group has another leader only in a higher epoch.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/types.h"
#include "cluster/node_id.h"
#include "cluster/ring.h"

namespace henge::cluster {

inline constexpr size_t kMaxGroups = 8192;
inline constexpr size_t kMaxFollowers = 32;  // Of one group.
inline constexpr size_t kMaxMigrations = 1024;
inline constexpr size_t kMaxVoters = 7;
inline constexpr uint32_t kMaxLeaseMs = 3'600'000;
inline constexpr size_t kMaxText = 255;  // Bytes of a name, host or zone.
inline constexpr uint32_t kMaxGroupsPerNode = 64;
inline constexpr uint64_t kMaxCounter = uint64_t{1} << 62;  // Epochs, versions, terms, revisions.

struct Node {
  NodeId id;
  std::string name = {};      // As the operator calls it; the id's digits if not at all.
  std::string host = {};      // What clients and peers are told to connect to.
  uint16_t port = 0;          // Clients.
  uint16_t tls_port = 0;      // Clients by TLS; 0: none.
  uint16_t bus_port = 0;      // Peers.
  std::string hostname = {};  // Told beside the host; empty: none.
  int32_t priority = 0;       // Who is promoted first; higher goes first.
  std::string zone = {};
  double weight = 1;  // Share of the slots when the ring places them.
  uint32_t virtual_nodes = kDefaultVirtualNodes;
  Epoch config_epoch = 0;    // Redis's: of two claims to a slot the higher wins.
  bool no_failover = false;  // Never promoted because a leader failed.
  bool no_vote = false;      // Never a voter.
  bool leaving = false;      // The ring gives it nothing any more.
  bool failed = false;       // So judged by whoever is in office.

  bool operator==(const Node&) const = default;
};

// Both ends included, as Redis prints them.
struct SlotRange {
  Slot first = 0;
  Slot last = 0;
  bool operator==(const SlotRange&) const = default;
};

enum class GroupState : uint8_t {
  kLed,
  kLeaderless,  // The leader stepped down; one of the in-sync will be promoted.
};

// The unit of replication, failover and placement.
struct Group {
  GroupId id;
  NodeId leader;                  // Zero while leaderless.
  std::vector<NodeId> followers;  // Sorted.
  std::vector<NodeId> in_sync;    // Sorted; who has every acknowledged write. The leader too.
  std::vector<NodeId> deposed;    // Sorted; of those: led, until a judge promoted another.
  Epoch epoch = 0;                // Grows with each leader; fences the ones before.
  uint64_t revision = 0;          // Grows with each change of the members above.
  NodeId home;                    // By the ring: whose virtual node this is; else zero.
  uint32_t number = 0;            // By the ring: which of its home's.

  GroupState state() const { return leader.IsZero() ? GroupState::kLeaderless : GroupState::kLed; }
  bool IsMember(const NodeId& node) const { return node == leader || IsFollower(node); }
  bool IsFollower(const NodeId& node) const;
  bool IsInSync(const NodeId& node) const;
  bool IsDeposed(const NodeId& node) const;
  bool operator==(const Group&) const = default;
};

// Redis's way to move a slot, key by key: SETSLOT MIGRATING at one end, IMPORTING at the other.
struct SlotMark {
  Slot slot = 0;
  GroupId migrating_to;    // Of the owner; zero: not marked there.
  GroupId importing;       // Who imports; zero: nobody.
  GroupId importing_from;  // Zero if nobody imports.
  bool operator==(const SlotMark&) const = default;
};

// Henge's way: all slots of a migration change hands at once.
struct Migration {
  std::string id;
  GroupId from;
  GroupId to;
  std::vector<SlotRange> slots;  // Sorted, apart from each other.
  bool operator==(const Migration&) const = default;
};

enum class PlacementMode : uint8_t { kByHand, kByRing };

struct PlacementRule {
  PlacementMode mode = PlacementMode::kByHand;
  uint32_t followers = 0;  // Of each group; the rest is for the ring alone.
  uint32_t groups_per_node = 1;
  bool operator==(const PlacementRule&) const = default;
};

// Who judges that leaders have failed. Whoever takes office raises the term; a judgement of an
// earlier term is refused, so that one that was delayed can't hurt a leader that lives.
//
// A judge gives group leaders leases (cluster/failover/lease.h), all of one length. The document
// keeps it, so that the next judge knows how long those of the terms before may still last.
struct Office {
  NodeId judge;
  uint64_t term = 0;
  uint32_t lease_ms = 0;
  uint32_t wait_ms = 0;  // Never below lease_ms.
  bool operator==(const Office&) const = default;
};

using NodeIndex = uint16_t;  // Into Topology::nodes(); means nothing in another version.
inline constexpr NodeIndex kNoNode = UINT16_MAX;
using GroupIndex = uint16_t;  // Into Topology::groups(), likewise.
inline constexpr GroupIndex kNoGroup = UINT16_MAX;

// All that a document says, sound or not.
struct TopologyParts {
  uint64_t version = 0;
  Epoch epoch = 0;
  PlacementRule placement = {};
  std::vector<Node> nodes = {};                                               // In any order.
  std::vector<Group> groups = {};                                             // In any order.
  std::vector<GroupIndex> slots = std::vector<GroupIndex>(kSlots, kNoGroup);  // Into `groups`.
  std::vector<SlotMark> marks = {};
  std::vector<Migration> migrations = {};
  std::vector<NodeId> voters = {};
  Office office = {};

  bool operator==(const TopologyParts&) const = default;
};

class Topology;
using TopologyPtr = std::shared_ptr<const Topology>;

class Topology {
 public:
  // The document of a cluster that does not exist: no nodes, no groups, version 0.
  static TopologyPtr Empty();

  // Made by hand: each node leads a group of its own. `owners` has kSlots entries that index
  // `nodes` as given, or kNoNode; empty: nobody owns a slot. Version 1.
  static absl::StatusOr<TopologyPtr> ByHand(std::vector<Node> nodes,
                                            const std::vector<NodeIndex>& owners = {});

  // A new cluster's first document: the ring places all slots. Refuses what Ring::Make refuses,
  // and nodes without host or port, or two nodes at one address. Version 1.
  static absl::StatusOr<TopologyPtr> FromMembers(std::vector<Node> nodes, uint32_t followers = 0,
                                                 uint32_t groups_per_node = 1);

  // A group without shards: one group with all nodes in it, which owns all slots. The one of
  // highest priority leads, of equals the first as given; the others follow. Refuses nodes without
  // host or port. Version 1.
  static absl::StatusOr<TopologyPtr> OneGroup(std::vector<Node> nodes);

  // Takes parts that came from elsewhere (a change, a file, the wire), in any order, after checking
  // every invariant.
  static absl::StatusOr<TopologyPtr> FromParts(TopologyParts parts);

  const TopologyParts& parts() const { return parts_; }  // Everything sorted.

  uint64_t version() const { return parts_.version; }
  Epoch epoch() const { return parts_.epoch; }  // CLUSTER INFO's cluster_current_epoch.
  const PlacementRule& placement() const { return parts_.placement; }
  const std::vector<NodeId>& voters() const { return parts_.voters; }
  const Office& office() const { return parts_.office; }

  const std::vector<Node>& nodes() const { return parts_.nodes; }  // Sorted by id.
  NodeIndex IndexOf(const NodeId& id) const;                       // kNoNode if unknown.
  const Node* Find(const NodeId& id) const;                        // nullptr if unknown.

  const std::vector<Group>& groups() const { return parts_.groups; }  // Sorted by id.
  GroupIndex GroupIndexOf(const GroupId& id) const;                   // kNoGroup if unknown.
  const Group* FindGroup(const GroupId& id) const;                    // nullptr if unknown.
  const std::vector<GroupIndex>& GroupsLedBy(NodeIndex node) const { return led_[node]; }
  const std::vector<GroupIndex>& GroupsFollowedBy(NodeIndex node) const { return followed_[node]; }
  NodeIndex LeaderIndex(GroupIndex group) const { return leaders_[group]; }
  const std::vector<SlotRange>& RangesOfGroup(GroupIndex group) const {
    return group_ranges_[group];
  }
  int GroupSlotCount(GroupIndex group) const { return group_slot_counts_[group]; }

  // Slots, by group and by the node that leads it. A slot of a leaderless group is assigned but has
  // no owner node.
  GroupIndex GroupOfSlot(Slot slot) const { return parts_.slots[slot]; }
  bool IsAssigned(Slot slot) const { return parts_.slots[slot] != kNoGroup; }
  NodeIndex OwnerIndex(Slot slot) const {
    const GroupIndex group = parts_.slots[slot];
    return group == kNoGroup ? kNoNode : leaders_[group];
  }
  const Node* OwnerOf(Slot slot) const {  // nullptr if nobody owns it.
    const NodeIndex owner = OwnerIndex(slot);
    return owner == kNoNode ? nullptr : &parts_.nodes[owner];
  }
  const std::vector<SlotRange>& RangesOf(NodeIndex node) const { return ranges_[node]; }
  int SlotCount(NodeIndex node) const { return slot_counts_[node]; }
  int assigned_slots() const { return assigned_slots_; }
  int slot_owner_count() const { return slot_owner_count_; }  // CLUSTER INFO's cluster_size.

  const std::vector<SlotMark>& marks() const { return parts_.marks; }  // Sorted by slot.
  const SlotMark* MarkOf(Slot slot) const;                             // nullptr if there is none.
  const std::vector<Migration>& migrations() const { return parts_.migrations; }  // Sorted by id.
  const Migration* FindMigration(const std::string& id) const;

  // Sixty-four bits of everything but the version: nodes whose fingerprints differ disagree.
  uint64_t fingerprint() const { return fingerprint_; }

 private:
  explicit Topology(TopologyParts parts) : parts_(std::move(parts)) {}
  void IndexGroups();  // These fill what follows from the parts.
  void IndexSlots();

  TopologyParts parts_;

  std::vector<NodeIndex> leaders_;  // By group.
  std::vector<std::vector<SlotRange>> group_ranges_;
  std::vector<int> group_slot_counts_;
  std::vector<std::vector<GroupIndex>> led_;  // By node.
  std::vector<std::vector<GroupIndex>> followed_;
  std::vector<std::vector<SlotRange>> ranges_;
  std::vector<int> slot_counts_;
  int assigned_slots_ = 0;
  int slot_owner_count_ = 0;
  uint64_t fingerprint_ = 0;
};

}  // namespace henge::cluster
