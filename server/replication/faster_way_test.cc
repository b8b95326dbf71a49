// SPDX-License-Identifier: Apache-2.0
#include "server/replication/faster_way.h"

#include <gtest/gtest.h>

namespace henge::server {
namespace {

// How many of so many rounds go by the second way, if a unit takes that long by each.
int SecondOf(FasterWay& way, int rounds, int64_t first, int64_t second) {
  int chosen = 0;
  for (int i = 0; i < rounds; ++i) {
    const bool beside = way.Choose() == FasterWay::kSecond;
    chosen += beside ? 1 : 0;
    way.Took((beside ? second : first) * 100, 100);
  }
  return chosen;
}

TEST(FasterWay, KeepsToTheFasterAndLooksAtTheOtherNowAndThen) {
  FasterWay way;
  const int looks = SecondOf(way, 320, 1, 2);
  EXPECT_GE(looks, 1);
  EXPECT_LE(looks, 320 / FasterWay::kLookEvery + 1);
}

TEST(FasterWay, ChangesWhenTheOtherHasBecomeFaster) {
  FasterWay way;
  SecondOf(way, 100, 1, 2);
  EXPECT_GE(SecondOf(way, 320, 9, 3), 200);
  EXPECT_LE(SecondOf(way, 320, 1, 3), 120);
}

}  // namespace
}  // namespace henge::server
