// SPDX-License-Identifier: Apache-2.0
// Each change, what it does and what it refuses. Slots and nodes: ../topology_test.cc, too.
#include "cluster/topology/change.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "cluster/topology/ring_plan.h"

namespace henge::cluster {
namespace {

using Code = absl::StatusCode;

NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

Node Made(int i) {
  return {.id = Id(i),
          .name = "n" + std::to_string(i),
          .host = "10.0.0.1",
          .port = static_cast<uint16_t>(7000 + i),
          .bus_port = static_cast<uint16_t>(17000 + i)};
}

// Four nodes by hand: n0 owns 0-9, n1 owns 10-19; n2 follows n0 in sync, n3 leads without slots.
class ChangeTest : public ::testing::Test {
 protected:
  ChangeTest() {
    std::vector<NodeIndex> owners(kSlots, kNoNode);
    for (size_t slot = 0; slot < 20; ++slot) owners[slot] = slot < 10 ? 0 : 1;
    topology_ = *Topology::ByHand({Made(0), Made(1), Made(2), Made(3)}, owners);
    Do(AddFollower{GroupOf(0), Id(2)});
    Do(SetInSync{GroupOf(0), {Id(0), Id(2)}, 0, 1});
  }

  void Do(const Change& change) {
    const auto next = Apply(*topology_, change);
    ASSERT_TRUE(next.ok()) << NameOf(change) << ": " << next.status();
    topology_ = *next;
  }
  Code Refusal(const Change& change) { return Apply(*topology_, change).status().code(); }

  // The group that the node leads or follows.
  const Group& In(int i) const {
    const NodeIndex index = topology_->IndexOf(Id(i));
    const auto& led = topology_->GroupsLedBy(index);
    return topology_
        ->groups()[led.empty() ? topology_->GroupsFollowedBy(index).front() : led.front()];
  }
  GroupId GroupOf(int i) const { return In(i).id; }
  Epoch EpochOf(int i) const { return In(i).epoch; }
  Promote Promotion(int group, int to) {
    return {.group = GroupOf(group), .to = Id(to), .expected_epoch = EpochOf(group)};
  }

  TopologyPtr topology_;
};

TEST_F(ChangeTest, MeetsANodeWithItsSlots) {
  Do(AddNode{Made(4), {{100, 110}, {200, 200}}});
  EXPECT_EQ(topology_->OwnerOf(105)->id, Id(4));
  EXPECT_EQ(topology_->SlotCount(topology_->IndexOf(Id(4))), 12);
  EXPECT_EQ(Refusal(AddNode{Made(4)}), Code::kAlreadyExists);
  EXPECT_EQ(Refusal(AddNode{Made(5), {{19, 21}}}), Code::kAlreadyExists);
  EXPECT_EQ(Refusal(AddNode{Made(5), {{30, 29}}}), Code::kInvalidArgument);
  Node nowhere = Made(5);
  nowhere.host.clear();
  EXPECT_EQ(Refusal(AddNode{nowhere}), Code::kInvalidArgument);
  Node twin = Made(5);
  twin.port = Made(1).port;
  EXPECT_EQ(Refusal(AddNode{twin}), Code::kInvalidArgument);
}

TEST_F(ChangeTest, ForgetsOnlyWhoOwnsNothing) {
  EXPECT_EQ(Refusal(RemoveNode{Id(1)}), Code::kFailedPrecondition);
  EXPECT_EQ(Refusal(RemoveNode{Id(9)}), Code::kNotFound);
  Do(RemoveNode{Id(3)});
  EXPECT_EQ(topology_->groups().size(), 2u);
  Do(RemoveNode{Id(2)});
  EXPECT_TRUE(In(0).followers.empty());
  EXPECT_EQ(In(0).in_sync, std::vector{Id(0)});
  Do(SetVoters{{Id(0)}, {}});
  Do(DelSlots{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}});
  EXPECT_EQ(Refusal(RemoveNode{Id(0)}), Code::kFailedPrecondition);
}

TEST_F(ChangeTest, KeepsTheLastCopyOfALeaderlessGroup) {
  Do(SetInSync{GroupOf(0), {Id(0)}, 0, 2});
  Do(StepDown{GroupOf(0), 0});
  EXPECT_EQ(topology_->OwnerOf(5), nullptr);
  EXPECT_TRUE(topology_->IsAssigned(5));
  EXPECT_EQ(Refusal(RemoveNode{Id(0)}), Code::kFailedPrecondition);
  EXPECT_EQ(Refusal(AddFollower{GroupOf(1), Id(0)}), Code::kFailedPrecondition);
  EXPECT_EQ(Refusal(RemoveFollower{GroupOf(2), Id(0)}), Code::kFailedPrecondition);
  Do(RemoveFollower{GroupOf(2), Id(2)});
  EXPECT_EQ(GroupOf(2) == GroupOf(0), false);
}

TEST_F(ChangeTest, AnnouncesWithoutTouchingEpochsOrJudgements) {
  Do(BumpEpoch{Id(1)});
  Do(TakeOffice{Id(0), 1});
  Do(MarkNode{Id(1), true, 1});
  Node moved = Made(1);
  moved.host = "10.9.9.9";
  moved.priority = 7;
  Do(UpdateNode{moved});
  const Node& now = *topology_->Find(Id(1));
  EXPECT_EQ(now.host, "10.9.9.9");
  EXPECT_EQ(now.config_epoch, 1u);
  EXPECT_TRUE(now.failed);
  EXPECT_EQ(Refusal(UpdateNode{Made(9)}), Code::kNotFound);
  moved.host = "10.0.0.1";
  moved.port = 7000;
  EXPECT_EQ(Refusal(UpdateNode{moved}), Code::kInvalidArgument);
}

TEST_F(ChangeTest, WhoHasNoHostMayGoOnWithoutOne) {
  Node lone{.id = Id(0), .port = 7000};
  const TopologyPtr alone = *Topology::ByHand({lone});
  lone.port = 7005;
  const auto moved = Apply(*alone, UpdateNode{lone});
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_EQ((*moved)->nodes()[0].port, 7005);
  lone.port = 0;
  EXPECT_EQ(Apply(*alone, UpdateNode{lone}).status().code(), Code::kInvalidArgument);
}

TEST_F(ChangeTest, FollowsByHandInOneGroupOnly) {
  EXPECT_EQ(Refusal(AddFollower{GroupOf(1), Id(0)}), Code::kFailedPrecondition);  // Owns slots.
  EXPECT_EQ(Refusal(AddFollower{GroupOf(1), Id(1)}), Code::kFailedPrecondition);  // Leads it.
  EXPECT_EQ(Refusal(AddFollower{GroupOf(0), Id(2)}), Code::kAlreadyExists);
  EXPECT_EQ(Refusal(AddFollower{GroupId::FromName("x"), Id(3)}), Code::kNotFound);
  const GroupId old = GroupOf(3);
  Do(AddFollower{GroupOf(1), Id(3)});
  EXPECT_EQ(topology_->FindGroup(old), nullptr);
  EXPECT_FALSE(In(1).IsInSync(Id(3)));
  Do(AddFollower{GroupOf(1), Id(2)});  // From one leader to another.
  EXPECT_TRUE(In(0).followers.empty());
  EXPECT_EQ(In(1).followers.size(), 2u);
  Do(CreateGroup{GroupId::FromName("mine"), Id(3)});
  EXPECT_EQ(GroupOf(3), GroupId::FromName("mine"));
  EXPECT_EQ(Refusal(CreateGroup{GroupId::FromName("other"), Id(3)}), Code::kFailedPrecondition);
  EXPECT_EQ(Refusal(CreateGroup{GroupId::FromName("mine"), Id(2)}), Code::kAlreadyExists);
}

TEST_F(ChangeTest, PromotesTheInSyncInAHigherEpoch) {
  Do(AddFollower{GroupOf(0), Id(3)});
  EXPECT_EQ(Refusal(Promotion(0, 3)), Code::kFailedPrecondition);  // Not in sync.
  Promote stale = Promotion(0, 2);
  stale.expected_epoch = 9;
  EXPECT_EQ(Refusal(stale), Code::kAborted);
  Do(Promotion(0, 2));
  EXPECT_EQ(In(0).leader, Id(2));
  EXPECT_TRUE(In(0).IsFollower(Id(0)));
  EXPECT_EQ(In(0).in_sync.size(), 2u);
  EXPECT_EQ(In(0).deposed, std::vector{Id(0)});
  EXPECT_EQ(EpochOf(0), topology_->epoch());
  EXPECT_EQ(topology_->Find(Id(2))->config_epoch, topology_->epoch());
  EXPECT_EQ(topology_->OwnerOf(3)->id, Id(2));
  const Epoch before = EpochOf(0);
  Do(Promotion(0, 2));  // The same again: it restarted.
  EXPECT_GT(EpochOf(0), before);
  EXPECT_EQ(In(0).leader, Id(2));
  EXPECT_TRUE(In(0).IsDeposed(Id(0)));
}

// Whoever led is asked, too, as long as the new leader has not said whom it acknowledges with.
TEST_F(ChangeTest, KeepsTheDeposedInSyncUntilTheNewLeaderSaysWhoIs) {
  Do(Promotion(0, 2));
  const TopologyPtr promoted = topology_;
  Do(SetInSync{GroupOf(0), {Id(2)}, EpochOf(0), In(0).revision});
  EXPECT_EQ(In(0).in_sync, std::vector{Id(2)});
  EXPECT_TRUE(In(0).deposed.empty());
  topology_ = promoted;
  Do(SetInSync{GroupOf(0), In(0).in_sync, EpochOf(0), In(0).revision});  // It is back already.
  EXPECT_EQ(In(0).in_sync.size(), 2u);
  EXPECT_TRUE(In(0).deposed.empty());
  topology_ = promoted;
  Do(Promotion(0, 0));  // Back to whom had it.
  EXPECT_EQ(In(0).leader, Id(0));
  EXPECT_EQ(In(0).deposed, std::vector{Id(2)});
  topology_ = promoted;
  Promote handover = Promotion(0, 0);
  handover.handover = true;
  Do(handover);
  EXPECT_TRUE(In(0).deposed.empty());
  EXPECT_TRUE(In(0).IsInSync(Id(2)));
  topology_ = promoted;
  Do(RemoveFollower{GroupOf(0), Id(0)});
  EXPECT_TRUE(In(2).deposed.empty());
}

TEST_F(ChangeTest, JudgesInTheTermInOfficeOnly) {
  Do(TakeOffice{Id(1), 4});
  EXPECT_EQ(Refusal(TakeOffice{Id(0), 4}), Code::kAborted);
  EXPECT_EQ(Refusal(TakeOffice{Id(9), 5}), Code::kNotFound);
  EXPECT_EQ(Refusal(Promotion(0, 2)), Code::kAborted);
  EXPECT_EQ(Refusal(MarkNode{Id(0), true, 3}), Code::kAborted);
  Do(MarkNode{Id(0), true, 4});
  Promote judged = Promotion(0, 2);
  judged.term = 4;
  Do(judged);
  Do(RemoveNode{Id(3)});
  EXPECT_EQ(topology_->office(), (Office{Id(1), 4, 1200, 1200}));
}

TEST_F(ChangeTest, RemembersHowLongEarlierLeasesMayLast) {
  Do(TakeOffice{Id(0), 1, 8000});
  Do(TakeOffice{Id(1), 2, 1000});
  EXPECT_EQ(topology_->office().wait_ms, 8000u);
  Do(TakeOffice{Id(0), 3, 1000});
  EXPECT_EQ(topology_->office().wait_ms, 8000u);
  EXPECT_EQ(Refusal(TakeOffice{Id(1), 4, 1000, true}), Code::kFailedPrecondition);
  EXPECT_EQ(Refusal(TakeOffice{Id(0), 4, 0}), Code::kInvalidArgument);
  Do(TakeOffice{Id(0), 4, 500, true});
  EXPECT_EQ(topology_->office().wait_ms, 1000u);
}

TEST_F(ChangeTest, HandsOverWithoutLeavingTheSync) {
  Do(TakeOffice{Id(1), 4});
  Promote handover = Promotion(0, 2);
  handover.handover = true;
  Do(handover);
  EXPECT_EQ(In(0).leader, Id(2));
  EXPECT_TRUE(In(0).IsInSync(Id(0)));
  EXPECT_EQ(Refusal(handover), Code::kAborted);
  handover.expected_epoch = EpochOf(0);
  EXPECT_EQ(Refusal(handover), Code::kFailedPrecondition);  // To itself.
}

TEST_F(ChangeTest, StepsDownAndWaitsForAPromotion) {
  EXPECT_EQ(Refusal(StepDown{GroupOf(0), 5}), Code::kAborted);
  Do(StepDown{GroupOf(0), 0});
  EXPECT_EQ(In(0).state(), GroupState::kLeaderless);
  EXPECT_EQ(In(0).in_sync.size(), 2u);
  EXPECT_EQ(topology_->slot_owner_count(), 1);
  EXPECT_EQ(Refusal(StepDown{GroupOf(0), EpochOf(0)}), Code::kFailedPrecondition);
  EXPECT_EQ(Refusal(SetInSync{GroupOf(0), {Id(0)}, EpochOf(0), In(0).revision}),
            Code::kFailedPrecondition);
  Do(Promotion(0, 0));
  EXPECT_EQ(topology_->OwnerOf(5)->id, Id(0));
  EXPECT_TRUE(In(0).IsInSync(Id(2)));
}

TEST_F(ChangeTest, SetsWhoIsInSyncFromWhatIsThere) {
  const GroupId group = GroupOf(0);
  EXPECT_EQ(Refusal(SetInSync{group, {Id(0)}, 1, 2}), Code::kAborted);
  EXPECT_EQ(Refusal(SetInSync{group, {Id(0)}, 0, 1}), Code::kAborted);
  EXPECT_EQ(Refusal(SetInSync{group, {Id(2)}, 0, 2}), Code::kInvalidArgument);
  EXPECT_EQ(Refusal(SetInSync{group, {}, 0, 2}), Code::kInvalidArgument);
  EXPECT_EQ(Refusal(SetInSync{group, {Id(0), Id(0)}, 0, 2}), Code::kInvalidArgument);
  EXPECT_EQ(Refusal(SetInSync{group, {Id(0), Id(1)}, 0, 2}), Code::kFailedPrecondition);
  Do(SetInSync{group, {Id(0)}, 0, 2});
  EXPECT_EQ(In(0).revision, 3u);
}

TEST_F(ChangeTest, MarksSlotsAsRedisDoes) {
  EXPECT_EQ(Refusal(MarkMigrating{3, GroupOf(0)}), Code::kFailedPrecondition);
  EXPECT_EQ(Refusal(MarkMigrating{300, GroupOf(0)}), Code::kFailedPrecondition);
  EXPECT_EQ(Refusal(MarkImporting{3, GroupOf(0), GroupOf(1)}), Code::kFailedPrecondition);
  EXPECT_EQ(Refusal(MarkImporting{3, GroupOf(1), GroupOf(1)}), Code::kInvalidArgument);
  Do(MarkImporting{3, GroupOf(1), GroupOf(0)});
  Do(MarkMigrating{3, GroupOf(1)});
  EXPECT_EQ(Refusal(MarkImporting{3, GroupOf(3), GroupOf(0)}), Code::kFailedPrecondition);
  EXPECT_EQ(*topology_->MarkOf(3), (SlotMark{3, GroupOf(1), GroupOf(1), GroupOf(0)}));
  Do(MarkStable{3, GroupOf(0)});
  EXPECT_EQ(*topology_->MarkOf(3), (SlotMark{3, {}, GroupOf(1), GroupOf(0)}));
  Do(MarkStable{3, GroupOf(1)});
  EXPECT_EQ(topology_->MarkOf(3), nullptr);
  Do(MarkMigrating{3, GroupOf(1)});
  Do(SetSlotOwner{3, Id(1)});
  EXPECT_EQ(topology_->MarkOf(3), nullptr);
  Do(MarkMigrating{4, GroupOf(3)});
  Do(RemoveNode{Id(3)});  // With its group the mark goes.
  EXPECT_TRUE(topology_->marks().empty());
}

TEST_F(ChangeTest, GivesSlotsToLeadersOnly) {
  EXPECT_EQ(Refusal(SetSlotOwner{3, Id(2)}), Code::kFailedPrecondition);
  EXPECT_EQ(Refusal(AddSlots{Id(2), {300}}), Code::kFailedPrecondition);
}

TEST_F(ChangeTest, MovesSlotsAtOnce) {
  const MoveSlots move{GroupOf(0), GroupOf(1), {{2, 4}, {7, 7}}, 0, 0};
  Do(MarkMigrating{3, GroupOf(1)});
  Do(move);
  EXPECT_EQ(topology_->SlotCount(topology_->IndexOf(Id(1))), 14);
  EXPECT_EQ(topology_->MarkOf(3), nullptr);
  EXPECT_EQ(Refusal(move), Code::kFailedPrecondition);  // Not the owner any more.
  MoveSlots other{GroupOf(0), GroupOf(1), {{0, 0}}, 1, 0};
  EXPECT_EQ(Refusal(other), Code::kAborted);
  other = {GroupOf(0), GroupOf(1), {{0, 0}}, 0, 1};
  EXPECT_EQ(Refusal(other), Code::kAborted);
  other = {GroupOf(0), GroupOf(0), {{0, 0}}, 0, 0};
  EXPECT_EQ(Refusal(other), Code::kInvalidArgument);
  other = {GroupOf(0), GroupOf(1), {}, 0, 0};
  EXPECT_EQ(Refusal(other), Code::kInvalidArgument);
}

TEST_F(ChangeTest, MigratesUnderAName) {
  const Migration migration{"job", GroupOf(0), GroupOf(1), {{0, 3}}};
  Do(StartMigration{migration, 0, 0});
  EXPECT_EQ(Refusal(StartMigration{migration, 0, 0}), Code::kAlreadyExists);
  EXPECT_EQ(Refusal(StartMigration{{"b", GroupOf(0), GroupOf(1), {{3, 5}}}, 0, 0}),
            Code::kFailedPrecondition);
  EXPECT_EQ(Refusal(StartMigration{{"b", GroupOf(0), GroupOf(1), {{9, 9}}}, 0, 3}), Code::kAborted);
  EXPECT_EQ(Refusal(StartMigration{{"", GroupOf(0), GroupOf(1), {{9, 9}}}, 0, 0}),
            Code::kInvalidArgument);
  EXPECT_EQ(Refusal(DelSlots{{2}}), Code::kFailedPrecondition);
  EXPECT_EQ(Refusal(SetSlotOwner{2, Id(1)}), Code::kFailedPrecondition);
  EXPECT_EQ(Refusal(MarkMigrating{2, GroupOf(1)}), Code::kFailedPrecondition);
  EXPECT_EQ(Refusal(MoveSlots{GroupOf(0), GroupOf(1), {{0, 3}}, 0, 0}), Code::kFailedPrecondition);
  EXPECT_EQ(Refusal(MoveSlots{GroupOf(0), GroupOf(1), {{0, 2}}, 0, 0, "job"}),
            Code::kFailedPrecondition);
  EXPECT_EQ(Refusal(MoveSlots{GroupOf(0), GroupOf(1), {{9, 9}}, 0, 0, "other"}), Code::kNotFound);
  const TopologyPtr started = topology_;
  Do(MoveSlots{GroupOf(0), GroupOf(1), {{0, 3}}, 0, 0, "job"});
  EXPECT_TRUE(topology_->migrations().empty());
  topology_ = started;
  Do(CancelMigration{"job"});
  EXPECT_EQ(Refusal(CancelMigration{"job"}), Code::kNotFound);
  topology_ = started;
  Do(Promotion(0, 2));  // Another leader: what was sent to the target may not be all.
  EXPECT_TRUE(topology_->migrations().empty());
}

TEST_F(ChangeTest, GivesEpochsAsRedisDoes) {
  Do(SetConfigEpoch{Id(1), 6});
  EXPECT_EQ(topology_->epoch(), 6u);
  EXPECT_EQ(Refusal(SetConfigEpoch{Id(1), 7}), Code::kFailedPrecondition);
  EXPECT_EQ(Refusal(SetConfigEpoch{Id(0), 0}), Code::kInvalidArgument);
  EXPECT_EQ(Refusal(SetConfigEpoch{Id(0), UINT64_MAX}), Code::kInvalidArgument);
  Do(BumpEpoch{Id(0)});
  EXPECT_EQ(topology_->Find(Id(0))->config_epoch, 7u);
}

TEST_F(ChangeTest, ChangesVotersFromWhoVotesNow) {
  Do(SetVoters{{Id(2), Id(0), Id(1)}, {}});
  EXPECT_EQ(topology_->voters().size(), 3u);
  EXPECT_EQ(Refusal(SetVoters{{Id(0)}, {}}), Code::kAborted);
  EXPECT_EQ(Refusal(SetVoters{{}, topology_->voters()}), Code::kInvalidArgument);
  EXPECT_EQ(Refusal(SetVoters{{Id(0), Id(0)}, topology_->voters()}), Code::kInvalidArgument);
  EXPECT_EQ(Refusal(SetVoters{{Id(9)}, topology_->voters()}), Code::kNotFound);
  Node shy = Made(3);
  shy.no_vote = true;
  Do(UpdateNode{shy});
  EXPECT_EQ(Refusal(SetVoters{{Id(3)}, topology_->voters()}), Code::kFailedPrecondition);
}

TEST_F(ChangeTest, ResetsANodeAndWhatItLed) {
  Do(ResetNode{Id(0)});
  EXPECT_EQ(topology_->Find(Id(0)), nullptr);
  EXPECT_FALSE(topology_->IsAssigned(5));
  EXPECT_EQ(In(2).leader, Id(2));
  Do(SetVoters{{Id(1)}, {}});
  EXPECT_EQ(Refusal(ResetNode{Id(1)}), Code::kFailedPrecondition);
}

TEST_F(ChangeTest, ExpectsAVersionIfAsked) {
  EXPECT_EQ(Apply(*topology_, BumpEpoch{Id(0)}, 1).status().code(), Code::kAborted);
  EXPECT_TRUE(Apply(*topology_, BumpEpoch{Id(0)}, topology_->version()).ok());
}

TEST_F(ChangeTest, GoesFromHandToRingWithoutMovingWhatIsOwned) {
  Do(PlaceByRing{.followers = 1});
  EXPECT_EQ(topology_->assigned_slots(), kSlots);
  for (Slot slot = 0; slot < 20; ++slot) {
    EXPECT_EQ(topology_->OwnerOf(slot)->id, Id(slot < 10 ? 0 : 1));
  }
  for (const Group& group : topology_->groups()) {
    EXPECT_EQ(group.home, group.leader);
    EXPECT_GE(group.followers.size(), 1u);
  }
  EXPECT_TRUE(In(0).IsInSync(Id(2)));
  EXPECT_EQ(Refusal(PlaceByHand{}), Code::kFailedPrecondition);
  const auto moves = RingMoves(*topology_);
  ASSERT_TRUE(moves.ok());
  ASSERT_FALSE(moves->empty());
  for (const WantedMove& move : *moves) {
    const Group& from = *topology_->FindGroup(move.from);
    const Group& to = *topology_->FindGroup(move.to);
    Do(MoveSlots{move.from, move.to, move.slots, from.epoch, to.epoch});
  }
  EXPECT_TRUE(RingMoves(*topology_)->empty());
}

TEST(RingPlan, SharesFollowersOutAndCrossesZones) {
  std::vector<Node> nodes;
  for (int i = 0; i < 6; ++i) {
    nodes.push_back(Made(i));
    nodes.back().zone = i % 2 == 0 ? "east" : "west";
  }
  const auto plan = RingPlan::Make(nodes, 1, 4);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->virtual_nodes().size(), 24u);
  std::map<NodeId, int> follows;
  const auto zone_of = [&](const NodeId& id) {
    for (const Node& node : nodes) {
      if (node.id == id) return node.zone;
    }
    return std::string();
  };
  for (const VirtualNode& node : plan->virtual_nodes()) {
    ASSERT_EQ(node.followers.size(), 1u);
    EXPECT_NE(zone_of(node.home), zone_of(node.followers.front()));
    ++follows[node.followers.front()];
  }
  for (const auto& [id, count] : follows) EXPECT_LE(count, 6);
  EXPECT_EQ(follows.size(), 6u);
}

TEST(RingPlan, ThreeNodesShardAndFollowEachOther) {
  const auto made = Topology::FromMembers({Made(0), Made(1), Made(2)}, 1);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ((*made)->groups().size(), 3u);
  for (NodeIndex i = 0; i < 3; ++i) {
    EXPECT_EQ((*made)->GroupsLedBy(i).size(), 1u);
    EXPECT_LE((*made)->GroupsFollowedBy(i).size(), 2u);
    EXPECT_GT((*made)->SlotCount(i), kSlots / 4);
  }
}

TEST(RingPlan, EmptiesANodeThatLeaves) {
  TopologyPtr topology = *Topology::FromMembers({Made(0), Made(1), Made(2)});
  Node leaving = Made(1);
  leaving.leaving = true;
  topology = *Apply(*topology, UpdateNode{leaving});
  topology = *Apply(*topology, PlaceByRing{});
  EXPECT_GT(topology->SlotCount(topology->IndexOf(Id(1))), 0);
  const auto moves = RingMoves(*topology);
  for (const WantedMove& move : *moves) {
    topology = *Apply(
        *topology, MoveSlots{move.from, move.to, move.slots, topology->FindGroup(move.from)->epoch,
                             topology->FindGroup(move.to)->epoch});
  }
  EXPECT_EQ(topology->SlotCount(topology->IndexOf(Id(1))), 0);
  topology = *Apply(*topology, PlaceByRing{});
  EXPECT_EQ(topology->groups().size(), 2u);
  EXPECT_TRUE(Apply(*topology, RemoveNode{Id(1)}).ok());
}

TEST(RingPlan, ChangesFollowersOnlyWhenTheNewOnesAreInSync) {
  TopologyPtr topology = *Topology::FromMembers({Made(0), Made(1), Made(2), Made(3)}, 1);
  const Group group = topology->groups().front();
  NodeId stranger;
  for (int i = 0; i < 4; ++i) {
    if (!group.IsMember(Id(i))) stranger = Id(i);
  }
  topology = *Apply(*topology, AddFollower{group.id, stranger});
  topology = *Apply(*topology,
                    SetInSync{group.id, {group.leader, stranger}, group.epoch, group.revision + 1});
  topology = *Apply(*topology, PlaceByRing{.followers = 1});
  EXPECT_TRUE(topology->FindGroup(group.id)->IsFollower(stranger));
  topology = *Apply(*topology, SetInSync{group.id,
                                         {group.leader, stranger, group.followers.front()},
                                         group.epoch,
                                         group.revision + 2});
  topology = *Apply(*topology, PlaceByRing{.followers = 1});
  EXPECT_FALSE(topology->FindGroup(group.id)->IsFollower(stranger));
  EXPECT_EQ(topology->FindGroup(group.id)->followers, group.followers);
}

}  // namespace
}  // namespace henge::cluster
