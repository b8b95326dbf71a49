// SPDX-License-Identifier: Apache-2.0
// Changes to their messages, a function for each.
#include <utility>
#include <variant>
#include <vector>

#include "cluster/topology/codec.h"
#include "cluster/topology/wire_reader.h"
#include "henge/topology.pb.h"

namespace henge::cluster {
namespace {

namespace wire = henge::topology;

// Slots in the order given, runs of them as ranges.
std::vector<SlotRange> RunsOf(const std::vector<Slot>& slots) {
  std::vector<SlotRange> runs;
  for (const Slot slot : slots) {
    if (!runs.empty() && runs.back().last + 1 == slot) {
      runs.back().last = slot;
    } else {
      runs.push_back({slot, slot});
    }
  }
  return runs;
}

void WriteTo(const AddNode& change, wire::AddNode& out) {
  WriteNode(change.node, *out.mutable_node());
  WriteRanges(change.slots, *out.mutable_slots());
}

void WriteTo(const RemoveNode& change, wire::RemoveNode& out) { out.set_id(TextOrNone(change.id)); }

void WriteTo(const UpdateNode& change, wire::UpdateNode& out) {
  WriteNode(change.node, *out.mutable_node());
}

void WriteTo(const MarkNode& change, wire::MarkNode& out) {
  out.set_id(TextOrNone(change.id));
  out.set_failed(change.failed);
  out.set_term(change.term);
}

void WriteTo(const ResetNode& change, wire::ResetNode& out) { out.set_id(TextOrNone(change.id)); }

void WriteTo(const CreateGroup& change, wire::CreateGroup& out) {
  out.set_id(TextOrNone(change.id));
  out.set_leader(TextOrNone(change.leader));
}

void WriteTo(const AddFollower& change, wire::AddFollower& out) {
  out.set_group(TextOrNone(change.group));
  out.set_node(TextOrNone(change.node));
}

void WriteTo(const RemoveFollower& change, wire::RemoveFollower& out) {
  out.set_group(TextOrNone(change.group));
  out.set_node(TextOrNone(change.node));
}

void WriteTo(const Promote& change, wire::Promote& out) {
  out.set_group(TextOrNone(change.group));
  out.set_to(TextOrNone(change.to));
  out.set_expected_epoch(change.expected_epoch);
  out.set_term(change.term);
  out.set_handover(change.handover);
}

void WriteTo(const StepDown& change, wire::StepDown& out) {
  out.set_group(TextOrNone(change.group));
  out.set_expected_epoch(change.expected_epoch);
}

void WriteTo(const SetInSync& change, wire::SetInSync& out) {
  out.set_group(TextOrNone(change.group));
  for (const NodeId& id : change.members) out.add_members(id.str());
  out.set_expected_epoch(change.expected_epoch);
  out.set_expected_revision(change.expected_revision);
}

void WriteTo(const AddSlots& change, wire::AddSlots& out) {
  out.set_to(TextOrNone(change.to));
  WriteRanges(RunsOf(change.slots), *out.mutable_slots());
}

void WriteTo(const DelSlots& change, wire::DelSlots& out) {
  WriteRanges(RunsOf(change.slots), *out.mutable_slots());
}

void WriteTo(const SetSlotOwner& change, wire::SetSlotOwner& out) {
  out.set_slot(change.slot);
  out.set_to(TextOrNone(change.to));
}

void WriteTo(const MarkMigrating& change, wire::MarkMigrating& out) {
  out.set_slot(change.slot);
  out.set_to(TextOrNone(change.to));
}

void WriteTo(const MarkImporting& change, wire::MarkImporting& out) {
  out.set_slot(change.slot);
  out.set_at(TextOrNone(change.at));
  out.set_from(TextOrNone(change.from));
}

void WriteTo(const MarkStable& change, wire::MarkStable& out) {
  out.set_slot(change.slot);
  out.set_at(TextOrNone(change.at));
}

void WriteTo(const StartMigration& change, wire::StartMigration& out) {
  WriteMigration(change.migration, *out.mutable_migration());
  out.set_from_epoch(change.from_epoch);
  out.set_to_epoch(change.to_epoch);
}

void WriteTo(const CancelMigration& change, wire::CancelMigration& out) { out.set_id(change.id); }

void WriteTo(const MoveSlots& change, wire::MoveSlots& out) {
  out.set_from(TextOrNone(change.from));
  out.set_to(TextOrNone(change.to));
  WriteRanges(change.slots, *out.mutable_slots());
  out.set_from_epoch(change.from_epoch);
  out.set_to_epoch(change.to_epoch);
  out.set_migration(change.migration);
}

void WriteTo(const SetConfigEpoch& change, wire::SetConfigEpoch& out) {
  out.set_id(TextOrNone(change.id));
  out.set_epoch(change.epoch);
}

void WriteTo(const BumpEpoch& change, wire::BumpEpoch& out) { out.set_id(TextOrNone(change.id)); }

void WriteTo(const SetVoters& change, wire::SetVoters& out) {
  for (const NodeId& id : change.voters) out.add_voters(id.str());
  for (const NodeId& id : change.expected) out.add_expected(id.str());
}

void WriteTo(const TakeOffice& change, wire::TakeOffice& out) {
  out.set_judge(TextOrNone(change.judge));
  out.set_term(change.term);
  out.set_lease_ms(change.lease_ms);
  out.set_settled(change.settled);
}

void WriteTo(const PlaceByRing& change, wire::PlaceByRing& out) {
  out.set_followers(change.followers);
  out.set_groups_per_node(change.groups_per_node);
  out.set_move_owned(change.move_owned);
}

void WriteTo(const PlaceByHand& /*change*/, wire::PlaceByHand& /*out*/) {}

// The message of each change within the one that holds any.
wire::AddNode* Part(const AddNode& /*change*/, wire::TopologyChange& out) {
  return out.mutable_add_node();
}
wire::RemoveNode* Part(const RemoveNode& /*change*/, wire::TopologyChange& out) {
  return out.mutable_remove_node();
}
wire::UpdateNode* Part(const UpdateNode& /*change*/, wire::TopologyChange& out) {
  return out.mutable_update_node();
}
wire::MarkNode* Part(const MarkNode& /*change*/, wire::TopologyChange& out) {
  return out.mutable_mark_node();
}
wire::ResetNode* Part(const ResetNode& /*change*/, wire::TopologyChange& out) {
  return out.mutable_reset_node();
}
wire::CreateGroup* Part(const CreateGroup& /*change*/, wire::TopologyChange& out) {
  return out.mutable_create_group();
}
wire::AddFollower* Part(const AddFollower& /*change*/, wire::TopologyChange& out) {
  return out.mutable_add_follower();
}
wire::RemoveFollower* Part(const RemoveFollower& /*change*/, wire::TopologyChange& out) {
  return out.mutable_remove_follower();
}
wire::Promote* Part(const Promote& /*change*/, wire::TopologyChange& out) {
  return out.mutable_promote();
}
wire::StepDown* Part(const StepDown& /*change*/, wire::TopologyChange& out) {
  return out.mutable_step_down();
}
wire::SetInSync* Part(const SetInSync& /*change*/, wire::TopologyChange& out) {
  return out.mutable_set_in_sync();
}
wire::AddSlots* Part(const AddSlots& /*change*/, wire::TopologyChange& out) {
  return out.mutable_add_slots();
}
wire::DelSlots* Part(const DelSlots& /*change*/, wire::TopologyChange& out) {
  return out.mutable_del_slots();
}
wire::SetSlotOwner* Part(const SetSlotOwner& /*change*/, wire::TopologyChange& out) {
  return out.mutable_set_slot_owner();
}
wire::MarkMigrating* Part(const MarkMigrating& /*change*/, wire::TopologyChange& out) {
  return out.mutable_mark_migrating();
}
wire::MarkImporting* Part(const MarkImporting& /*change*/, wire::TopologyChange& out) {
  return out.mutable_mark_importing();
}
wire::MarkStable* Part(const MarkStable& /*change*/, wire::TopologyChange& out) {
  return out.mutable_mark_stable();
}
wire::StartMigration* Part(const StartMigration& /*change*/, wire::TopologyChange& out) {
  return out.mutable_start_migration();
}
wire::CancelMigration* Part(const CancelMigration& /*change*/, wire::TopologyChange& out) {
  return out.mutable_cancel_migration();
}
wire::MoveSlots* Part(const MoveSlots& /*change*/, wire::TopologyChange& out) {
  return out.mutable_move_slots();
}
wire::SetConfigEpoch* Part(const SetConfigEpoch& /*change*/, wire::TopologyChange& out) {
  return out.mutable_set_config_epoch();
}
wire::BumpEpoch* Part(const BumpEpoch& /*change*/, wire::TopologyChange& out) {
  return out.mutable_bump_epoch();
}
wire::SetVoters* Part(const SetVoters& /*change*/, wire::TopologyChange& out) {
  return out.mutable_set_voters();
}
wire::TakeOffice* Part(const TakeOffice& /*change*/, wire::TopologyChange& out) {
  return out.mutable_take_office();
}
wire::PlaceByRing* Part(const PlaceByRing& /*change*/, wire::TopologyChange& out) {
  return out.mutable_place_by_ring();
}
wire::PlaceByHand* Part(const PlaceByHand& /*change*/, wire::TopologyChange& out) {
  return out.mutable_place_by_hand();
}

}  // namespace

void Write(const ExpectingChange& change, wire::TopologyChange& out) {
  out.set_expected_version(change.expected_version);
  std::visit([&out](const auto& kind) { WriteTo(kind, *Part(kind, out)); }, change.change);
}

}  // namespace henge::cluster
