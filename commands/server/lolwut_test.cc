// SPDX-License-Identifier: Apache-2.0
#include "commands/server/lolwut.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace henge::commands {
namespace {

constexpr size_t kCellBytes = 3;  // A braille character in UTF-8.

TEST(Lolwut, DrawsAsManyCellsAsAsked) {
  Random random(7);
  const std::string text = DrawHenge(40, 12, 9, random);
  EXPECT_EQ(text.size(), 12 * (40 * kCellBytes + 1));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 12);
}

TEST(Lolwut, DrawsOnTheSmallestAndTheLargestCanvas) {
  Random random(7);
  EXPECT_EQ(DrawHenge(1, 1, 1, random).size(), kCellBytes + 1);
  EXPECT_EQ(DrawHenge(1000, 200, 200, random).size(), 200 * (1000 * kCellBytes + 1));
  EXPECT_FALSE(DrawHenge(1, 200, 200, random).empty());
  EXPECT_FALSE(DrawHenge(1000, 1, 2, random).empty());
}

TEST(Lolwut, DrawsTheSameFromTheSameSeed) {
  Random a(1), b(1), c(2);
  const std::string first = DrawHenge(30, 10, 7, a);
  EXPECT_EQ(first, DrawHenge(30, 10, 7, b));
  EXPECT_NE(first, DrawHenge(30, 10, 7, c));
}

}  // namespace
}  // namespace henge::commands
