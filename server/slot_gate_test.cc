// SPDX-License-Identifier: Apache-2.0
// Which requests a node of a cluster serves, and what it answers to the others.
#include "server/slot_gate.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "base/crc16.h"
#include "cluster/cluster_state.h"

namespace henge::server {
namespace {

using commands::ClientState;

std::vector<store::Key> Keys(std::initializer_list<std::string_view> names) {
  std::vector<store::Key> keys;
  for (const std::string_view name : names) keys.push_back(store::Key::Of(name));
  return keys;
}

// Slots 0-99 are mine, 100-199 the peer's; the rest is the peer's too if `covered`, else nobody's.
std::unique_ptr<cluster::ClusterState> TwoNodes(bool covered, bool require_full_coverage = true) {
  const auto me = cluster::NodeId::FromName("me");
  std::vector<cluster::Node> nodes = {
      {.id = me, .host = "10.0.0.1", .port = 7000},
      {.id = cluster::NodeId::FromName("peer"), .host = "10.0.0.2", .port = 7001}};
  std::vector<cluster::NodeIndex> owners(kSlots, covered ? 1 : cluster::kNoNode);
  for (size_t slot = 0; slot < 200; ++slot) owners[slot] = slot < 100 ? 0 : 1;
  auto topology = cluster::Topology::ByHand(std::move(nodes), owners);
  auto state = cluster::ClusterState::Make(
      {.my_id = me, .require_full_coverage = require_full_coverage}, *std::move(topology));
  return *std::move(state);
}

SlotRequest Request(int slot, bool writes = true) {
  return {.slot = slot, .first_slot = slot, .writes = writes};
}

TEST(SlotOf, IsTheOneSlotOfAllKeys) {
  EXPECT_EQ(SlotOf({}), ClientState::kNoSlot);
  EXPECT_EQ(SlotOf(Keys({"a"})), KeySlot("a"));
  EXPECT_EQ(SlotOf(Keys({"{a}1", "a", "{a}2"})), KeySlot("a"));
  EXPECT_EQ(SlotOf(Keys({"a", "a", "b"})), ClientState::kManySlots);
}

TEST(JoinSlots, RemembersOneSlotOrThatThereAreMany) {
  EXPECT_EQ(JoinSlots(ClientState::kNoSlot, ClientState::kNoSlot), ClientState::kNoSlot);
  EXPECT_EQ(JoinSlots(ClientState::kNoSlot, 5), 5);
  EXPECT_EQ(JoinSlots(5, ClientState::kNoSlot), 5);
  EXPECT_EQ(JoinSlots(5, 5), 5);
  EXPECT_EQ(JoinSlots(5, 6), ClientState::kManySlots);
  EXPECT_EQ(JoinSlots(ClientState::kManySlots, 5), ClientState::kManySlots);
}

TEST(RefuseSlot, SendsClientsToTheOwner) {
  const auto state = TwoNodes(true);
  EXPECT_EQ(RefuseSlot(*state, Request(99), {}), "");
  EXPECT_EQ(RefuseSlot(*state, Request(100), {}), "MOVED 100 10.0.0.2:7001");
}

TEST(RefuseSlot, RefusesKeysOfSeveralSlots) {
  const auto state = TwoNodes(true);
  const SlotRequest many = {.slot = ClientState::kManySlots, .first_slot = 1, .writes = true};
  EXPECT_EQ(RefuseSlot(*state, many, {}), "CROSSSLOT Keys in request don't hash to the same slot");
}

TEST(RefuseSlot, TellsAnUnownedFirstSlotBeforeSeveralSlots) {
  const auto state = TwoNodes(false);
  const SlotRequest many = {.slot = ClientState::kManySlots, .first_slot = 300, .writes = true};
  EXPECT_EQ(RefuseSlot(*state, many, {}), "CLUSTERDOWN Hash slot not served");
}

TEST(RefuseSlot, ServesNothingWhileTheClusterIsDown) {
  const auto state = TwoNodes(false);
  EXPECT_EQ(RefuseSlot(*state, Request(1), {}), "CLUSTERDOWN The cluster is down");
  EXPECT_EQ(RefuseSlot(*state, Request(100), {}), "CLUSTERDOWN The cluster is down");
  EXPECT_EQ(RefuseSlot(*state, Request(300), {}), "CLUSTERDOWN Hash slot not served");
}

TEST(RefuseSlot, ServesReadsWhileDownIfTold) {
  const auto state = TwoNodes(false);
  EXPECT_EQ(RefuseSlot(*state, Request(1, {}), {.reads = true}), "");
  EXPECT_EQ(RefuseSlot(*state, Request(1, true), {.reads = true}),
            "CLUSTERDOWN The cluster is down and only accepts read commands");
  EXPECT_EQ(RefuseSlot(*state, Request(100, {}), {.reads = true}), "MOVED 100 10.0.0.2:7001");
}

TEST(RefuseSlot, ServesShardChannelsWhileDownUnlessTold) {
  const auto state = TwoNodes(false);
  SlotRequest request = Request(1, false);
  request.shard_channels = true;
  EXPECT_EQ(RefuseSlot(*state, request, {}), "");
  EXPECT_EQ(RefuseSlot(*state, request, {.reads = true, .shard_channels = false}),
            "CLUSTERDOWN The cluster is down");
  request.slot = request.first_slot = 100;
  EXPECT_EQ(RefuseSlot(*state, request, {}), "MOVED 100 10.0.0.2:7001");
}

TEST(RefuseSlot, ServesWhatThereIsWithoutFullCoverage) {
  const auto state = TwoNodes(false, false);
  EXPECT_EQ(RefuseSlot(*state, Request(1), {}), "");
  EXPECT_EQ(RefuseSlot(*state, Request(300), {}), "CLUSTERDOWN Hash slot not served");
}

}  // namespace
}  // namespace henge::server
