// SPDX-License-Identifier: Apache-2.0
#include "persistence/save_points.h"

#include <gtest/gtest.h>

namespace henge::persistence {
namespace {

std::optional<SavePoints> Parse(std::vector<std::string> words) { return ParseSavePoints(words); }

TEST(SavePoints, ArePairsOfNumbers) {
  EXPECT_EQ(Parse({"3600", "1", "300", "100"}), (SavePoints{{3600, 1}, {300, 100}}));
  EXPECT_EQ(Parse({""}), SavePoints{});
  EXPECT_EQ(ToString({{3600, 1}, {300, 100}}), "3600 1 300 100");
  EXPECT_EQ(ToString({}), "");
}

TEST(SavePoints, AreRefusedUnlessEveryNumberIsInRange) {
  EXPECT_FALSE(Parse({"3600"}));
  EXPECT_FALSE(Parse({"0", "1"}));
  EXPECT_FALSE(Parse({"1", "-1"}));
  EXPECT_FALSE(Parse({"1", "x"}));
  EXPECT_FALSE(Parse({"2147483648", "1"}));
}

TEST(SavePoints, AnyOneOfThemMakesASaveDue) {
  const SavePoints points = {{3600, 1}, {60, 10'000}};
  EXPECT_FALSE(IsSaveDue(points, 60, 10'000));
  EXPECT_TRUE(IsSaveDue(points, 61, 10'000));
  EXPECT_FALSE(IsSaveDue(points, 61, 9'999));
  EXPECT_TRUE(IsSaveDue(points, 3601, 1));
  EXPECT_FALSE(IsSaveDue(points, 3601, 0));
  EXPECT_FALSE(IsSaveDue({}, 100'000, 100'000));
}

}  // namespace
}  // namespace henge::persistence
