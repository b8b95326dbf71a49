// SPDX-License-Identifier: Apache-2.0
// What a geo search is asked for, in both notations: GEORADIUS and its kin, GEOSEARCH and
// GEOSEARCHSTORE.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "commands/context.h"
#include "commands/geo/area.h"
#include "store/sorted_set/sorted_set.h"

namespace henge::commands {

struct GeoQuery {
  enum class Order : uint8_t { kAny, kNearestFirst, kFarthestFirst };
  geo::Area area;
  Order order = Order::kAny;
  int64_t count = 0;  // 0: all.
  bool any = false;   // The first `count` that are found.
  bool with_distance = false;
  bool with_hash = false;
  bool with_point = false;
  std::optional<store::Key> store_in;
  bool store_distances = false;
};

enum class GeoNotation : uint8_t { kRadius, kRadiusByMember, kSearch, kSearchStore };

// Reads what stands behind the source key, as Redis does: in order, members looked up on the way,
// so that the first error is the same. `source` is null when the key is absent; then the area is
// of no use. `may_store`: not a _RO command. Errors are latched.
GeoQuery ReadGeoQuery(CommandContext& ctx, ArgReader& args, GeoNotation notation, bool may_store,
                      const store::Entry* source);

}  // namespace henge::commands
