// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/random.h"
#include "commands/geo/area.h"
#include "commands/geo/distance.h"
#include "commands/geo/geohash.h"

namespace henge::commands::geo {
namespace {

// From the documentation of Redis.
constexpr Point kPalermo = {13.361389, 38.115556};
constexpr Point kCatania = {15.087269, 37.502669};

Point RandomPoint(Random& random) {
  return {(random.Unit() * 2 - 1) * kMaxLongitude, (random.Unit() * 2 - 1) * kMaxLatitude};
}
Point Near(Random& random, const Point& point, double degrees) {
  const auto shift = [&] { return (random.Unit() * 2 - 1) * degrees; };
  return {std::clamp(point.longitude + shift(), -kMaxLongitude, kMaxLongitude),
          std::clamp(point.latitude + shift(), -kMaxLatitude, kMaxLatitude)};
}

bool Has(const ScoreSpan& span, double score) { return span.first <= score && score < span.last; }

TEST(Geohash, GivesRedissScoresAndLetters) {
  EXPECT_EQ(ScoreOf(kPalermo), 3479099956230698.0);
  EXPECT_EQ(ScoreOf(kCatania), 3479447370796909.0);
  EXPECT_EQ(TextOf(PointOf(ScoreOf(kPalermo))), "sqc8b49rny0");
  EXPECT_EQ(TextOf(PointOf(ScoreOf(kCatania))), "sqdtr74hyu0");
  EXPECT_EQ(PointOf(ScoreOf(kPalermo)).longitude, 13.36138933897018433);
  EXPECT_EQ(PointOf(ScoreOf(kPalermo)).latitude, 38.11555639549629859);
}

TEST(Geohash, TheMapEndsWhereItDoes) {
  EXPECT_TRUE(IsOnMap({180, 85.05112878}));
  EXPECT_TRUE(IsOnMap({-180, -85.05112878}));
  EXPECT_FALSE(IsOnMap({180.0001, 0}));
  EXPECT_FALSE(IsOnMap({0, 85.0512}));
  const Point corner = PointOf(ScoreOf({180, 85.05112878}));
  EXPECT_TRUE(IsOnMap(corner));
}

TEST(Geohash, APointIsInItsCellAtEveryStep) {
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    const Point point = RandomPoint(random);
    const int steps = 1 + static_cast<int>(random.Below(kMaxSteps));
    const Cell cell = CellOf(point, steps);
    const Bounds bounds = BoundsOf(cell);
    EXPECT_LE(bounds.longitude.min, point.longitude);
    EXPECT_GE(bounds.longitude.max, point.longitude);
    EXPECT_LE(bounds.latitude.min, point.latitude);
    EXPECT_GE(bounds.latitude.max, point.latitude);
    EXPECT_TRUE(Has(ScoresOf(cell), ScoreOf(point)));
    EXPECT_NEAR(bounds.longitude.max - bounds.longitude.min, 360 / std::pow(2.0, steps), 1e-9);
  }
}

TEST(Geohash, TheMiddleOfAPlaceIsItsOwnPlace) {
  Random random(2);
  for (int i = 0; i < 20'000; ++i) {
    const double score = ScoreOf(RandomPoint(random));
    EXPECT_EQ(ScoreOf(PointOf(score)), score);
  }
}

TEST(Geohash, NeighboursTouchAndLeadBack) {
  Random random(3);
  for (int i = 0; i < 5'000; ++i) {
    const Cell cell = CellOf(RandomPoint(random), 2 + static_cast<int>(random.Below(25)));
    for (const int east : {-1, 0, 1}) {
      for (const int north : {-1, 0, 1}) {
        const Cell there = Neighbour(cell, east, north);
        EXPECT_EQ(Neighbour(there, -east, -north), cell);
        const Bounds from = BoundsOf(cell);
        const Bounds to = BoundsOf(there);
        if (east > 0 && from.longitude.max < kMaxLongitude) {
          EXPECT_EQ(to.longitude.min, from.longitude.max);
        }
        if (north < 0 && from.latitude.min > -kMaxLatitude) {
          EXPECT_EQ(to.latitude.max, from.latitude.min);
        }
      }
    }
  }
}

TEST(Geohash, GoesAroundTheWorld) {
  const Cell east_end = CellOf({179.9, 10}, 5);
  const Cell west_end = CellOf({-179.9, 10}, 5);
  EXPECT_EQ(Neighbour(east_end, 1, 0), west_end);
  EXPECT_EQ(Neighbour(west_end, -1, 0), east_end);
}

TEST(Geohash, AnyScoreIsSomePlace) {
  for (const double score :
       {-1.0, -1e300, 1e19, 1e300, 0.5, 9007199254740993.0, std::numeric_limits<double>::infinity(),
        -std::numeric_limits<double>::infinity()}) {
    EXPECT_TRUE(IsOnMap(PointOf(score))) << score;
  }
}

TEST(Distance, IsRediss) {
  const double distance = Distance(PointOf(ScoreOf(kPalermo)), PointOf(ScoreOf(kCatania)));
  EXPECT_NEAR(distance, 166274.1516, 0.00005);
  EXPECT_EQ(Distance(kPalermo, kPalermo), 0);
  EXPECT_NEAR(Distance({0, 0}, {180, 0}), kEarthRadius * std::numbers::pi, 1e-6);
}

TEST(Distance, ObeysTheTriangleAndIsNoLessThanTheLatitudes) {
  Random random(4);
  for (int i = 0; i < 20'000; ++i) {
    const Point a = RandomPoint(random);
    const Point b = RandomPoint(random);
    const Point c = RandomPoint(random);
    EXPECT_LE(Distance(a, c), Distance(a, b) + Distance(b, c) + 1e-6);
    EXPECT_NEAR(Distance(a, b), Distance(b, a), 1e-6);
    EXPECT_GE(Distance(a, b) + 1e-6, LatitudeDistance(a.latitude, b.latitude));
  }
}

Area RandomArea(Random& random) {
  Area area;
  area.centre = RandomPoint(random);
  area.unit = random.Below(2) == 0 ? 1 : 1000;
  const double size = std::pow(10, random.Unit() * 6) / area.unit;
  area.shape = random.Below(2) == 0 ? Area::Shape::kCircle : Area::Shape::kBox;
  area.radius = size;
  area.width = size * random.Unit() * 2;
  area.height = size * random.Unit() * 2;
  return area;
}

// Redis looks in the cells around the centre's, and so misses what lies across a pole or beyond a
// box that is bent; away from there nothing is missed.
TEST(Area, ItsCellsHaveAllThatIsInside) {
  Random random(5);
  int inside = 0;
  for (int round = 0; round < 3'000; ++round) {
    Area area = RandomArea(random);
    area.centre.latitude *= 0.7;
    area.centre.longitude *= 0.7;
    const auto cells = area.Cells();
    for (int i = 0; i < 50; ++i) {
      const double reach = Degrees(area.radius * area.unit / kEarthRadius);
      const Point point = PointOf(ScoreOf(Near(random, area.centre, reach)));
      if (!area.DistanceInside(point)) continue;
      ++inside;
      const double score = ScoreOf(point);
      EXPECT_TRUE(
          std::ranges::any_of(cells, [&](const Cell& cell) { return Has(ScoresOf(cell), score); }));
    }
  }
  EXPECT_GT(inside, 10'000);
}

TEST(Area, NoCellComesTwice) {
  Random random(6);
  for (int round = 0; round < 5'000; ++round) {
    Area area = RandomArea(random);
    if (round % 10 == 0) area.radius = area.width = 4e7 / area.unit;
    std::set<std::pair<double, double>> spans;
    for (const Cell& cell : area.Cells()) {
      const ScoreSpan span = ScoresOf(cell);
      EXPECT_TRUE(spans.insert({span.first, span.last}).second);
    }
    EXPECT_GE(spans.size(), 1u);
    EXPECT_LE(spans.size(), 9u);
  }
}

TEST(Area, ACircleAndABoxHaveEdges) {
  Area circle{.centre = kPalermo, .unit = 1000, .radius = 166.28};
  EXPECT_NEAR(*circle.DistanceInside(kCatania), 166274.15, 1);
  circle.radius = 166.2;
  EXPECT_FALSE(circle.DistanceInside(kCatania));
  Area box{
      .shape = Area::Shape::kBox, .centre = kPalermo, .unit = 1000, .width = 310, .height = 140};
  EXPECT_TRUE(box.DistanceInside(kCatania));
  box.height = 130;
  EXPECT_FALSE(box.DistanceInside(kCatania));
  box.height = 140;
  box.width = 290;
  EXPECT_FALSE(box.DistanceInside(kCatania));
}

TEST(Area, SizesWithoutMeasureStillGiveCells) {
  for (const double radius : {0.0, 1e-300, 1e300, std::numeric_limits<double>::infinity()}) {
    const Area area{.centre = kPalermo, .radius = radius};
    EXPECT_FALSE(area.Cells().empty());
  }
}

}  // namespace
}  // namespace henge::commands::geo
