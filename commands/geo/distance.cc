// SPDX-License-Identifier: Apache-2.0
#include "commands/geo/distance.h"

namespace henge::commands::geo {

double Distance(const Point& a, const Point& b) {
  const double v = std::sin((Radians(b.longitude) - Radians(a.longitude)) / 2);
  if (v == 0) return LatitudeDistance(a.latitude, b.latitude);
  const double latitude_a = Radians(a.latitude);
  const double latitude_b = Radians(b.latitude);
  const double u = std::sin((latitude_b - latitude_a) / 2);
  const double square = u * u + std::cos(latitude_a) * std::cos(latitude_b) * v * v;
  return 2.0 * kEarthRadius * std::asin(std::sqrt(square));
}

}  // namespace henge::commands::geo
