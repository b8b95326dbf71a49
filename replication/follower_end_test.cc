// SPDX-License-Identifier: Apache-2.0
#include "replication/follower_end.h"

#include <gtest/gtest.h>

namespace henge::replication {
namespace {

using Use = FollowerEnd::Use;

FollowerEnd Following(int64_t offset, uint64_t epoch = 0) {
  FollowerEnd end({.epoch = epoch, .next_offset = offset + 1}, 0);
  EXPECT_TRUE(end.OnPartial({.history_id = "h", .epoch = epoch}, 0).ok());
  return end;
}

TEST(FollowerEnd, AppliesWhatFollowsWhatItHas) {
  FollowerEnd end = Following(50);
  EXPECT_EQ(*end.OnRecords(50, 10, 0, 0), Use::kApply);
  EXPECT_EQ(end.received(), 60);
  EXPECT_TRUE(absl::IsDataLoss(end.OnRecords(61, 10, 0, 0).status()));
  EXPECT_TRUE(absl::IsDataLoss(end.OnRecords(50, 10, 0, 0).status()));
  EXPECT_TRUE(absl::IsDataLoss(end.OnPartial({}, 0))) << "that is said once";
}

TEST(FollowerEnd, WaitsForWhoSaysThatItIsAlive) {
  FollowerEnd end({.epoch = 2}, 0);
  ASSERT_TRUE(end.OnAlive({.epoch = 2}, 900).ok());
  EXPECT_FALSE(end.IsSilent(1800, 1000));
  EXPECT_TRUE(end.IsSilent(1901, 1000));
  EXPECT_FALSE(end.OnAlive({.epoch = 1}, 950).ok()) << "of a leader that was replaced";
  ASSERT_TRUE(end.OnFull({.history_id = "h", .epoch = 2}, 1000).ok());
  EXPECT_TRUE(absl::IsDataLoss(end.OnAlive({.epoch = 2}, 1000))) << "there is more to say by now";
}

TEST(FollowerEnd, SpoolsUntilTheSnapshotIsLoadedAndTheSpoolEmpty) {
  FollowerEnd end({}, 0);
  ASSERT_TRUE(end.OnFull({.history_id = "h", .offset = 100}, 0).ok());
  EXPECT_EQ(*end.OnRecords(100, 10, 0, 0), Use::kSpool);
  EXPECT_EQ(end.Acknowledge(70, -1, 0), std::nullopt) << "what is there is not the leader's";
  ASSERT_TRUE(end.OnSnapshot().ok());
  ASSERT_TRUE(end.OnLoaded().ok());
  const auto first = end.NextSpooled(6);
  EXPECT_EQ(first->begin, 0u);
  EXPECT_EQ(first->size, 6u);
  EXPECT_EQ(*end.OnRecords(110, 1, 0, 0), Use::kSpool);
  EXPECT_EQ(end.NextSpooled(100)->size, 5u);
  EXPECT_FALSE(end.up());
  EXPECT_EQ(end.NextSpooled(100)->size, 0u);
  EXPECT_TRUE(end.up());
  EXPECT_EQ(*end.OnRecords(111, 1, 0, 0), Use::kApply);
}

TEST(FollowerEnd, GoesOnFromNowhereOnlyWithASnapshot) {
  FollowerEnd end({.next_offset = -1}, 0);
  EXPECT_TRUE(absl::IsDataLoss(end.OnPartial({.history_id = "h"}, 0)));
}

TEST(FollowerEnd, BelievesNoLowerEpochAndAdoptsAHigherOne) {
  FollowerEnd asks({.epoch = 3, .next_offset = 1}, 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(asks.OnPartial({.history_id = "h", .epoch = 2}, 0)));
  FollowerEnd end = Following(0, 3);
  EXPECT_TRUE(end.OnRecords(0, 1, 5, 0).ok());
  EXPECT_EQ(end.epoch(), 5u);
  EXPECT_EQ(end.newest_epoch(), 5u);
  EXPECT_TRUE(absl::IsDataLoss(end.OnRecords(1, 1, 4, 0).status()));
  FollowerEnd told = Following(0, 3);
  told.Learn(4);
  EXPECT_TRUE(absl::IsFailedPrecondition(told.OnRecords(0, 1, 3, 0).status()));
}

TEST(FollowerEnd, LoadsAndDrainsNothingOfALeaderThatWasReplaced) {
  FollowerEnd end({.epoch = 1}, 0);
  ASSERT_TRUE(end.OnFull({.history_id = "h", .offset = 9, .epoch = 1}, 0).ok());
  ASSERT_TRUE(end.OnSnapshot().ok());
  end.Learn(2);
  EXPECT_TRUE(absl::IsFailedPrecondition(end.OnSnapshot()));
  EXPECT_TRUE(absl::IsFailedPrecondition(end.OnLoaded()));
  EXPECT_TRUE(absl::IsFailedPrecondition(end.NextSpooled(1).status()));
}

TEST(FollowerEnd, AcknowledgesNewsAtOnceAndOtherwiseNowAndThen) {
  FollowerEnd end = Following(50);
  EXPECT_EQ(end.Acknowledge(50, -1, 5000)->applied, 50);
  EXPECT_EQ(end.Acknowledge(50, -1, 5001), std::nullopt);
  EXPECT_EQ(end.UntilAcknowledgement(5001), FollowerEnd::kAcknowledgeMs - 1);
  EXPECT_TRUE(end.Acknowledge(50, -1, 6000)) << "a sign of life";
  ASSERT_TRUE(end.OnRecords(50, 10, 0, 6000).ok());
  EXPECT_EQ(end.Acknowledge(70, 55, 6001)->applied, 60) << "what is beyond is not the leader's";
  EXPECT_EQ(end.UntilAcknowledgement(6001), FollowerEnd::kDurableMs) << "the disk lags";
  EXPECT_EQ(end.Acknowledge(60, 60, 6002)->durable, 60);
  EXPECT_FALSE(end.IsSilent(16'000, 10'000));
  EXPECT_TRUE(end.IsSilent(16'001, 10'000));
}

}  // namespace
}  // namespace henge::replication
