// SPDX-License-Identifier: Apache-2.0
#include "commands/geo/geo_args.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "base/numbers.h"
#include "base/strings.h"

namespace henge::commands {

geo::Point ReadPoint(ArgReader& args) {
  geo::Point point;
  point.longitude = args.Double();
  point.latitude = args.Double();
  if (args.ok() && !geo::IsOnMap(point)) {
    args.Fail(fmt::format("ERR invalid longitude,latitude pair {:f},{:f}", point.longitude,
                          point.latitude));
  }
  return point;
}

double ReadUnit(ArgReader& args) {
  const std::string_view unit = args.Next();
  if (EqualsIgnoreCase(unit, "m")) return 1;
  if (EqualsIgnoreCase(unit, "km")) return 1000;
  if (EqualsIgnoreCase(unit, "ft")) return 0.3048;
  if (EqualsIgnoreCase(unit, "mi")) return 1609.34;
  args.Fail("ERR unsupported unit provided. please use M, KM, FT, MI");
  return 1;
}

double ReadDoubleOr(ArgReader& args, std::string_view error) {
  const auto value = ParseDouble(args.Next());
  if (!value) args.Fail(error);
  return value.value_or(0);
}

void ReplyPoint(proto::ReplyWriter& reply, const geo::Point& point) {
  reply.Array(2);
  reply.DoubleText(FormatLongDouble(point.longitude));
  reply.DoubleText(FormatLongDouble(point.latitude));
}

void ReplyDistance(proto::ReplyWriter& reply, double distance) {
  constexpr double kScale = 10'000;
  // What no sphere has is told as the lowest number, as by Redis.
  const double scaled = distance * kScale;
  const bool fits = std::fabs(scaled) < 0x1p63;
  const int64_t value = fits ? std::llrint(scaled) : std::numeric_limits<int64_t>::min();
  const uint64_t size =
      value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  reply.Bulk(fmt::format("{}{}.{:04}", value < 0 ? "-" : "", size / 10'000, size % 10'000));
}

}  // namespace henge::commands
