// SPDX-License-Identifier: Apache-2.0
#include "commands/geo/area.h"

#include <algorithm>
#include <cmath>

#include "commands/geo/distance.h"

namespace henge::commands::geo {
namespace {

constexpr double kMercatorEnd = 20037726.37;  // Metres from the origin to the map's edge.

// Steps down to a cell that is about as large as the radius. Towards the poles cells are narrower.
int StepsFor(double radius, double latitude) {
  if (radius == 0) return kMaxSteps;
  int steps = -1;
  for (; radius < kMercatorEnd; radius *= 2) ++steps;
  if (std::fabs(latitude) > 66) --steps;
  if (std::fabs(latitude) > 80) --steps;
  return std::clamp(steps, 1, kMaxSteps);
}

// A cell and the eight around it, by how far east and north they are.
class Neighbourhood {
 public:
  explicit Neighbourhood(const Cell& centre) : centre_(centre) {}

  Cell At(int east, int north) const { return Neighbour(centre_, east, north); }
  // Whether the four sides reach as far as the bounds do.
  bool Covers(const Bounds& bounds) const {
    // A bound that is not a number asks for nothing.
    return !(BoundsOf(At(0, 1)).latitude.max < bounds.latitude.max) &&
           !(BoundsOf(At(0, -1)).latitude.min > bounds.latitude.min) &&
           !(BoundsOf(At(1, 0)).longitude.max < bounds.longitude.max) &&
           !(BoundsOf(At(-1, 0)).longitude.min > bounds.longitude.min);
  }

 private:
  Cell centre_;
};

// Where cells are looked for, in this order.
struct Direction {
  int east;
  int north;
};
constexpr Direction kDirections[] = {{0, 0}, {0, 1},  {0, -1}, {1, 0},  {-1, 0},
                                     {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};

// Whether the centre's cell alone goes beyond the bounds on the side to which the direction leads.
bool IsBeyond(const Direction& direction, const Bounds& cell, const Bounds& bounds) {
  return (direction.north < 0 && cell.latitude.min < bounds.latitude.min) ||
         (direction.north > 0 && cell.latitude.max > bounds.latitude.max) ||
         (direction.east < 0 && cell.longitude.min < bounds.longitude.min) ||
         (direction.east > 0 && cell.longitude.max > bounds.longitude.max);
}

}  // namespace

// A box on the map around the area. Parallels are shorter towards the poles, so its width is that
// of the side that is nearer to one.
Bounds Area::Around() const {
  const bool circle = shape == Shape::kCircle;
  const double up = unit * (circle ? radius : height / 2);
  const double across = unit * (circle ? radius : width / 2);
  const double latitudes = Degrees(up / kEarthRadius);
  const double nearer = centre.latitude + (centre.latitude < 0 ? -latitudes : latitudes);
  const double longitudes = Degrees(across / kEarthRadius / std::cos(Radians(nearer)));
  return {{centre.longitude - longitudes, centre.longitude + longitudes},
          {centre.latitude - latitudes, centre.latitude + latitudes}};
}

std::vector<Cell> Area::Cells() const {
  const double reach = (shape == Shape::kCircle
                            ? radius
                            : std::sqrt((width / 2) * (width / 2) + (height / 2) * (height / 2))) *
                       unit;
  const Bounds around = Around();
  int steps = StepsFor(reach, centre.latitude);
  Cell middle = CellOf(centre, steps);
  if (steps > 1 && !Neighbourhood(middle).Covers(around)) middle = CellOf(centre, --steps);
  const Bounds bounds = BoundsOf(middle);
  std::vector<Cell> cells;
  for (const Direction& direction : kDirections) {
    if (steps >= 2 && IsBeyond(direction, bounds, around)) continue;
    const Cell cell = Neighbour(middle, direction.east, direction.north);
    // In a world of four cells, opposite neighbours are the same.
    if (std::ranges::find(cells, cell) == cells.end()) cells.push_back(cell);
  }
  return cells;
}

std::optional<double> Area::DistanceInside(const Point& point) const {
  if (shape == Shape::kCircle) {
    // Spares most sines of points that are far; the margin is far above what rounding does.
    constexpr double kMargin = 1 + 1e-6;
    if (LatitudeDistance(centre.latitude, point.latitude) > radius * unit * kMargin) {
      return std::nullopt;
    }
    const double distance = Distance(centre, point);
    if (distance > radius * unit) return std::nullopt;
    return distance;
  }
  if (LatitudeDistance(point.latitude, centre.latitude) > height * unit / 2) return std::nullopt;
  const Point across = {centre.longitude, point.latitude};
  if (Distance(point, across) > width * unit / 2) return std::nullopt;
  return Distance(centre, point);
}

}  // namespace henge::commands::geo
