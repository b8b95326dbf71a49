// SPDX-License-Identifier: Apache-2.0
#include "cluster/slots/slot_fate.h"

#include <gtest/gtest.h>

#include <string>

#include "cluster/topology/change.h"

namespace henge::cluster {
namespace {

NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

Node Made(int i) {
  return {.id = Id(i),
          .host = "10.0.0.1",
          .port = static_cast<uint16_t>(7000 + i),
          .bus_port = static_cast<uint16_t>(17000 + i)};
}

// n0 owns 0-9, n1 owns 10-19; n2 follows n0, n3 follows n1. What each has to delete is kept as a
// node would.
class SlotFateTest : public ::testing::Test {
 protected:
  SlotFateTest() {
    std::vector<NodeIndex> owners(kSlots, kNoNode);
    for (size_t slot = 0; slot < 20; ++slot) owners[slot] = slot < 10 ? 0 : 1;
    topology_ = *Topology::ByHand({Made(0), Made(1), Made(2), Made(3)}, owners);
    Do(AddFollower{GroupOf(0), Id(2)});
    Do(AddFollower{GroupOf(1), Id(3)});
  }

  void Do(const Change& change) {
    const auto next = Apply(*topology_, change);
    ASSERT_TRUE(next.ok()) << NameOf(change) << ": " << next.status();
    for (int i = 0; i < 4; ++i) {
      doomed_[i] = DoomedAfter(doomed_[i], SlotsOfNode::In(*topology_, Id(i)),
                               SlotsOfNode::In(**next, Id(i)));
    }
    topology_ = *next;
  }
  GroupId GroupOf(int leader) const {
    return topology_->groups()[topology_->GroupsLedBy(topology_->IndexOf(Id(leader))).front()].id;
  }
  void Start() {
    Do(StartMigration{.migration = {"m", GroupOf(0), GroupOf(1), {{3, 5}}},
                      .from_epoch = EpochOf(0),
                      .to_epoch = EpochOf(1)});
  }
  Epoch EpochOf(int leader) const { return topology_->FindGroup(GroupOf(leader))->epoch; }
  void Move() { Do(MoveSlots{GroupOf(0), GroupOf(1), {{3, 5}}, EpochOf(0), EpochOf(1), "m"}); }
  SlotsOfNode Of(int i) const { return SlotsOfNode::In(*topology_, Id(i)); }

  const SlotBits moving_ = BitsOf({{3, 5}});
  TopologyPtr topology_;
  SlotBits doomed_[4];
};

TEST_F(SlotFateTest, MovingSlotsComeToTheTargetAndItsFollowers) {
  Start();
  for (const int i : {1, 3}) EXPECT_EQ(Of(i).coming, moving_);
  for (const int i : {0, 2}) {
    EXPECT_TRUE(Of(i).coming.none());
    EXPECT_EQ(Of(i).leaving, moving_);
  }
  for (const SlotBits& doomed : doomed_) EXPECT_TRUE(doomed.none());
}

TEST_F(SlotFateTest, SlotsThatMovedAreDoomedWhereTheyWere) {
  Start();
  Move();
  for (const int i : {0, 2}) EXPECT_EQ(doomed_[i], moving_);
  for (const int i : {1, 3}) {
    EXPECT_TRUE(doomed_[i].none());
    EXPECT_TRUE(Of(i).coming.none());
  }
}

TEST_F(SlotFateTest, WhatCameInVainIsDoomed) {
  Start();
  Do(CancelMigration{"m"});
  for (const int i : {1, 3}) EXPECT_EQ(doomed_[i], moving_);
  for (const int i : {0, 2}) EXPECT_TRUE(doomed_[i].none());
}

TEST_F(SlotFateTest, NothingIsDoomedThatComesAgainOrThatNobodyOwns) {
  Start();
  Do(CancelMigration{"m"});
  Start();
  EXPECT_TRUE(doomed_[1].none());
  Do(CancelMigration{"m"});
  EXPECT_EQ(doomed_[1], moving_);
  Do(DelSlots{{3}});
  EXPECT_EQ(doomed_[1], BitsOf({{4, 5}}));
  Do(MarkImporting{.slot = 4, .at = GroupOf(1), .from = GroupOf(0)});
  EXPECT_EQ(doomed_[1], BitsOf({{5, 5}}));
  Do(SetSlotOwner{.slot = 5, .to = Id(1)});
  EXPECT_TRUE(doomed_[1].none());
}

TEST_F(SlotFateTest, SlotsTakenByHandAreDoomedWhereTheyWere) {
  Do(SetSlotOwner{.slot = 3, .to = Id(1)});
  for (const int i : {0, 2}) EXPECT_EQ(doomed_[i], BitsOf({{3, 3}}));
  for (const int i : {1, 3}) EXPECT_TRUE(doomed_[i].none());
  Do(SetSlotOwner{.slot = 3, .to = Id(0)});
  EXPECT_TRUE(doomed_[0].none());
  EXPECT_EQ(doomed_[1], BitsOf({{3, 3}}));
}

TEST_F(SlotFateTest, SlotsThatWereGivenUpFirstAreLeftAlone) {
  Do(DelSlots{{3}});
  Do(AddSlots{Id(1), {3}});
  for (const SlotBits& doomed : doomed_) EXPECT_TRUE(doomed.none());
}

// The other group may have kept keys of them, and with them nobody is done.
TEST_F(SlotFateTest, WhoGoesToAnotherGroupForgetsWhatWasDoomed) {
  Start();
  Move();
  EXPECT_EQ(doomed_[2], moving_);
  Do(SetSlotOwner{.slot = 19, .to = Id(0)});
  Do(AddFollower{GroupOf(1), Id(2)});
  EXPECT_TRUE(doomed_[2].none());
  EXPECT_EQ(doomed_[0], moving_);
}

TEST_F(SlotFateTest, WhoGoesToAnotherGroupHasNothingToDelete) {
  Do(AddFollower{GroupOf(1), Id(2)});
  EXPECT_TRUE(doomed_[2].none());
  EXPECT_EQ(Of(2).owned, Of(1).owned);
}

TEST(SlotRanges, AreMadeOfBitsAndBack) {
  const std::vector<SlotRange> ranges = {{0, 0}, {3, 5}, {16383, 16383}};
  EXPECT_EQ(RangesOf(BitsOf(ranges)), ranges);
  EXPECT_TRUE(RangesOf({}).empty());
}

}  // namespace
}  // namespace henge::cluster
