// SPDX-License-Identifier: Apache-2.0
// The area of a search: a circle or a box around a point. Which cells to look through, and whether
// a point lies inside. Pure; any thread.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "commands/geo/geohash.h"

namespace henge::commands::geo {

struct Area {
  enum class Shape : uint8_t { kCircle, kBox };
  Shape shape = Shape::kCircle;
  Point centre;
  double unit = 1;    // In metres; what follows is in units.
  double radius = 0;  // Of a circle.
  double width = 0;   // Of a box.
  double height = 0;

  // The distance from the centre in metres, if the point lies inside.
  std::optional<double> DistanceInside(const Point& point) const;

  // Up to nine cells, the centre's and those around it that matter, each once: every point inside
  // is in one of them.
  std::vector<Cell> Cells() const;

 private:
  Bounds Around() const;
};

}  // namespace henge::commands::geo
