// SPDX-License-Identifier: Apache-2.0
#include "server/persistence/progress_log.h"

#include <gtest/gtest.h>

#include <vector>

namespace henge::server {
namespace {

// What is said of work that takes so long, looked at each 100 ms.
std::vector<int> Said(ProgressPace& pace, int64_t ms, UnixMillis from = 1'000'000) {
  std::vector<int> said;
  for (int64_t at = 0; at < ms; at += 100) {
    const auto percent = pace.Next(from + at, static_cast<uint64_t>(at), static_cast<uint64_t>(ms));
    if (percent) said.push_back(*percent);
  }
  return said;
}

TEST(ProgressPace, SaysEachTenthOfLongWork) {
  ProgressPace pace;
  EXPECT_EQ(Said(pace, 30'000), (std::vector<int>{10, 20, 30, 40, 50, 60, 70, 80, 90}));
}

TEST(ProgressPace, SaysSomethingAfterFiveSeconds) {
  ProgressPace pace;
  const std::vector<int> said = Said(pace, 600'000);
  EXPECT_GE(said.size(), 100u);
  EXPECT_LE(said.size(), 130u);
}

TEST(ProgressPace, DoesNotSayMoreThanOnceInASecond) {
  ProgressPace pace;
  EXPECT_EQ(Said(pace, 4'000), (std::vector<int>{25, 50, 75}));
}

TEST(ProgressPace, IsSilentOnShortWork) {
  ProgressPace pace;
  EXPECT_TRUE(Said(pace, 1'000).empty());
}

TEST(ProgressPace, BeginsAnewWithOtherWork) {
  ProgressPace pace;
  const std::vector<int> first = Said(pace, 30'000);
  pace.Reset();
  EXPECT_EQ(Said(pace, 30'000, 9'000'000), first);
}

TEST(ProgressPace, KnowsWorkOfNoSize) {
  ProgressPace pace;
  EXPECT_EQ(pace.Next(1000, 0, 0), std::nullopt);
  EXPECT_EQ(pace.Next(6000, 0, 0), 0);
}

}  // namespace
}  // namespace henge::server
