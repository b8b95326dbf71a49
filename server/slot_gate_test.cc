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

// Nobody looks at keys where no slot is on its way.
std::string RefuseSlot(const cluster::ClusterView& view, const SlotRequest& request,
                       const DownPolicy& policy) {
  return server::RefuseSlot(view, request, policy, [] {
    ADD_FAILURE() << "asked for keys";
    return KeysHere{};
  });
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

TEST(RefuseSlot, NamesTheOwnerAsClientsAreToConnect) {
  const auto state = TwoNodes(true);
  state->SetEndpointType(cluster::EndpointType::kHostname);
  EXPECT_EQ(RefuseSlot(*state, Request(100), {}), "MOVED 100 ?:7001");
  state->SetEndpointType(cluster::EndpointType::kUnknown);
  EXPECT_EQ(RefuseSlot(*state, Request(100), {}), "MOVED 100 :7001");
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

// --- Slots on their way ---

// Slot 1 goes from me to the peer, slot 101 comes from it; a third node follows me.
class OpenSlots : public ::testing::Test, protected cluster::ClusterOperations {
 protected:
  OpenSlots() {
    state_->Use(*this);
    const auto group = [&](const char* name) { return GroupOf(cluster::NodeId::FromName(name)); };
    Apply(cluster::MarkMigrating{1, group("peer")});
    Apply(cluster::MarkImporting{101, group("me"), group("peer")});
  }
  cluster::GroupId GroupOf(const cluster::NodeId& node) {
    const cluster::TopologyPtr topology = state_->topology();
    return topology->groups()[topology->GroupsLedBy(topology->IndexOf(node)).front()].id;
  }
  void Apply(const cluster::Change& change) {
    Propose(change, [](const absl::Status& status) { ASSERT_TRUE(status.ok()) << status; });
  }
  void Propose(cluster::Change change, cluster::ProposalDone done) override {
    const auto next = cluster::Apply(*state_->topology(), change);
    done(next.ok() ? state_->Adopt(*next) : next.status());
  }
  void Meet(std::string, uint16_t, uint16_t, cluster::ProposalDone) override {}
  void Reset(bool, cluster::ProposalDone) override {}
  void Failover(cluster::FailoverMode, cluster::ProposalDone) override {}

  std::string Refuse(const SlotRequest& request, KeysHere keys) {
    return server::RefuseSlot(*state_, request, {}, [keys] { return keys; });
  }
  static SlotRequest Asking(int slot) {
    SlotRequest request = Request(slot);
    request.asking = true;
    return request;
  }

  std::unique_ptr<cluster::ClusterState> state_ = TwoNodes(true);
};

TEST_F(OpenSlots, WhatIsHereOfALeavingSlotIsServed) {
  EXPECT_FALSE(ServesSlot(*state_, Request(1)));
  EXPECT_TRUE(ServesSlot(*state_, Request(2)));
  EXPECT_EQ(Refuse(Request(1), {.present = 1}), "");
  EXPECT_EQ(Refuse(Request(1), {.present = 2, .several = true}), "");
}

TEST_F(OpenSlots, ForWhatIsNotHereOfALeavingSlotTheOtherIsAsked) {
  EXPECT_EQ(Refuse(Request(1), {.absent = 1}), "ASK 1 10.0.0.2:7001");
  EXPECT_EQ(Refuse(Request(1, false), {.absent = 2, .several = true}), "ASK 1 10.0.0.2:7001");
  EXPECT_EQ(Refuse(Asking(1), {.absent = 1}), "ASK 1 10.0.0.2:7001");
  EXPECT_EQ(Refuse(Request(1), {.present = 1, .absent = 1, .several = true}),
            "TRYAGAIN Multiple keys request during rehashing of slot");
}

TEST_F(OpenSlots, AComingSlotIsServedToWhoIsSentHere) {
  EXPECT_EQ(Refuse(Request(101), {.present = 1}), "MOVED 101 10.0.0.2:7001");
  EXPECT_EQ(Refuse(Asking(101), {.absent = 1}), "");
  EXPECT_EQ(Refuse(Asking(101), {.present = 2, .several = true}), "");
  EXPECT_EQ(Refuse(Asking(101), {.present = 1, .absent = 1, .several = true}),
            "TRYAGAIN Multiple keys request during rehashing of slot");
  EXPECT_EQ(Refuse(Asking(100), {.present = 1}), "MOVED 100 10.0.0.2:7001");
}

TEST_F(OpenSlots, MigrateWorksAtBothEnds) {
  SlotRequest request = Request(1);
  request.moves_keys = true;
  EXPECT_EQ(Refuse(request, {.absent = 1}), "");
  request.slot = request.first_slot = 101;
  EXPECT_EQ(Refuse(request, {.absent = 1}), "");
  request.slot = request.first_slot = 100;
  EXPECT_EQ(Refuse(request, {}), "MOVED 100 10.0.0.2:7001");
}

TEST_F(OpenSlots, ShardChannelsStayWithTheOwner) {
  SlotRequest request = Request(1, false);
  request.shard_channels = true;
  EXPECT_EQ(Refuse(request, {.absent = 1}), "");
  request.slot = request.first_slot = 101;
  EXPECT_EQ(Refuse(request, {.absent = 1}), "MOVED 101 10.0.0.2:7001");
}

TEST_F(OpenSlots, TheNewOwnerServesAll) {
  Apply(cluster::SetSlotOwner{1, cluster::NodeId::FromName("peer")});
  Apply(cluster::SetSlotOwner{101, cluster::NodeId::FromName("me")});
  EXPECT_EQ(Refuse(Request(1), {.present = 1}), "MOVED 1 10.0.0.2:7001");
  EXPECT_TRUE(ServesSlot(*state_, Request(101)));
}

TEST_F(OpenSlots, AFollowerServesReadsToWhoAsksForThem) {
  cluster::DelSlots mine;
  for (Slot slot = 0; slot < 100; ++slot) mine.slots.push_back(slot);
  Apply(mine);
  for (Slot slot = 0; slot < 100; ++slot) {
    Apply(cluster::SetSlotOwner{slot, cluster::NodeId::FromName("peer")});
  }
  Apply(cluster::MarkStable{101, GroupOf(state_->my_id())});
  Apply(cluster::AddFollower{GroupOf(cluster::NodeId::FromName("peer")), state_->my_id()});
  SlotRequest request = Request(5, false);
  EXPECT_EQ(Refuse(request, {}), "MOVED 5 10.0.0.2:7001");
  request.readonly = true;
  EXPECT_TRUE(ServesSlot(*state_, request));
  EXPECT_EQ(Refuse(request, {}), "");
  request.writes = true;
  EXPECT_FALSE(ServesSlot(*state_, request));
  EXPECT_EQ(Refuse(request, {}), "MOVED 5 10.0.0.2:7001");
  request = Request(5, false);
  request.shard_channels = true;
  EXPECT_EQ(Refuse(request, {}), "");
}

}  // namespace
}  // namespace henge::server
