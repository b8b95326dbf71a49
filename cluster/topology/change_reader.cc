// SPDX-License-Identifier: Apache-2.0
// Changes from their messages, a function for each.
#include <utility>
#include <variant>
#include <vector>

#include "cluster/topology/codec.h"
#include "cluster/topology/wire_reader.h"
#include "henge/topology.pb.h"

namespace henge::cluster {
namespace {

namespace wire = henge::topology;

std::vector<Slot> SlotsOf(const std::vector<SlotRange>& ranges) {
  std::vector<Slot> slots;
  for (const auto& [first, last] : ranges) {
    for (int slot = first; slot <= last; ++slot) slots.push_back(static_cast<Slot>(slot));
  }
  return slots;
}

AddNode ReadFrom(WireReader& reader, const wire::AddNode& in) {
  return {.node = reader.Node(in.node()), .slots = reader.Ranges(in.slots())};
}

RemoveNode ReadFrom(WireReader& reader, const wire::RemoveNode& in) {
  return {.id = reader.NodeNamed(in.id())};
}

UpdateNode ReadFrom(WireReader& reader, const wire::UpdateNode& in) {
  return {.node = reader.Node(in.node())};
}

MarkNode ReadFrom(WireReader& reader, const wire::MarkNode& in) {
  return {.id = reader.NodeNamed(in.id()), .failed = in.failed(), .term = in.term()};
}

ResetNode ReadFrom(WireReader& reader, const wire::ResetNode& in) {
  return {.id = reader.NodeNamed(in.id())};
}

CreateGroup ReadFrom(WireReader& reader, const wire::CreateGroup& in) {
  return {.id = reader.Group(in.id()), .leader = reader.NodeNamed(in.leader())};
}

AddFollower ReadFrom(WireReader& reader, const wire::AddFollower& in) {
  return {.group = reader.Group(in.group()), .node = reader.NodeNamed(in.node())};
}

RemoveFollower ReadFrom(WireReader& reader, const wire::RemoveFollower& in) {
  return {.group = reader.Group(in.group()), .node = reader.NodeNamed(in.node())};
}

Promote ReadFrom(WireReader& reader, const wire::Promote& in) {
  return {.group = reader.Group(in.group()),
          .to = reader.NodeNamed(in.to()),
          .expected_epoch = in.expected_epoch(),
          .term = in.term(),
          .handover = in.handover()};
}

StepDown ReadFrom(WireReader& reader, const wire::StepDown& in) {
  return {.group = reader.Group(in.group()), .expected_epoch = in.expected_epoch()};
}

SetInSync ReadFrom(WireReader& reader, const wire::SetInSync& in) {
  return {.group = reader.Group(in.group()),
          .members = reader.Nodes(in.members()),
          .expected_epoch = in.expected_epoch(),
          .expected_revision = in.expected_revision()};
}

AddSlots ReadFrom(WireReader& reader, const wire::AddSlots& in) {
  return {.to = reader.NodeNamed(in.to()), .slots = SlotsOf(reader.Ranges(in.slots()))};
}

DelSlots ReadFrom(WireReader& reader, const wire::DelSlots& in) {
  return {.slots = SlotsOf(reader.Ranges(in.slots()))};
}

SetSlotOwner ReadFrom(WireReader& reader, const wire::SetSlotOwner& in) {
  return {.slot = reader.SlotNumber(in.slot()), .to = reader.NodeNamed(in.to())};
}

MarkMigrating ReadFrom(WireReader& reader, const wire::MarkMigrating& in) {
  return {.slot = reader.SlotNumber(in.slot()), .to = reader.Group(in.to())};
}

MarkImporting ReadFrom(WireReader& reader, const wire::MarkImporting& in) {
  return {.slot = reader.SlotNumber(in.slot()),
          .at = reader.Group(in.at()),
          .from = reader.Group(in.from())};
}

MarkStable ReadFrom(WireReader& reader, const wire::MarkStable& in) {
  return {.slot = reader.SlotNumber(in.slot()), .at = reader.Group(in.at())};
}

StartMigration ReadFrom(WireReader& reader, const wire::StartMigration& in) {
  return {.migration = reader.Migrating(in.migration()),
          .from_epoch = in.from_epoch(),
          .to_epoch = in.to_epoch()};
}

CancelMigration ReadFrom(WireReader& /*reader*/, const wire::CancelMigration& in) {
  return {.id = in.id()};
}

MoveSlots ReadFrom(WireReader& reader, const wire::MoveSlots& in) {
  return {.from = reader.Group(in.from()),
          .to = reader.Group(in.to()),
          .slots = reader.Ranges(in.slots()),
          .from_epoch = in.from_epoch(),
          .to_epoch = in.to_epoch(),
          .migration = in.migration()};
}

SetConfigEpoch ReadFrom(WireReader& reader, const wire::SetConfigEpoch& in) {
  return {.id = reader.NodeNamed(in.id()), .epoch = in.epoch()};
}

BumpEpoch ReadFrom(WireReader& reader, const wire::BumpEpoch& in) {
  return {.id = reader.NodeNamed(in.id())};
}

SetVoters ReadFrom(WireReader& reader, const wire::SetVoters& in) {
  return {.voters = reader.Nodes(in.voters()), .expected = reader.Nodes(in.expected())};
}

TakeOffice ReadFrom(WireReader& reader, const wire::TakeOffice& in) {
  return {.judge = reader.NodeNamed(in.judge()),
          .term = in.term(),
          .lease_ms = in.lease_ms(),
          .settled = in.settled()};
}

PlaceByRing ReadFrom(WireReader& /*reader*/, const wire::PlaceByRing& in) {
  return {.followers = in.followers(),
          .groups_per_node = in.groups_per_node(),
          .move_owned = in.move_owned()};
}

PlaceByHand ReadFrom(WireReader& /*reader*/, const wire::PlaceByHand& /*in*/) { return {}; }

Change ReadChange(WireReader& reader, const wire::TopologyChange& in) {
  switch (in.change_case()) {
    case wire::TopologyChange::kAddNode:
      return ReadFrom(reader, in.add_node());
    case wire::TopologyChange::kRemoveNode:
      return ReadFrom(reader, in.remove_node());
    case wire::TopologyChange::kUpdateNode:
      return ReadFrom(reader, in.update_node());
    case wire::TopologyChange::kMarkNode:
      return ReadFrom(reader, in.mark_node());
    case wire::TopologyChange::kResetNode:
      return ReadFrom(reader, in.reset_node());
    case wire::TopologyChange::kCreateGroup:
      return ReadFrom(reader, in.create_group());
    case wire::TopologyChange::kAddFollower:
      return ReadFrom(reader, in.add_follower());
    case wire::TopologyChange::kRemoveFollower:
      return ReadFrom(reader, in.remove_follower());
    case wire::TopologyChange::kPromote:
      return ReadFrom(reader, in.promote());
    case wire::TopologyChange::kStepDown:
      return ReadFrom(reader, in.step_down());
    case wire::TopologyChange::kSetInSync:
      return ReadFrom(reader, in.set_in_sync());
    case wire::TopologyChange::kAddSlots:
      return ReadFrom(reader, in.add_slots());
    case wire::TopologyChange::kDelSlots:
      return ReadFrom(reader, in.del_slots());
    case wire::TopologyChange::kSetSlotOwner:
      return ReadFrom(reader, in.set_slot_owner());
    case wire::TopologyChange::kMarkMigrating:
      return ReadFrom(reader, in.mark_migrating());
    case wire::TopologyChange::kMarkImporting:
      return ReadFrom(reader, in.mark_importing());
    case wire::TopologyChange::kMarkStable:
      return ReadFrom(reader, in.mark_stable());
    case wire::TopologyChange::kStartMigration:
      return ReadFrom(reader, in.start_migration());
    case wire::TopologyChange::kCancelMigration:
      return ReadFrom(reader, in.cancel_migration());
    case wire::TopologyChange::kMoveSlots:
      return ReadFrom(reader, in.move_slots());
    case wire::TopologyChange::kSetConfigEpoch:
      return ReadFrom(reader, in.set_config_epoch());
    case wire::TopologyChange::kBumpEpoch:
      return ReadFrom(reader, in.bump_epoch());
    case wire::TopologyChange::kSetVoters:
      return ReadFrom(reader, in.set_voters());
    case wire::TopologyChange::kTakeOffice:
      return ReadFrom(reader, in.take_office());
    case wire::TopologyChange::kPlaceByRing:
      return ReadFrom(reader, in.place_by_ring());
    case wire::TopologyChange::kPlaceByHand:
      return ReadFrom(reader, in.place_by_hand());
    case wire::TopologyChange::CHANGE_NOT_SET:
      break;
  }
  reader.Fail("a change of an unknown kind");
  return PlaceByHand{};
}

}  // namespace

absl::StatusOr<ExpectingChange> Read(const wire::TopologyChange& in) {
  WireReader reader;
  Change change = ReadChange(reader, in);
  if (!reader.ok()) return reader.status();
  return ExpectingChange{.change = std::move(change), .expected_version = in.expected_version()};
}

}  // namespace henge::cluster
