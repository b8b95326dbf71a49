// SPDX-License-Identifier: Apache-2.0
#include "cluster/life/in_sync_keeper.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace henge::cluster {
namespace {

constexpr int64_t kMs = 1000;
constexpr int64_t kPatience = 300 * kMs;

NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

std::vector<NodeId> Ids(const std::vector<int>& numbers) {
  std::vector<NodeId> ids;
  for (const int i : numbers) ids.push_back(Id(i));
  std::sort(ids.begin(), ids.end());
  return ids;
}

// n0 leads; n1 to n3 follow.
class InSyncKeeperTest : public ::testing::Test {
 protected:
  InSyncKeeperTest() {
    group_ = {.id = GroupId::FromName("g"),
              .leader = Id(0),
              .followers = Ids({1, 2, 3}),
              .in_sync = Ids({0}),
              .epoch = 4,
              .revision = 7};
  }
  std::optional<SetInSync> Review(const std::vector<int>& fit) {
    std::vector<GroupHost::Follower> followers;
    for (const int i : {1, 2}) {  // The third is not even connected.
      followers.push_back({.node = Id(i), .fit = std::count(fit.begin(), fit.end(), i) > 0});
    }
    return keeper_.Review(group_, followers, now_);
  }
  void Apply(const SetInSync& change) {
    group_.in_sync = change.members;
    ++group_.revision;
    keeper_.Settled();
  }

  int64_t now_ = 5000 * kMs;
  Group group_;
  InSyncKeeper keeper_{kPatience};
};

TEST_F(InSyncKeeperTest, CountsThoseWhoJoinFromTheProposalOn) {
  EXPECT_TRUE(keeper_.Counted(group_).empty());
  const auto change = Review({1, 2});
  ASSERT_TRUE(change);
  EXPECT_EQ(change->members, Ids({0, 1, 2}));
  EXPECT_EQ(change->expected_epoch, 4u);
  EXPECT_EQ(change->expected_revision, 7u);
  EXPECT_EQ(keeper_.Counted(group_), Ids({1, 2}));
  now_ += 1000 * kMs;
  EXPECT_FALSE(Review({1, 2}));  // One at a time.
  keeper_.Settled();             // It was refused.
  EXPECT_TRUE(keeper_.Counted(group_).empty());
}

TEST_F(InSyncKeeperTest, CountsThoseWhoLeaveUntilItIsApplied) {
  group_.in_sync = Ids({0, 1, 2});
  EXPECT_FALSE(Review({1}));  // It may come back.
  now_ += kPatience - 1;
  EXPECT_FALSE(Review({1}));
  now_ += 1;
  const auto change = Review({1});
  ASSERT_TRUE(change);
  EXPECT_EQ(change->members, Ids({0, 1}));
  EXPECT_EQ(keeper_.Counted(group_), Ids({1, 2}));
  Apply(*change);
  EXPECT_EQ(keeper_.Counted(group_), Ids({1}));
}

TEST_F(InSyncKeeperTest, ForgetsAnUnfitnessThatIsOver) {
  group_.in_sync = Ids({0, 1});
  EXPECT_FALSE(Review({}));
  now_ += kPatience / 2;
  EXPECT_FALSE(Review({1}));
  now_ += kPatience / 2;
  EXPECT_FALSE(Review({}));
  now_ += kPatience / 2;
  EXPECT_FALSE(Review({}));
}

// Who led before, and does not follow by now, would hold everything up.
TEST_F(InSyncKeeperTest, DoesNotWaitForTheDeposed) {
  group_.in_sync = Ids({0, 1, 3});
  group_.deposed = Ids({3});
  const auto change = Review({});
  ASSERT_TRUE(change);
  EXPECT_EQ(change->members, Ids({0, 1}));
  EXPECT_EQ(keeper_.Counted(group_), Ids({1, 3}));  // Until it is applied.
}

TEST_F(InSyncKeeperTest, SaysThatTheDeposedIsInSyncIfItIs) {
  group_.in_sync = Ids({0, 1, 2});
  group_.deposed = Ids({2});
  const auto change = Review({1, 2});
  ASSERT_TRUE(change);
  EXPECT_EQ(change->members, Ids({0, 1, 2}));
}

TEST_F(InSyncKeeperTest, PutsChangesInOneAndRests) {
  group_.in_sync = Ids({0, 3});
  EXPECT_FALSE(Review({}));
  now_ += kPatience;
  const auto change = Review({1});
  ASSERT_TRUE(change);
  EXPECT_EQ(change->members, Ids({0, 1}));
  EXPECT_EQ(keeper_.Counted(group_), Ids({1, 3}));
  Apply(*change);
  EXPECT_FALSE(Review({1, 2}));  // Too soon after the last.
  now_ += 200 * kMs;
  EXPECT_TRUE(Review({1, 2}));
}

}  // namespace
}  // namespace henge::cluster
