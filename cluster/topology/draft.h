// SPDX-License-Identifier: Apache-2.0
// A topology under change: its parts, and one method for each kind of change, which refuses or
// does it. Apply's inside (change.h says what each change means).
//
// Methods look at the document as it was through from_ and change parts_. Refusing leaves parts_
// half changed: the draft is thrown away then.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <bitset>
#include <span>
#include <vector>

#include "cluster/topology.h"
#include "cluster/topology/change.h"

namespace henge::cluster {

class Draft {
 public:
  explicit Draft(const Topology& from) : from_(from), parts_(from.parts()) { ++parts_.version; }

  // The next document, if all that must hold does.
  absl::StatusOr<TopologyPtr> Finish() &&;

  absl::Status operator()(const AddNode& change);
  absl::Status operator()(const RemoveNode& change);
  absl::Status operator()(const UpdateNode& change);
  absl::Status operator()(const MarkNode& change);
  absl::Status operator()(const ResetNode& change);
  absl::Status operator()(const CreateGroup& change);
  absl::Status operator()(const AddFollower& change);
  absl::Status operator()(const RemoveFollower& change);
  absl::Status operator()(const Promote& change);
  absl::Status operator()(const StepDown& change);
  absl::Status operator()(const SetInSync& change);
  absl::Status operator()(const AddSlots& change);
  absl::Status operator()(const DelSlots& change);
  absl::Status operator()(const SetSlotOwner& change);
  absl::Status operator()(const MarkMigrating& change);
  absl::Status operator()(const MarkImporting& change);
  absl::Status operator()(const MarkStable& change);
  absl::Status operator()(const StartMigration& change);
  absl::Status operator()(const CancelMigration& change);
  absl::Status operator()(const MoveSlots& change);
  absl::Status operator()(const SetConfigEpoch& change);
  absl::Status operator()(const BumpEpoch& change);
  absl::Status operator()(const SetVoters& change);
  absl::Status operator()(const TakeOffice& change);
  absl::Status operator()(const PlaceByRing& change);
  absl::Status operator()(const PlaceByHand& change);

 private:
  using SlotSet = std::bitset<kSlots>;

  bool by_hand() const { return parts_.placement.mode == PlacementMode::kByHand; }

  // In the document as it was. An index holds for parts_ until something is erased.
  absl::StatusOr<NodeIndex> Known(const NodeId& id) const;
  absl::StatusOr<GroupIndex> KnownGroup(const GroupId& id) const;
  absl::StatusOr<GroupIndex> KnownGroup(const GroupId& id, Epoch expected_epoch) const;
  absl::StatusOr<GroupIndex> OnlyGroupLedBy(const NodeId& id) const;
  absl::Status CheckTerm(uint64_t term) const;

  Group* Find(const GroupId& id);  // In parts_; nullptr if it is not there.
  void LeadAlone(const NodeId& node);
  absl::Status Drop(const GroupId& group, const NodeId& node);  // One of its followers.
  absl::Status DropFromAll(const NodeId& node);
  absl::Status LeaveByHand(const NodeId& node);
  void EndMigrationsOf(const GroupId& group);
  // Of a node that goes: what it leads must be empty, what it follows goes on without it.
  absl::Status EraseNode(const NodeId& id);

  static absl::Status CheckOnce(Slot slot, SlotSet& seen);
  static absl::Status CheckRanges(std::span<const SlotRange> ranges);
  SlotSet MigratingSlots() const;
  absl::Status CheckNotMigrating(Slot slot) const;
  void EraseMarks(const SlotSet& slots);
  SlotMark& MarkOf(Slot slot);  // Made if there is none.
  absl::Status CheckOwned(std::span<const SlotRange> ranges, GroupIndex group) const;
  absl::Status CheckEnds(const GroupId& from, const GroupId& to, Epoch from_epoch,
                         Epoch to_epoch) const;

  const Topology& from_;
  TopologyParts parts_;
};

}  // namespace henge::cluster
