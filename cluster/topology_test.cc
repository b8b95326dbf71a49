// SPDX-License-Identifier: Apache-2.0
#include "cluster/topology.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>

#include "base/random.h"
#include "cluster/topology/change.h"

namespace henge::cluster {
namespace {

Node Named(const std::string& name, uint16_t port) {
  return {.id = NodeId::FromName(name),
          .name = name,
          .host = "127.0.0.1",
          .port = port,
          .bus_port = static_cast<uint16_t>(port + 10000)};
}

std::vector<Node> Nodes(int count) {
  std::vector<Node> nodes;
  for (int i = 0; i < count; ++i) {
    nodes.push_back(Named("n" + std::to_string(i), static_cast<uint16_t>(7000 + i)));
  }
  return nodes;
}

TopologyPtr Made(int count) { return *Topology::FromMembers(Nodes(count)); }

TopologyPtr MustApply(const TopologyPtr& topology, const Change& change) {
  auto next = Apply(*topology, change);
  EXPECT_TRUE(next.ok()) << next.status();
  return *next;
}

TEST(Topology, EmptyHasNothing) {
  const TopologyPtr topology = Topology::Empty();
  EXPECT_EQ(topology->version(), 0u);
  EXPECT_EQ(topology->assigned_slots(), 0);
  EXPECT_EQ(topology->OwnerOf(0), nullptr);
  EXPECT_EQ(topology->Find(NodeId::FromName("x")), nullptr);
}

TEST(Topology, FromMembersAssignsEverySlot) {
  const TopologyPtr topology = Made(3);
  EXPECT_EQ(topology->version(), 1u);
  EXPECT_EQ(topology->assigned_slots(), kSlots);
  EXPECT_EQ(topology->slot_owner_count(), 3);
  EXPECT_EQ(topology->epoch(), 3u);
  int total = 0;
  for (NodeIndex i = 0; i < 3; ++i) {
    total += topology->SlotCount(i);
    EXPECT_LE(topology->SlotCount(i), 1.1 * kSlots / 3);
    int in_ranges = 0;
    for (const SlotRange& range : topology->RangesOf(i)) {
      in_ranges += range.last - range.first + 1;
      for (int slot = range.first; slot <= range.last; ++slot) {
        ASSERT_EQ(topology->OwnerIndex(static_cast<Slot>(slot)), i);
      }
    }
    EXPECT_EQ(in_ranges, topology->SlotCount(i));
  }
  EXPECT_EQ(total, kSlots);
}

TEST(Topology, OrderOfMembersDoesNotMatter) {
  std::vector<Node> nodes = Nodes(5);
  const uint64_t expected = (*Topology::FromMembers(nodes))->fingerprint();
  std::reverse(nodes.begin(), nodes.end());
  EXPECT_EQ((*Topology::FromMembers(nodes))->fingerprint(), expected);
  nodes[0].port = 1;
  EXPECT_NE((*Topology::FromMembers(nodes))->fingerprint(), expected);
}

TEST(Topology, RefusesUnsoundMembers) {
  EXPECT_FALSE(Topology::FromMembers({}).ok());
  std::vector<Node> nodes = Nodes(2);
  nodes[1].id = nodes[0].id;
  EXPECT_FALSE(Topology::FromMembers(nodes).ok());
  nodes = Nodes(2);
  nodes[1].port = nodes[0].port;
  EXPECT_FALSE(Topology::FromMembers(nodes).ok());
  nodes = Nodes(2);
  nodes[1].host.clear();
  EXPECT_FALSE(Topology::FromMembers(nodes).ok());
  nodes = Nodes(2);
  nodes[1].id = NodeId();
  EXPECT_FALSE(Topology::FromMembers(nodes).ok());
}

TEST(Topology, ByHandKeepsOwnersWithTheirNodes) {
  std::vector<Node> nodes = Nodes(4);
  std::vector<NodeIndex> owners(kSlots, kNoNode);
  owners[5] = 2;
  owners[6] = 0;
  const auto topology = Topology::ByHand(nodes, owners);
  ASSERT_TRUE(topology.ok());
  EXPECT_EQ((*topology)->OwnerOf(5)->name, "n2");
  EXPECT_EQ((*topology)->OwnerOf(6)->name, "n0");
  EXPECT_EQ((*topology)->assigned_slots(), 2);
  owners[7] = 4;
  EXPECT_FALSE(Topology::ByHand(nodes, owners).ok());
  EXPECT_FALSE(Topology::ByHand(nodes, {1}).ok());
}

TEST(Apply, AddsAndDeletesSlots) {
  const NodeId id = NodeId::FromName("n0");
  TopologyPtr topology = MustApply(Topology::Empty(), AddNode{Named("n0", 7000)});
  EXPECT_EQ(Apply(*topology, AddSlots{NodeId::FromName("n9"), {1}}).status().code(),
            absl::StatusCode::kNotFound);
  topology = MustApply(topology, AddSlots{id, {1, 2, 3, 9}});
  EXPECT_EQ(topology->version(), 2u);
  EXPECT_EQ(topology->RangesOf(0), (std::vector<SlotRange>{{1, 3}, {9, 9}}));
  EXPECT_EQ(Apply(*topology, AddSlots{id, {4, 3}}).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_FALSE(Apply(*topology, AddSlots{id, {4, 4}}).ok());
  EXPECT_FALSE(Apply(*topology, AddSlots{id, {16384}}).ok());
  EXPECT_FALSE(Apply(*topology, DelSlots{{5}}).ok());
  const TopologyPtr fewer = MustApply(topology, DelSlots{{2}});
  EXPECT_EQ(fewer->RangesOf(0), (std::vector<SlotRange>{{1, 1}, {3, 3}, {9, 9}}));
  EXPECT_EQ(topology->SlotCount(0), 4);  // The older document stands.
}

TEST(Apply, AddsAndRemovesNodes) {
  TopologyPtr topology = Made(3);
  EXPECT_EQ(Apply(*topology, AddNode{Nodes(1)[0]}).status().code(),
            absl::StatusCode::kAlreadyExists);
  topology = MustApply(topology, AddNode{Named("n3", 7003)});
  EXPECT_EQ(topology->nodes().size(), 4u);
  EXPECT_EQ(topology->slot_owner_count(), 3);
  for (int slot = 0; slot < kSlots; ++slot) {  // Nothing moved.
    ASSERT_EQ(topology->OwnerOf(static_cast<Slot>(slot))->id,
              Made(3)->OwnerOf(static_cast<Slot>(slot))->id);
    if (slot > 100) break;
  }
  EXPECT_FALSE(Apply(*topology, RemoveNode{NodeId::FromName("n1")}).ok());
  const TopologyPtr back = MustApply(topology, RemoveNode{NodeId::FromName("n3")});
  EXPECT_EQ(back->fingerprint(), Made(3)->fingerprint());
  EXPECT_EQ(back->version(), 3u);
}

TEST(Apply, PlacesByRingAsANewClusterWould) {
  TopologyPtr topology = MustApply(Made(3), AddNode{Named("n3", 7003)});
  topology = MustApply(topology, PlaceByRing{.move_owned = true});
  const TopologyPtr fresh = Made(4);
  for (int slot = 0; slot < kSlots; ++slot) {
    ASSERT_EQ(topology->OwnerOf(static_cast<Slot>(slot))->id,
              fresh->OwnerOf(static_cast<Slot>(slot))->id);
  }
}

TEST(Apply, SetsOwnersAndEpochs) {
  const NodeId id = NodeId::FromName("n1");
  TopologyPtr topology = MustApply(Made(2), SetSlotOwner{77, id});
  EXPECT_EQ(topology->OwnerOf(77)->id, id);
  topology = MustApply(topology, BumpEpoch{id});
  EXPECT_EQ(topology->epoch(), 3u);
  EXPECT_EQ(topology->Find(id)->config_epoch, 3u);
}

// A log of changes gives the same document wherever it is replayed, and never an unsound one.
TEST(Apply, ReplaysToTheSameDocument) {
  Random random(7);
  TopologyPtr a = Made(5);
  TopologyPtr b = Made(5);
  for (int i = 0; i < 300; ++i) {
    const NodeId id = NodeId::FromName("n" + std::to_string(random.Below(6)));
    const auto slot = static_cast<Slot>(random.Below(kSlots));
    const Change kinds[] = {AddSlots{id, {slot}}, DelSlots{{slot}}, SetSlotOwner{slot, id},
                            BumpEpoch{id}};
    const Change& change = kinds[random.Below(4)];
    const auto next_a = Apply(*a, change);
    const auto next_b = Apply(*b, change);
    ASSERT_EQ(next_a.ok(), next_b.ok());
    if (!next_a.ok()) continue;
    a = *next_a;
    b = *next_b;
    ASSERT_EQ(a->fingerprint(), b->fingerprint());
    int slots = 0;
    for (NodeIndex n = 0; n < a->nodes().size(); ++n) slots += a->SlotCount(n);
    ASSERT_EQ(slots, a->assigned_slots());
  }
}

}  // namespace
}  // namespace henge::cluster
