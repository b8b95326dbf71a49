// SPDX-License-Identifier: Apache-2.0
#include "cluster/topology/sample_changes.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace henge::cluster {
namespace {

constexpr uint64_t kWorld = 9;  // Nodes that are ever met.

NodeId NodeNumber(uint64_t i) { return NodeId::FromName("node " + std::to_string(i)); }

class Sampler {
 public:
  Sampler(const Topology& topology, const Dice& dice) : topology_(topology), dice_(dice) {}

  bool OneIn(uint64_t n) { return dice_(n) == 0; }

  NodeId AnyNode() { return OneIn(40) ? NodeId() : NodeNumber(dice_(kWorld)); }

  GroupId AnyGroup() {
    if (topology_.groups().empty() || OneIn(20)) return GroupId::FromName("stranger");
    return topology_.groups()[dice_(topology_.groups().size())].id;
  }

  const Group* SomeGroup() {
    return topology_.groups().empty() ? nullptr
                                      : &topology_.groups()[dice_(topology_.groups().size())];
  }

  // Few different ones, so that they meet.
  Slot AnySlot() {
    if (OneIn(200)) return static_cast<Slot>(kSlots + dice_(1000));
    return static_cast<Slot>(OneIn(3) ? dice_(kSlots) : dice_(24));
  }

  SlotRange AnyRange() {
    const Slot first = AnySlot();
    const auto last = static_cast<uint64_t>(first) + dice_(12);
    return {first, static_cast<Slot>(std::min<uint64_t>(last, OneIn(50) ? 20000 : kSlots - 1))};
  }

  std::vector<Slot> AnySlots() {
    std::vector<Slot> slots;
    for (uint64_t i = dice_(4) + 1; i-- > 0;) slots.push_back(AnySlot());
    return slots;
  }

  // Mostly what is there: only so do things happen.
  uint64_t Near(uint64_t value) {
    if (OneIn(200)) return std::numeric_limits<uint64_t>::max() - dice_(3);
    return OneIn(12) ? value + dice_(5) - 2 : value;
  }

  Epoch EpochOf(const GroupId& id) {
    const Group* group = topology_.FindGroup(id);
    return Near(group == nullptr ? 0 : group->epoch);
  }

  std::vector<NodeId> SomeMembers(const Group& group) {
    std::vector<NodeId> members;
    for (const NodeId& follower : group.followers) {
      if (!OneIn(3)) members.push_back(follower);
    }
    if (!OneIn(15)) members.push_back(group.leader);
    if (OneIn(15)) members.push_back(AnyNode());
    return members;
  }

  std::vector<SlotRange> SlotsToMove(const GroupId& from) {
    const GroupIndex group = topology_.GroupIndexOf(from);
    if (group == kNoGroup || topology_.RangesOfGroup(group).empty() || OneIn(8)) {
      return {AnyRange()};
    }
    std::vector<SlotRange> some;
    for (const SlotRange& range : topology_.RangesOfGroup(group)) {
      if (some.size() < 3 && !OneIn(3)) some.push_back(range);
    }
    return some;
  }

  Migration AnyMigration() {
    Migration migration{.id = "m" + std::to_string(dice_(6)), .from = AnyGroup(), .to = AnyGroup()};
    migration.slots = SlotsToMove(migration.from);
    return migration;
  }

  Change OfNodes() {
    switch (dice_(9)) {
      case 0:
      case 1:
        return AddNode{SampleNode(dice_),
                       OneIn(4) ? std::vector{AnyRange()} : std::vector<SlotRange>{}};
      case 2:
        return RemoveNode{AnyNode()};
      case 3:
        return UpdateNode{SampleNode(dice_)};
      case 4:
        return MarkNode{AnyNode(), OneIn(2), Near(topology_.office().term)};
      case 5:
        return ResetNode{AnyNode()};
      case 6:
        return SetConfigEpoch{AnyNode(), Near(dice_(50))};
      case 7:
        return BumpEpoch{AnyNode()};
      default:
        return CreateGroup{GroupId::FromName("group " + std::to_string(dice_(8))), AnyNode()};
    }
  }

  Change OfGroups() {
    const Group* group = SomeGroup();
    if (group == nullptr) return OfNodes();
    const auto& in_sync = group->in_sync;
    const NodeId member = OneIn(10) ? AnyNode() : in_sync[dice_(in_sync.size())];
    switch (dice_(7)) {
      case 0:
      case 1:
        return AddFollower{group->id, AnyNode()};
      case 2:
        return RemoveFollower{group->id, AnyNode()};
      case 3:
        return Promote{group->id, member, EpochOf(group->id), Near(topology_.office().term),
                       OneIn(2)};
      case 4:
        return StepDown{group->id, EpochOf(group->id)};
      default:
        return SetInSync{group->id, SomeMembers(*group), EpochOf(group->id), Near(group->revision)};
    }
  }

  Change OfSlots() {
    switch (dice_(7)) {
      case 0:
      case 1:
        return AddSlots{AnyNode(), AnySlots()};
      case 2:
        return DelSlots{AnySlots()};
      case 3:
        return SetSlotOwner{AnySlot(), AnyNode()};
      case 4:
        return MarkMigrating{AnySlot(), AnyGroup()};
      case 5:
        return MarkImporting{AnySlot(), AnyGroup(), AnyGroup()};
      default:
        return MarkStable{AnySlot(), AnyGroup()};
    }
  }

  Change OfMigrations() {
    const Migration migration = AnyMigration();
    switch (dice_(5)) {
      case 0:
      case 1:
        return StartMigration{migration, EpochOf(migration.from), EpochOf(migration.to)};
      case 2:
        return CancelMigration{migration.id};
      case 3: {
        const Migration* known = topology_.FindMigration(migration.id);
        const Migration& moved = known == nullptr ? migration : *known;
        return MoveSlots{moved.from,          moved.to,          moved.slots,
                         EpochOf(moved.from), EpochOf(moved.to), moved.id};
      }
      default:
        return MoveSlots{migration.from, migration.to, migration.slots, EpochOf(migration.from),
                         EpochOf(migration.to)};
    }
  }

  Change OfTheDocument() {
    switch (dice_(5)) {
      case 0: {
        std::vector<NodeId> voters;
        for (uint64_t i = dice_(5); i-- > 0;) voters.push_back(AnyNode());
        return SetVoters{voters, OneIn(4) ? voters : topology_.voters()};
      }
      case 1:
        return TakeOffice{OneIn(2) ? topology_.office().judge : AnyNode(),
                          topology_.office().term + dice_(3),
                          static_cast<uint32_t>(OneIn(20) ? 0 : 100 + dice_(3)), OneIn(2)};
      case 2:
      case 3:
        return PlaceByRing{.followers = static_cast<uint32_t>(dice_(4)),
                           .groups_per_node = static_cast<uint32_t>(dice_(4)),
                           .move_owned = OneIn(2)};
      default:
        return PlaceByHand{};
    }
  }

 private:
  const Topology& topology_;
  const Dice& dice_;
};

}  // namespace

Node SampleNode(const Dice& dice) {
  const uint64_t number = dice(kWorld);
  Node node{.id = NodeNumber(number),
            .name = "node " + std::to_string(number),
            .host = dice(40) == 0 ? "" : "10.0.0." + std::to_string(dice(30) == 0 ? 1 : number),
            .port = static_cast<uint16_t>(dice(50) == 0 ? 0 : 7000),
            .tls_port = static_cast<uint16_t>(dice(3)),
            .bus_port = 17000,
            .priority = static_cast<int32_t>(dice(5)) - 2,
            .zone = std::string(dice(3), 'z'),
            .weight = dice(60) == 0 ? 0.0 : 1.0 + static_cast<double>(dice(2)),
            .virtual_nodes = static_cast<uint32_t>(dice(60) == 0 ? 0 : 8 + dice(4))};
  node.config_epoch = dice(10) == 0 ? dice(100) : 0;
  node.no_vote = dice(5) == 0;
  node.leaving = dice(5) == 0;
  node.failed = dice(2) == 0;
  return node;
}

Change SampleChange(const Topology& topology, const Dice& dice) {
  Sampler sampler(topology, dice);
  switch (dice(12)) {
    case 0:
    case 1:
    case 2:
      return sampler.OfNodes();
    case 3:
    case 4:
    case 5:
      return sampler.OfGroups();
    case 6:
    case 7:
    case 8:
      return sampler.OfSlots();
    case 9:
    case 10:
      return sampler.OfMigrations();
    default:
      return sampler.OfTheDocument();
  }
}

}  // namespace henge::cluster
