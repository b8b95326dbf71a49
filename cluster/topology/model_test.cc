// SPDX-License-Identifier: Apache-2.0
// Thousands of random changes, sound and hostile. After each: what must hold does, bytes give back
// the same document, the one before is as it was, and a plain model of the slots agrees.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>

#include "base/random.h"
#include "cluster/topology/codec.h"
#include "cluster/topology/invariants.h"
#include "cluster/topology/sample_changes.h"

namespace henge::cluster {
namespace {

// Who owns each slot, by group id, told by nothing but the changes that are about slots.
class SlotModel {
 public:
  void Follow(const Change& change, const Topology& before, const Topology& after) {
    if (const auto* add = std::get_if<AddSlots>(&change)) {
      const GroupId group = LedBy(before, add->to);
      for (const Slot slot : add->slots) owners_[slot] = group;
    } else if (const auto* del = std::get_if<DelSlots>(&change)) {
      for (const Slot slot : del->slots) owners_[slot] = GroupId();
    } else if (const auto* set = std::get_if<SetSlotOwner>(&change)) {
      owners_[set->slot] = LedBy(before, set->to);
    } else if (const auto* move = std::get_if<MoveSlots>(&change)) {
      for (const auto& [first, last] : move->slots) {
        for (int slot = first; slot <= last; ++slot) {
          owners_[static_cast<size_t>(slot)] = move->to;
        }
      }
    } else if (std::holds_alternative<AddNode>(change) ||
               std::holds_alternative<ResetNode>(change) ||
               std::holds_alternative<PlaceByRing>(change)) {
      Learn(after);  // Tested by themselves.
    }
  }

  void ExpectSame(const Topology& topology) const {
    for (size_t i = 0; i < kSlots; ++i) {
      const GroupIndex group = topology.GroupOfSlot(static_cast<Slot>(i));
      const GroupId id = group == kNoGroup ? GroupId() : topology.groups()[group].id;
      ASSERT_EQ(id, owners_[i]) << "slot " << i;
    }
  }

 private:
  static GroupId LedBy(const Topology& topology, const NodeId& node) {
    return topology.groups()[topology.GroupsLedBy(topology.IndexOf(node)).front()].id;
  }

  void Learn(const Topology& topology) {
    for (size_t i = 0; i < kSlots; ++i) {
      const GroupIndex group = topology.GroupOfSlot(static_cast<Slot>(i));
      owners_[i] = group == kNoGroup ? GroupId() : topology.groups()[group].id;
    }
  }

  std::array<GroupId, kSlots> owners_;
};

// Epochs of groups and terms, over the whole run: also those of groups that went and came back.
class GrowthModel {
 public:
  void Look(const Topology& topology) {
    ASSERT_GE(topology.office().term, term_);
    term_ = topology.office().term;
    for (const Group& group : topology.groups()) {
      auto [seen, is_new] = seen_.try_emplace(group.id, Seen{group.epoch, group.leader});
      if (is_new) continue;
      ASSERT_GE(group.epoch, seen->second.epoch);
      if (group.epoch == seen->second.epoch) {
        ASSERT_EQ(group.leader, seen->second.leader) << "two leaders in one epoch";
      }
      seen->second = {group.epoch, group.leader};
    }
  }

 private:
  struct Seen {
    Epoch epoch;
    NodeId leader;
  };
  std::map<GroupId, Seen> seen_;
  uint64_t term_ = 0;
};

struct Tally {
  std::map<std::string, int> applied;
  std::map<absl::StatusCode, int> refused;
};

void ExpectRoundTrip(const Topology& topology) {
  const std::string bytes = Serialize(topology);
  const auto back = ParseTopology(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  ASSERT_EQ((*back)->parts(), topology.parts());
  ASSERT_EQ((*back)->fingerprint(), topology.fingerprint());
  ASSERT_EQ(Serialize(**back), bytes);
}

void ExpectRoundTrip(const Topology& topology, const Change& change, bool applied) {
  const auto back = ParseChange(Serialize({.change = change}));
  if (!back.ok()) {  // What can't be said is nothing that could be applied.
    ASSERT_FALSE(applied) << NameOf(change) << ": " << back.status();
    return;
  }
  const auto again = Apply(topology, back->change);
  ASSERT_EQ(again.ok(), applied) << NameOf(change);
}

void RunSeed(uint64_t seed, int changes, Tally& tally) {
  Random random(seed);
  const Dice dice = [&](uint64_t n) { return random.Below(n); };
  TopologyPtr topology = Topology::Empty();
  SlotModel slots;
  GrowthModel growth;
  for (int i = 0; i < changes; ++i) {
    const Change change = SampleChange(*topology, dice);
    const TopologyParts before = topology->parts();
    const auto next = Apply(*topology, change);
    ASSERT_EQ(topology->parts(), before) << "an older document changed";
    ASSERT_NO_FATAL_FAILURE(ExpectRoundTrip(*topology, change, next.ok()));
    if (!next.ok()) {
      ++tally.refused[next.status().code()];
      continue;
    }
    ++tally.applied[std::string(NameOf(change))];
    ASSERT_TRUE(CheckParts((*next)->parts()).ok());
    ASSERT_TRUE(CheckStep(*topology, **next).ok());
    slots.Follow(change, *topology, **next);
    topology = *next;
    ASSERT_NO_FATAL_FAILURE(slots.ExpectSame(*topology));
    ASSERT_NO_FATAL_FAILURE(growth.Look(*topology));
    if (i % 8 != 0) continue;
    ASSERT_NO_FATAL_FAILURE(ExpectRoundTrip(*topology));
  }
}

TEST(TopologyModel, HoldsThroughRandomChanges) {
  Tally tally;
  for (uint64_t seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ASSERT_NO_FATAL_FAILURE(RunSeed(seed, 1000, tally));
  }
  // Each kind of change happened, and each kind of refusal.
  EXPECT_EQ(tally.applied.size(), std::variant_size_v<Change>);
  for (const auto& [name, count] : tally.applied) EXPECT_GT(count, 2) << name;
  EXPECT_EQ(tally.refused.size(), 5u);
}

}  // namespace
}  // namespace henge::cluster
