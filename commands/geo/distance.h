// SPDX-License-Identifier: Apache-2.0
// Distances on a sphere as large as the earth, by the haversine formula, in metres. Pure functions;
// any thread.
#pragma once

#include <cmath>
#include <numbers>

#include "commands/geo/geohash.h"

namespace henge::commands::geo {

inline constexpr double kEarthRadius = 6372797.560856;  // The quadratic mean of WGS 84.

inline double Radians(double degrees) { return degrees * (std::numbers::pi / 180.0); }
inline double Degrees(double radians) { return radians / (std::numbers::pi / 180.0); }

double Distance(const Point& a, const Point& b);
// Of two points on one meridian; of any two, no more than their distance.
inline double LatitudeDistance(double a, double b) {
  return kEarthRadius * std::fabs(Radians(b) - Radians(a));
}

}  // namespace henge::commands::geo
