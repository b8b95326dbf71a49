// SPDX-License-Identifier: Apache-2.0
#include "commands/sorted_sets/range_args.h"

#include <gtest/gtest.h>

#include <cmath>

namespace henge::commands {
namespace {

using Kind = store::NameEnd::Kind;

TEST(ScoreRange, ReadsOpenAndClosedEnds) {
  const auto range = ParseScoreRange("(1.5", "+inf");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->min, 1.5);
  EXPECT_TRUE(range->min_open);
  EXPECT_TRUE(std::isinf(range->max));
  EXPECT_FALSE(range->max_open);
  EXPECT_TRUE(range->IsBelow(1.5));
  EXPECT_FALSE(range->IsBelow(1.6));
}

TEST(ScoreRange, TakesWhatCTakes) {
  EXPECT_EQ(ParseScoreRange("", "(")->min, 0);
  EXPECT_TRUE(std::isinf(ParseScoreRange("1", "1e400")->max));
  EXPECT_EQ(ParseScoreRange("1e-400", "1")->min, 0);
  EXPECT_EQ(ParseScoreRange("0x10", "1")->min, 16);
}

TEST(ScoreRange, RefusesWhatIsNoNumber) {
  for (const char* text : {"a", "((1", "1x", "nan", "[1", "1 "}) {
    EXPECT_FALSE(ParseScoreRange(text, "1")) << text;
    EXPECT_FALSE(ParseScoreRange("1", text)) << text;
  }
}

TEST(NameRange, ReadsItsFourKindsOfEnds) {
  EXPECT_EQ(ParseNameRange("-", "+")->min.kind, Kind::kLowest);
  EXPECT_EQ(ParseNameRange("-", "+")->max.kind, Kind::kHighest);
  const auto range = ParseNameRange("[a", "(b");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->min.member, "a");
  EXPECT_FALSE(range->min.open);
  EXPECT_TRUE(range->max.open);
  EXPECT_TRUE(range->IsAbove("b"));
  EXPECT_FALSE(range->IsAbove("aa"));
  for (const char* text : {"a", "", "-a", "++", "]a"}) EXPECT_FALSE(ParseNameRange(text, "+"));
}

TEST(RanksBetween, CountsFromBothEnds) {
  const auto ranks = [](int64_t start, int64_t stop) {
    const store::RankRange r = RanksBetween(start, stop, 10);
    return std::pair(r.first, r.last);
  };
  EXPECT_EQ(ranks(0, -1), std::pair(size_t{0}, size_t{10}));
  EXPECT_EQ(ranks(-3, 100), std::pair(size_t{7}, size_t{10}));
  EXPECT_EQ(ranks(-100, 2), std::pair(size_t{0}, size_t{3}));
  EXPECT_TRUE(RanksBetween(5, 4, 10).empty());
  EXPECT_TRUE(RanksBetween(10, 11, 10).empty());
  EXPECT_TRUE(RanksBetween(0, -11, 10).empty());
  EXPECT_TRUE(RanksBetween(0, -1, 0).empty());
  EXPECT_TRUE(RanksBetween(INT64_MIN, INT64_MIN, 10).empty());
  EXPECT_EQ(RanksBetween(INT64_MIN, INT64_MAX, 10).size(), 10u);
}

}  // namespace
}  // namespace henge::commands
