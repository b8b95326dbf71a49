// SPDX-License-Identifier: Apache-2.0
#include "replication/apply_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/random.h"

namespace henge::replication {
namespace {

using ::testing::ElementsAre;

std::vector<ApplyStep> Plan(const std::vector<Lane>& units, const ApplyLimits& limits) {
  std::vector<ApplyStep> steps = {{7, 7, true}};
  PlanSteps(units, limits, steps);
  return steps;
}

TEST(ApplyPlanTest, OneLaneDoesAllHere) {
  EXPECT_THAT(
      Plan(std::vector<Lane>(300, 0), {.lanes = 1, .most_here = 128}),
      ElementsAre(ApplyStep{0, 128, false}, ApplyStep{128, 128, false}, ApplyStep{256, 44, false}));
}

TEST(ApplyPlanTest, AUnitOfEveryLaneIsDoneHere) {
  const ApplyLimits limits{.lanes = 2, .least_beside = 2, .most_here = 10, .most_beside = 10};
  EXPECT_THAT(Plan({0, 1, 0, 1, kEveryLane, 0, 1, 0, 1}, limits),
              ElementsAre(ApplyStep{0, 4, true}, ApplyStep{4, 1, false}, ApplyStep{5, 4, true}));
}

TEST(ApplyPlanTest, FewAreDoneHereTogetherWithTheirNeighbours) {
  const ApplyLimits limits{.lanes = 2, .least_beside = 2, .most_here = 10, .most_beside = 10};
  EXPECT_THAT(Plan({kEveryLane, 0, 1, kEveryLane, 1}, limits), ElementsAre(ApplyStep{0, 5, false}));
}

TEST(ApplyPlanTest, AHotShardIsNotWorthWakingOthersFor) {
  const ApplyLimits limits{.lanes = 4, .least_beside = 2, .most_here = 10, .most_beside = 10};
  EXPECT_THAT(Plan({3, 3, 3, 3, 0, 3}, limits), ElementsAre(ApplyStep{0, 6, false}));
}

TEST(ApplyPlanTest, StepsGoThroughAllUnitsWithinTheLimits) {
  Random random(1);
  for (int round = 0; round < 2000; ++round) {
    const ApplyLimits limits{.lanes = 1 + random.Below(5),
                             .least_beside = 1 + random.Below(8),
                             .most_here = 1 + random.Below(9),
                             .most_beside = 8 + random.Below(20)};
    std::vector<Lane> units(random.Below(100));
    const size_t rarity = 1 + random.Below(30);
    for (Lane& lane : units) {
      lane = random.Below(rarity) == 0 ? kEveryLane : static_cast<Lane>(random.Below(limits.lanes));
    }
    size_t next = 0;
    for (const ApplyStep& step : Plan(units, limits)) {
      ASSERT_EQ(step.first, next);
      ASSERT_GT(step.count, 0u);
      next += step.count;
      ASSERT_LE(step.count, step.side_by_side ? limits.most_beside : limits.most_here);
      if (!step.side_by_side) continue;
      std::map<Lane, size_t> counts;
      size_t most = 0;
      for (size_t i = step.first; i < next; ++i) {
        ASSERT_NE(units[i], kEveryLane);
        most = std::max(most, ++counts[units[i]]);
      }
      ASSERT_GE(step.count - most, limits.least_beside);
    }
    ASSERT_EQ(next, units.size());
  }
}

}  // namespace
}  // namespace henge::replication
