// SPDX-License-Identifier: Apache-2.0
// What can happen to a topology: the changes, and Apply, which makes the next document of the
// present one or says why not. Pure; any thread.
//
// A refusal has one of these codes, with a message for the operator:
//   kNotFound            a node, group or migration that the document does not know
//   kAlreadyExists       a node, group, member or migration that it knows, a slot that is busy
//   kAborted             the change expected another version, epoch, revision, term: the proposer
//                        saw an older document and may look again
//   kInvalidArgument     a change that makes no sense for any document
//   kFailedPrecondition  the rest: not in this document, not yet
// Where several nodes may propose at once a change says what it expects (epochs, revisions, terms),
// or Apply's expected_version does.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "cluster/topology.h"

namespace henge::cluster {

// --- Nodes ---------------------------------------------------------------------------------------

// MEET. By hand the node leads a group of its own, with those of its slots that it brings; none of
// them may have an owner here. By the ring it gets its groups by the next PlaceByRing.
struct AddNode {
  Node node;
  std::vector<SlotRange> slots = {};
};
// FORGET. Refused while the node owns slots, leads followers or votes. As a follower it leaves.
struct RemoveNode {
  NodeId id;
};
// Announces other addresses, priority, zone, weight or wishes. Config epoch and failed stay. Only a
// node that has no host may go on without one.
struct UpdateNode {
  Node node;
};
struct MarkNode {  // A judgement: the term is the office's.
  NodeId id;
  bool failed = false;
  uint64_t term = 0;
};
// RESET: the node goes, its slots are nobody's, its followers lead groups of their own. By the ring
// refused while it owns slots. Refused while it votes.
struct ResetNode {
  NodeId id;
};

// --- Groups --------------------------------------------------------------------------------------

// A new group without slots, led by a node that, by hand, leaves the group it follows.
struct CreateGroup {
  GroupId id;
  NodeId leader;
};
// REPLICATE. By hand the node leaves its present group: if it leads that one, the group must have
// no slots and no other member, and ends. The node is not in sync until a SetInSync says so.
struct AddFollower {
  GroupId group;
  NodeId node;
};
struct RemoveFollower {  // By hand the node leads a group of its own then.
  GroupId group;
  NodeId node;
};
// A new leader, of the in-sync; or the present one again. Raises the group's epoch to the
// document's next and ends the group's migrations. The old leader follows, still in sync: it has
// all that was acknowledged until the new one acknowledges without it. After a handover it gave up
// by itself. Otherwise this is a judgement, the term is the office's, and the old leader is
// deposed: if it does not follow at once, nobody waits for it. The new leader's first SetInSync
// says so; as long as there was none, who chooses a leader asks the old one, too.
struct Promote {
  GroupId group;
  NodeId to;
  Epoch expected_epoch = 0;
  uint64_t term = 0;
  bool handover = false;
};
// The leader gives up: it follows, still in sync; the epoch is raised.
struct StepDown {
  GroupId group;
  Epoch expected_epoch = 0;
};
struct SetInSync {  // By the leader. Nobody is deposed any more.
  GroupId group;
  std::vector<NodeId> members;
  Epoch expected_epoch = 0;
  uint64_t expected_revision = 0;
};

// --- Slots ---------------------------------------------------------------------------------------
// A node stands for the one group that it leads; one that leads none or several is refused. A slot
// in a migration is left alone by all but the migration's own changes.

struct AddSlots {  // Refused if any of them has an owner, or stands twice.
  NodeId to;
  std::vector<Slot> slots;
};
struct DelSlots {  // Refused if any of them has none, or stands twice. Their marks go.
  std::vector<Slot> slots;
};
struct SetSlotOwner {  // SETSLOT NODE: whoever had it before. The slot's marks go.
  Slot slot;
  NodeId to;
};
struct MarkMigrating {  // SETSLOT MIGRATING, at the owner.
  Slot slot;
  GroupId to;
};
struct MarkImporting {  // SETSLOT IMPORTING, at a group that does not own the slot.
  Slot slot;
  GroupId at;
  GroupId from;
};
struct MarkStable {  // SETSLOT STABLE: the marks of one end go, if there are any.
  Slot slot;
  GroupId at;
};
struct StartMigration {
  Migration migration;
  Epoch from_epoch = 0;  // Expected.
  Epoch to_epoch = 0;
};
struct CancelMigration {
  std::string id;
};
// The hand-over, of all these slots at once. Ends the migration of that name, whose slots they
// are; without a name they must be in none.
struct MoveSlots {
  GroupId from;
  GroupId to;
  std::vector<SlotRange> slots;
  Epoch from_epoch = 0;  // Expected.
  Epoch to_epoch = 0;
  std::string migration = {};
};

// --- The document --------------------------------------------------------------------------------

// SET-CONFIG-EPOCH: for a node without one. The document's epoch is at least as high afterwards.
struct SetConfigEpoch {
  NodeId id;
  Epoch epoch = 0;
};
struct BumpEpoch {  // The node gets the next epoch as its own.
  NodeId id;
};
struct SetVoters {
  std::vector<NodeId> voters;
  std::vector<NodeId> expected;  // Who votes now.
};
// The term must be above the present one. `settled`: the judge in office goes on in another term,
// and has waited out all leases but its own; else those of terms before count as they did.
struct TakeOffice {
  NodeId judge;
  uint64_t term = 0;
  uint32_t lease_ms = 1200;
  bool settled = false;
};
// Gives each node that stays groups_per_node virtual nodes on the ring, each a group with
// followers, and each slot without an owner to its place. Slots that have one stay, since their
// keys are there (RingMoves tells which should move), unless move_owned: for a cluster that holds
// nothing. A follower that the ring does not want goes when those that it wants are in sync.
struct PlaceByRing {
  uint32_t followers = 0;
  uint32_t groups_per_node = 1;
  bool move_owned = false;
};
struct PlaceByHand {};  // All stays where it is. Refused unless each node is in one group.

using Change = std::variant<AddNode, RemoveNode, UpdateNode, MarkNode, ResetNode, CreateGroup,
                            AddFollower, RemoveFollower, Promote, StepDown, SetInSync, AddSlots,
                            DelSlots, SetSlotOwner, MarkMigrating, MarkImporting, MarkStable,
                            StartMigration, CancelMigration, MoveSlots, SetConfigEpoch, BumpEpoch,
                            SetVoters, TakeOffice, PlaceByRing, PlaceByHand>;

// What became of a change that was proposed to the cluster:
//   OK                 it was applied;
//   Apply's refusals   it was ordered and refused: it will never be applied;
//   kUnavailable       it was not ordered and will not be: nobody leads, or nobody takes it;
//   kDeadlineExceeded  unknown: it may have been applied or may still be.
using ProposalDone = std::function<void(const absl::Status&)>;

// The change's name in logs.
std::string_view NameOf(const Change& change);

// The next topology. `expected_version` 0: whichever there is.
absl::StatusOr<TopologyPtr> Apply(const Topology& topology, const Change& change,
                                  uint64_t expected_version = 0);

}  // namespace henge::cluster
