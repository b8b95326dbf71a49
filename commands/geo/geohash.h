// SPDX-License-Identifier: Apache-2.0
// Geohashes: places as numbers, so that neighbours on the map are mostly neighbours in order.
//
// Longitude and latitude are each cut in half `steps` times; the halves chosen are bits, longitude
// and latitude taking turns, longitude's first. A sorted set keeps 26 steps, 52 bits, which a
// double holds exactly. A cell is all places that share the first bits:
//
//   step 1    01 | 11        longitude is the high bit of a pair, latitude the low one
//             00 | 10
//
// Doubles are computed in Redis's order, so that results are the same to the last bit. Pure
// functions; any thread.
#pragma once

#include <cstdint>
#include <string>

namespace henge::commands::geo {

inline constexpr int kMaxSteps = 26;

// Degrees. Web Mercator (EPSG:3857) ends before the poles, and so does what can be indexed.
inline constexpr double kMaxLongitude = 180;
inline constexpr double kMaxLatitude = 85.05112878;

struct Point {
  double longitude = 0;
  double latitude = 0;
};

// Whether it can be indexed.
bool IsOnMap(const Point& point);

struct Range {
  double min;
  double max;
};

struct Cell {
  uint64_t bits = 0;
  int steps = 0;
  bool operator==(const Cell&) const = default;
};

// The cell of `steps` that has the point. REQUIRES: 1 <= steps <= kMaxSteps, the point on the map.
Cell CellOf(const Point& point, int steps);

struct Bounds {
  Range longitude;
  Range latitude;
};
Bounds BoundsOf(const Cell& cell);

// The cell so many places to the east and to the north (each -1, 0 or 1), around the world if need
// be.
Cell Neighbour(const Cell& cell, int east, int north);

// What a sorted set keeps of a point, and the middle of the place that it stands for. Any score is
// some place.
double ScoreOf(const Point& point);
Point PointOf(double score);
// The scores of the places in a cell: first <= score < last.
struct ScoreSpan {
  double first;
  double last;
};
ScoreSpan ScoresOf(const Cell& cell);

// The eleven letters of geohash.org, which counts latitude from pole to pole. The last letter is
// always 0: 52 bits are ten letters and a bit.
std::string TextOf(const Point& point);

}  // namespace henge::commands::geo
