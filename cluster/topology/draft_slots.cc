// SPDX-License-Identifier: Apache-2.0
// The changes of slots.
#include <algorithm>
#include <utility>

#include "cluster/topology/draft.h"
#include "cluster/topology/refusals.h"

namespace henge::cluster {

absl::StatusOr<GroupIndex> Draft::OnlyGroupLedBy(const NodeId& id) const {
  const auto node = Known(id);
  if (!node.ok()) return node.status();
  const std::vector<GroupIndex>& led = from_.GroupsLedBy(*node);
  if (led.size() == 1) return led.front();
  return NotNow("node ", Digits(id), led.empty() ? " leads no group" : " leads several groups");
}

absl::Status Draft::CheckOnce(Slot slot, SlotSet& seen) {
  if (slot >= kSlots) return NotNow("slot out of range");
  if (seen.test(slot)) return NotNow("slot ", slot, " is specified twice");
  seen.set(slot);
  return absl::OkStatus();
}

absl::Status Draft::CheckRanges(std::span<const SlotRange> ranges) {
  SlotSet seen;
  for (const auto& [first, last] : ranges) {
    if (first > last || last >= kSlots) return Senseless("slots are out of range or order");
    for (int slot = first; slot <= last; ++slot) {
      const auto at = static_cast<size_t>(slot);
      if (seen.test(at)) return Senseless("slot ", slot, " is specified twice");
      seen.set(at);
    }
  }
  return absl::OkStatus();
}

Draft::SlotSet Draft::MigratingSlots() const {
  SlotSet migrating;
  for (const Migration& migration : parts_.migrations) {
    for (const auto& [first, last] : migration.slots) {
      for (int slot = first; slot <= last; ++slot) migrating.set(static_cast<size_t>(slot));
    }
  }
  return migrating;
}

absl::Status Draft::CheckNotMigrating(Slot slot) const {
  for (const Migration& migration : parts_.migrations) {
    for (const auto& [first, last] : migration.slots) {
      if (first <= slot && slot <= last) {
        return NotNow("slot ", slot, " is in migration ", migration.id);
      }
    }
  }
  return absl::OkStatus();
}

void Draft::EraseMarks(const SlotSet& slots) {
  std::erase_if(parts_.marks, [&](const SlotMark& mark) { return slots.test(mark.slot); });
}

SlotMark& Draft::MarkOf(Slot slot) {
  for (SlotMark& mark : parts_.marks) {
    if (mark.slot == slot) return mark;
  }
  parts_.marks.push_back({.slot = slot});
  return parts_.marks.back();
}

absl::Status Draft::operator()(const AddSlots& change) {
  const auto to = OnlyGroupLedBy(change.to);
  if (!to.ok()) return to.status();
  SlotSet seen;
  for (const Slot slot : change.slots) {
    if (absl::Status status = CheckOnce(slot, seen); !status.ok()) return status;
    if (parts_.slots[slot] != kNoGroup) return Taken("slot ", slot, " is already busy");
  }
  for (const Slot slot : change.slots) parts_.slots[slot] = *to;
  EraseMarks(seen);
  return absl::OkStatus();
}

absl::Status Draft::operator()(const DelSlots& change) {
  const SlotSet migrating = MigratingSlots();
  SlotSet seen;
  for (const Slot slot : change.slots) {
    if (absl::Status status = CheckOnce(slot, seen); !status.ok()) return status;
    if (parts_.slots[slot] == kNoGroup) return NotNow("slot ", slot, " is already unassigned");
    if (migrating.test(slot)) return NotNow("slot ", slot, " is in a migration");
  }
  for (const Slot slot : change.slots) parts_.slots[slot] = kNoGroup;
  EraseMarks(seen);
  return absl::OkStatus();
}

absl::Status Draft::operator()(const SetSlotOwner& change) {
  const auto to = OnlyGroupLedBy(change.to);
  if (!to.ok()) return to.status();
  SlotSet seen;
  if (absl::Status status = CheckOnce(change.slot, seen); !status.ok()) return status;
  if (absl::Status status = CheckNotMigrating(change.slot); !status.ok()) return status;
  parts_.slots[change.slot] = *to;
  EraseMarks(seen);
  return absl::OkStatus();
}

absl::Status Draft::operator()(const MarkMigrating& change) {
  const auto to = KnownGroup(change.to);
  if (!to.ok()) return to.status();
  if (change.slot >= kSlots) return NotNow("slot out of range");
  const GroupIndex owner = parts_.slots[change.slot];
  if (owner == kNoGroup) return NotNow("slot ", change.slot, " has no owner");
  if (owner == *to) return NotNow("slot ", change.slot, " is there already");
  if (absl::Status status = CheckNotMigrating(change.slot); !status.ok()) return status;
  MarkOf(change.slot).migrating_to = change.to;
  return absl::OkStatus();
}

absl::Status Draft::operator()(const MarkImporting& change) {
  for (const GroupId* id : {&change.at, &change.from}) {
    if (const auto group = KnownGroup(*id); !group.ok()) return group.status();
  }
  if (change.slot >= kSlots) return NotNow("slot out of range");
  if (change.at == change.from) return Senseless("a group can't import from itself");
  if (parts_.slots[change.slot] == from_.GroupIndexOf(change.at)) {
    return NotNow("slot ", change.slot, " is there already");
  }
  if (absl::Status status = CheckNotMigrating(change.slot); !status.ok()) return status;
  const SlotMark* present = from_.MarkOf(change.slot);
  if (present != nullptr && !present->importing.IsZero() && present->importing != change.at) {
    return NotNow("slot ", change.slot, " is being imported by group ", Digits(present->importing));
  }
  SlotMark& mark = MarkOf(change.slot);
  mark.importing = change.at;
  mark.importing_from = change.from;
  return absl::OkStatus();
}

absl::Status Draft::operator()(const MarkStable& change) {
  const auto at = KnownGroup(change.at);
  if (!at.ok()) return at.status();
  if (change.slot >= kSlots) return NotNow("slot out of range");
  SlotMark& mark = MarkOf(change.slot);
  if (parts_.slots[change.slot] == *at) mark.migrating_to = GroupId();
  if (mark.importing == change.at) mark.importing = mark.importing_from = GroupId();
  if (mark.migrating_to.IsZero() && mark.importing.IsZero()) {
    EraseMarks(SlotSet().set(change.slot));
  }
  return absl::OkStatus();
}

absl::Status Draft::CheckEnds(const GroupId& from, const GroupId& to, Epoch from_epoch,
                              Epoch to_epoch) const {
  const auto source = KnownGroup(from, from_epoch);
  if (!source.ok()) return source.status();
  const auto target = KnownGroup(to, to_epoch);
  if (!target.ok()) return target.status();
  if (*source == *target) return Senseless("slots can't move from a group to itself");
  for (const GroupIndex end : {*source, *target}) {
    const Group& group = parts_.groups[end];
    if (group.leader.IsZero()) return NotNow("nobody leads group ", Digits(group.id));
  }
  return absl::OkStatus();
}

absl::Status Draft::CheckOwned(std::span<const SlotRange> ranges, GroupIndex group) const {
  if (ranges.empty()) return Senseless("no slots are named");
  if (absl::Status status = CheckRanges(ranges); !status.ok()) return status;
  for (const auto& [first, last] : ranges) {
    for (int slot = first; slot <= last; ++slot) {
      if (parts_.slots[static_cast<size_t>(slot)] == group) continue;
      return NotNow("slot ", slot, " is not the group's that gives it");
    }
  }
  return absl::OkStatus();
}

absl::Status Draft::operator()(const StartMigration& change) {
  const Migration& migration = change.migration;
  if (from_.FindMigration(migration.id) != nullptr) {
    return Taken("migration ", migration.id, " is known");
  }
  absl::Status status = CheckEnds(migration.from, migration.to, change.from_epoch, change.to_epoch);
  if (!status.ok()) return status;
  status = CheckOwned(migration.slots, from_.GroupIndexOf(migration.from));
  if (!status.ok()) return status;
  const SlotSet migrating = MigratingSlots();
  for (const auto& [first, last] : migration.slots) {
    for (int slot = first; slot <= last; ++slot) {
      const auto at = static_cast<Slot>(slot);
      if (migrating.test(at)) return NotNow("slot ", slot, " is in another migration");
      if (from_.MarkOf(at) != nullptr) return NotNow("slot ", slot, " is migrating key by key");
    }
  }
  if (parts_.migrations.size() >= kMaxMigrations) {
    return NotNow("there are ", kMaxMigrations, " migrations already");
  }
  parts_.migrations.push_back(migration);
  return absl::OkStatus();
}

absl::Status Draft::operator()(const CancelMigration& change) {
  const auto named = [&](const Migration& migration) { return migration.id == change.id; };
  if (std::erase_if(parts_.migrations, named) > 0) return absl::OkStatus();
  return Unknown("migration ", change.id, " is not known");
}

absl::Status Draft::operator()(const MoveSlots& change) {
  absl::Status status = CheckEnds(change.from, change.to, change.from_epoch, change.to_epoch);
  if (!status.ok()) return status;
  status = CheckOwned(change.slots, from_.GroupIndexOf(change.from));
  if (!status.ok()) return status;
  if (!change.migration.empty()) {
    const Migration* migration = from_.FindMigration(change.migration);
    if (migration == nullptr) return Unknown("migration ", change.migration, " is not known");
    if (migration->from != change.from || migration->to != change.to ||
        migration->slots != change.slots) {
      return NotNow("migration ", change.migration, " is of other slots or groups");
    }
    std::erase_if(parts_.migrations, [&](const Migration& m) { return m.id == change.migration; });
  }
  const SlotSet migrating = MigratingSlots();
  SlotSet moved;
  for (const auto& [first, last] : change.slots) {
    for (int slot = first; slot <= last; ++slot) {
      const auto at = static_cast<size_t>(slot);
      if (migrating.test(at)) return NotNow("slot ", slot, " is in a migration");
      parts_.slots[at] = from_.GroupIndexOf(change.to);
      moved.set(at);
    }
  }
  EraseMarks(moved);
  return absl::OkStatus();
}

}  // namespace henge::cluster
