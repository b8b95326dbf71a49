// SPDX-License-Identifier: Apache-2.0
#include "cluster/life/home_search.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace henge::cluster {
namespace {

NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

Node Made(int i) {
  return {.id = Id(i),
          .host = "10.0.0.1",
          .port = static_cast<uint16_t>(7000 + i),
          .bus_port = static_cast<uint16_t>(17000 + i)};
}

// n0, n1 and n2 own two slots each; n3 and n4 follow n0, n5 follows n1.
class HomeSearchTest : public ::testing::Test {
 protected:
  HomeSearchTest() {
    std::vector<NodeIndex> owners(kSlots, kNoNode);
    for (size_t slot = 0; slot < 6; ++slot) owners[slot] = static_cast<NodeIndex>(slot / 2);
    topology_ = *Topology::ByHand({Made(0), Made(1), Made(2), Made(3), Made(4), Made(5)}, owners);
    Do(TakeOffice{.judge = Id(0), .term = 1});
    Do(AddFollower{GroupOf(0), Id(3)});
    Do(AddFollower{GroupOf(0), Id(4)});
    Do(AddFollower{GroupOf(1), Id(5)});
    LookAll();
  }
  void Do(const Change& change) {
    const auto next = Apply(*topology_, change);
    ASSERT_TRUE(next.ok()) << NameOf(change) << ": " << next.status();
    topology_ = *next;
  }
  GroupId GroupOf(int leader) const {
    return topology_->groups()[topology_->GroupsLedBy(topology_->IndexOf(Id(leader))).front()].id;
  }
  std::optional<AddFollower> Look(int i) {
    return searches_[i].Look(*topology_, Id(i), wishes_, now_);
  }
  // One round of all nodes, each change agreed on at once; how many there were.
  int LookAll() {
    int changes = 0;
    for (int i = 0; i < 6; ++i) {
      const auto change = Look(i);
      if (!change) continue;
      Do(*change);
      ++changes;
    }
    return changes;
  }
  void TakeAll(int from, int to) {
    const TopologyPtr before = topology_;
    for (const SlotRange& range : before->RangesOf(before->IndexOf(Id(from)))) {
      for (int slot = range.first; slot <= range.last; ++slot)
        Do(SetSlotOwner{static_cast<Slot>(slot), Id(to)});
    }
  }
  void Judge(int i, bool failed) { Do(MarkNode{.id = Id(i), .failed = failed, .term = 1}); }

  TopologyPtr topology_;
  HomeWishes wishes_;
  int64_t now_ = 0;
  std::map<int, HomeSearch> searches_;
};

TEST_F(HomeSearchTest, AGroupThatLostItsLastSlotGoesToWhoTookIt) {
  Do(SetSlotOwner{0, Id(2)});
  EXPECT_EQ(LookAll(), 0);
  Do(SetSlotOwner{1, Id(2)});
  EXPECT_FALSE(Look(0).has_value());  // Its followers go first.
  EXPECT_EQ(LookAll(), 2);
  EXPECT_EQ(LookAll(), 1);
  const Group& taker = *topology_->FindGroup(GroupOf(2));
  for (const int i : {0, 3, 4}) EXPECT_TRUE(taker.IsFollower(Id(i))) << i;
  EXPECT_EQ(LookAll(), 0);
}

TEST_F(HomeSearchTest, FollowersThatAreGoneAreTakenAlong) {
  Judge(5, true);
  TakeAll(1, 0);
  const auto change = Look(1);
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->node, Id(5));
  Do(*change);
  EXPECT_EQ(LookAll(), 1);
  EXPECT_TRUE(topology_->FindGroup(GroupOf(0))->IsFollower(Id(1)));
}

TEST_F(HomeSearchTest, NobodyGoesWhoDoesNotWantToOrGaveUpItsSlots) {
  wishes_.moves = false;
  TakeAll(0, 2);
  EXPECT_EQ(LookAll(), 0);
  wishes_.moves = true;
  EXPECT_EQ(LookAll(), 2);  // It is known still.
  Do(DelSlots{{2, 3}});
  EXPECT_FALSE(Look(1).has_value());
}

TEST_F(HomeSearchTest, WhoHasSlotsAgainOrIsAboutToStays) {
  TakeAll(1, 2);
  Do(MarkImporting{.slot = 2, .at = GroupOf(1), .from = GroupOf(2)});
  EXPECT_FALSE(Look(5).has_value());
  Do(SetSlotOwner{2, Id(1)});
  EXPECT_FALSE(Look(5).has_value());
  Do(DelSlots{{2}});
  EXPECT_FALSE(Look(5).has_value());
}

TEST_F(HomeSearchTest, AFollowerGoesToALeaderThatLostItsOwn) {
  Judge(5, true);
  EXPECT_EQ(LookAll(), 0);
  now_ += HomeSearch::kPatienceMicros - 1;
  EXPECT_EQ(LookAll(), 0);
  now_ += 1;
  EXPECT_EQ(LookAll(), 1);
  EXPECT_EQ(topology_->FindGroup(GroupOf(0))->followers.size(), 1u);
  EXPECT_EQ(topology_->FindGroup(GroupOf(1))->followers.size(), 2u);
  now_ += 2 * HomeSearch::kPatienceMicros;
  EXPECT_EQ(LookAll(), 0);
}

TEST_F(HomeSearchTest, TheBarrierKeepsFollowersWhereTheyAre) {
  wishes_.barrier = 2;
  Judge(5, true);
  LookAll();
  now_ += HomeSearch::kPatienceMicros;
  EXPECT_EQ(LookAll(), 0);
  wishes_.barrier = 1;
  EXPECT_EQ(LookAll(), 1);
}

TEST_F(HomeSearchTest, AFollowerThatIsBackInTimeIsWaitedFor) {
  Judge(5, true);
  LookAll();
  now_ += HomeSearch::kPatienceMicros / 2;
  Judge(5, false);
  LookAll();
  Judge(5, true);
  LookAll();
  now_ += HomeSearch::kPatienceMicros / 2;
  EXPECT_EQ(LookAll(), 0);
}

}  // namespace
}  // namespace henge::cluster
