// SPDX-License-Identifier: Apache-2.0
#include "replication/leader_end.h"

#include <gtest/gtest.h>

namespace henge::replication {
namespace {

struct Had {
  History history;
  Holding At(int64_t begin, int64_t end, Epochs epochs = {}) const {
    return {.history = history, .begin = begin, .end = end, .epochs = epochs};
  }
};

LeaderEnd Greeted(const Had& had, int64_t next_offset) {
  LeaderEnd end;
  const auto resync =
      end.OnHello({.history_id = had.history.id(), .next_offset = next_offset}, had.At(10, 100), 0);
  EXPECT_TRUE(resync.ok());
  return end;
}

TEST(LeaderEnd, GoesOnWhereAllIsKept) {
  const Had had;
  EXPECT_EQ(ChooseResync(had.At(10, 100), had.history.id(), 101), Resync::kPartial);
  EXPECT_EQ(ChooseResync(had.At(10, 100), had.history.id(), 11), Resync::kPartial);
  EXPECT_EQ(ChooseResync(had.At(10, 100), had.history.id(), 10), Resync::kFull);
  EXPECT_EQ(ChooseResync(had.At(10, 100), had.history.id(), 102), Resync::kFull);
  EXPECT_EQ(ChooseResync(had.At(10, 100), "", 0), Resync::kFull);
  Holding holding = had.At(0, 100);
  holding.keeps = false;
  EXPECT_EQ(ChooseResync(holding, had.history.id(), 101), Resync::kFull);
}

TEST(LeaderEnd, RefusesWhoKnowsANewerEpochAndServesNobodyBehindOne) {
  const Had had;
  LeaderEnd end;
  EXPECT_TRUE(
      absl::IsFailedPrecondition(end.OnHello({.epoch = 4}, had.At(0, 0, {3, 3}), 0).status()));
  EXPECT_EQ(end.heard_epoch(), 4u);
  EXPECT_TRUE(absl::IsFailedPrecondition(
      LeaderEnd().OnHello({.epoch = 3}, had.At(0, 0, {3, 4}), 0).status()));
  EXPECT_TRUE(LeaderEnd().OnHello({.epoch = 3}, had.At(0, 0, {4, 4}), 0).ok());
  LeaderEnd streams = Greeted(had, 101);
  EXPECT_EQ(*streams.OnRecords(100, 5, {2, 2}), 2u);
  EXPECT_TRUE(absl::IsFailedPrecondition(streams.OnRecords(105, 5, {2, 3}).status()));
}

TEST(LeaderEnd, SendsWithoutGaps) {
  const Had had;
  LeaderEnd end = Greeted(had, 51);
  EXPECT_TRUE(end.OnRecords(50, 10, {}).ok());
  EXPECT_TRUE(absl::IsInternal(end.OnRecords(61, 10, {}).status()));
  EXPECT_EQ(end.next_offset(), 60);
}

TEST(LeaderEnd, SharesNoSnapshotOfAnotherName) {
  const Had had;
  LeaderEnd end;
  EXPECT_EQ(*end.OnHello({}, had.At(0, 100), 0), Resync::kFull);
  EXPECT_TRUE(absl::IsAborted(end.OnSnapshot("old", 80, 1, had.At(0, 100)).status()));
  const auto full = end.OnSnapshot(had.history.id(), 90, 7, had.At(0, 100, {2, 2}));
  ASSERT_TRUE(full.ok());
  EXPECT_EQ(full->offset, 90);
  EXPECT_EQ(full->epoch, 2u);
  EXPECT_TRUE(end.OnRecords(90, 10, {2, 2}).ok()) << "records need not wait for the snapshot";
}

StreamHello HelloOf(const History& history, int64_t end) {
  return {.history_id = history.id(), .next_offset = end + 1, .earlier = history.earlier()};
}

// One was promoted at 183, and hardly anybody heard of it; another, which had 182 of the same
// leader, was promoted in its place. What the first must keep in a file begins at 182.
TEST(LeaderEnd, FindsWhatIsCommonByEarlierNames) {
  History first;
  Had second;
  second.history = first;
  first.Branch(183);
  second.history.Branch(182);
  const Holding holding = second.At(0, 195);
  EXPECT_EQ(CommonBytes(holding, HelloOf(first, 190)), 182);
  first.Branch(190);
  EXPECT_EQ(CommonBytes(holding, HelloOf(first, 190)), 182);
  EXPECT_EQ(CommonBytes(holding, HelloOf(second.history, 190)), 190);
  EXPECT_EQ(CommonBytes(holding, HelloOf(second.history, 200)), 195);
  EXPECT_EQ(CommonBytes(holding, HelloOf(History(), 190)), -1);
  EXPECT_EQ(CommonBytes(holding, {}), -1);
  StreamHello hostile = HelloOf(second.history, 50);
  hostile.earlier = {{second.history.earlier()[0].id, 1000}, {second.history.id(), -5}};
  EXPECT_EQ(CommonBytes(holding, hostile), 50);
  LeaderEnd end;
  EXPECT_EQ(*end.OnHello(HelloOf(first, 190), holding, 0), Resync::kFull);
  EXPECT_EQ(end.OnSnapshot(second.history.id(), 195, 1, holding)->common, 182);
}

// Who has loaded what a leader has can find it by the leader's names, too, when it leads itself.
TEST(LeaderEnd, TellsWhatItsHistoryWasCalled) {
  History first;
  Had second;
  second.history = first;
  first.Branch(183);
  second.history.Branch(182);
  LeaderEnd end;
  ASSERT_EQ(*end.OnHello({.history_id = "?", .next_offset = 1}, second.At(0, 195), 0),
            Resync::kFull);
  Had third;
  third.history.Adopt(second.history.id());
  EXPECT_EQ(CommonBytes(third.At(0, 195), HelloOf(first, 190)), -1);
  third.history.Remember(end.OnSnapshot(second.history.id(), 195, 1, second.At(0, 195))->earlier);
  third.history.Branch(200);
  EXPECT_EQ(CommonBytes(third.At(0, 210), HelloOf(first, 190)), 182);
  EXPECT_EQ(end.Greeting(third.At(0, 210)).earlier, third.history.earlier());
}

TEST(LeaderEnd, HearsNoNonsense) {
  const Had had;
  LeaderEnd end = Greeted(had, 51);
  ASSERT_TRUE(end.OnRecords(50, 10, {}).ok());
  EXPECT_TRUE(end.OnAcknowledgement({60, 55, 52}, 1).ok());
  EXPECT_TRUE(absl::IsDataLoss(end.OnAcknowledgement({61, 61, -1}, 2)));
  EXPECT_TRUE(absl::IsDataLoss(end.OnAcknowledgement({60, 49, -1}, 2)));
  EXPECT_TRUE(absl::IsDataLoss(end.OnAcknowledgement({60, 55, 56}, 2)));
  EXPECT_TRUE(absl::IsDataLoss(LeaderEnd().OnAcknowledgement({0, 0, -1}, 2)));
  EXPECT_EQ(end.acknowledged(), 55);
  EXPECT_EQ(end.durable(), 52);
  EXPECT_FALSE(end.IsSilent(1001, 1000));
  EXPECT_TRUE(end.IsSilent(1002, 1000));
}

}  // namespace
}  // namespace henge::replication
