// SPDX-License-Identifier: Apache-2.0
// GEOSEARCH, GEOSEARCHSTORE, and GEORADIUS and its kin, which they took over.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "commands/context.h"
#include "commands/geo/geo_args.h"
#include "commands/geo/handlers.h"
#include "commands/geo/search_args.h"
#include "commands/sorted_sets/sorted_set_events.h"
#include "store/sorted_set/sorted_set.h"
#include "store/sorted_set/sorted_set_builder.h"

namespace henge::commands {
namespace {

using store::RankRange;
using store::SortedSet;

// What a search has found. The members' bytes stand in one string.
class Findings {
 public:
  struct Item {
    geo::Point point;
    double distance;  // In metres.
    double score;
    size_t name_at;
    size_t name_size;
  };

  size_t size() const { return items_.size(); }
  std::string_view NameOf(const Item& item) const {
    return std::string_view(names_).substr(item.name_at, item.name_size);
  }
  void Add(std::string_view member, double score, const geo::Point& point, double distance) {
    items_.push_back({point, distance, score, names_.size(), member.size()});
    names_ += member;
  }
  // Leaves at most `count` (0: all), the first in that order; equal distances stay as found.
  void Select(GeoQuery::Order order, size_t count) {
    const size_t kept = count == 0 ? size() : std::min(size(), count);
    if (order != GeoQuery::Order::kAny) {
      const bool farthest = order == GeoQuery::Order::kFarthestFirst;
      const auto before = [=](const Item& a, const Item& b) {
        const double da = Sortable(a.distance);
        const double db = Sortable(b.distance);
        if (da != db) return farthest ? da > db : da < db;
        return a.name_at != b.name_at ? a.name_at < b.name_at : a.name_size < b.name_size;
      };
      std::partial_sort(items_.begin(), items_.begin() + static_cast<ptrdiff_t>(kept), items_.end(),
                        before);
    }
    items_.resize(kept);
  }
  const std::vector<Item>& items() const { return items_; }

 private:
  // The distance of antipodes may be no number, by rounding.
  static double Sortable(double distance) {
    return std::isnan(distance) ? std::numeric_limits<double>::infinity() : distance;
  }

  std::vector<Item> items_;
  std::string names_;
};

// Adds what lies in a cell; false once there are `limit`.
bool FindInCell(const SortedSet& set, const geo::Cell& cell, const geo::Area& area, size_t limit,
                Findings& findings) {
  constexpr size_t kStride = 64;  // Where a few are enough, not all of the cell is walked.
  const auto [first, last] = geo::ScoresOf(cell);
  RankRange left = set.RanksOf(store::ScoreRange{.min = first, .max = last, .max_open = true});
  while (!left.empty()) {
    const size_t step = limit == 0 ? left.size() : std::min(left.size(), kStride);
    set.Walk({left.first, left.first + step}, false, [&](std::string_view member, double score) {
      if (limit != 0 && findings.size() >= limit) return;
      const geo::Point point = geo::PointOf(score);
      const auto distance = area.DistanceInside(point);
      if (distance) findings.Add(member, score, point, *distance);
    });
    if (limit != 0 && findings.size() >= limit) return false;
    left.first += step;
  }
  return true;
}

Findings Find(const SortedSet& set, const GeoQuery& query) {
  Findings findings;
  const auto count = static_cast<size_t>(query.count);
  for (const geo::Cell& cell : query.area.Cells()) {
    if (!FindInCell(set, cell, query.area, query.any ? count : 0, findings)) break;
  }
  // The first so many in no order would be nobody's choice.
  const bool nearest = count != 0 && !query.any && query.order == GeoQuery::Order::kAny;
  findings.Select(nearest ? GeoQuery::Order::kNearestFirst : query.order, count);
  return findings;
}

void Reply(CommandContext& ctx, const GeoQuery& query, const Findings& findings) {
  const size_t extras =
      (query.with_distance ? 1u : 0u) + (query.with_hash ? 1u : 0u) + (query.with_point ? 1u : 0u);
  ctx.reply.Array(findings.size());
  for (const Findings::Item& item : findings.items()) {
    if (extras > 0) ctx.reply.Array(1 + extras);
    ctx.reply.Bulk(findings.NameOf(item));
    if (query.with_distance) ReplyDistance(ctx.reply, item.distance / query.area.unit);
    if (query.with_hash) ctx.reply.Integer(static_cast<int64_t>(item.score));
    if (query.with_point) ReplyPoint(ctx.reply, item.point);
  }
}

void Store(CommandContext& ctx, const GeoQuery& query, const Findings& findings,
           std::string_view event) {
  store::SortedSetBuilder builder;
  for (const Findings::Item& item : findings.items()) {
    builder.Add(findings.NameOf(item),
                query.store_distances ? item.distance / query.area.unit : item.score);
  }
  const auto limits = store::SortedSetLimits::Of(ctx.keyspace.store().settings());
  ctx.keyspace.SetCollection(*query.store_in, builder.Build(query.store_in->bytes, limits),
                             SortedSetEvent(event));
  ctx.reply.Integer(static_cast<int64_t>(findings.size()));
}

void Search(CommandContext& ctx, ArgReader& args, GeoNotation notation, bool may_store) {
  const bool search_store = notation == GeoNotation::kSearchStore;
  std::optional<store::Key> target;
  if (search_store) target = args.Key();
  const auto found = ctx.keyspace.ReadAs(args.Key(), store::Type::kSortedSet);
  if (found.other_type) return ctx.reply.Error(errors::kWrongType);
  GeoQuery query = ReadGeoQuery(ctx, args, notation, may_store, found ? found.entry : nullptr);
  if (!args.Done()) return ctx.reply.Error(args.error());
  if (search_store) query.store_in = target;
  const Findings findings = found ? Find(SortedSet(*found.entry), query) : Findings();
  if (!query.store_in) return Reply(ctx, query, findings);
  Store(ctx, query, findings, search_store ? "geosearchstore" : "georadiusstore");
}

}  // namespace

void GeoRadius(CommandContext& ctx, ArgReader& args) {
  Search(ctx, args, GeoNotation::kRadius, true);
}
void GeoRadiusRo(CommandContext& ctx, ArgReader& args) {
  Search(ctx, args, GeoNotation::kRadius, false);
}
void GeoRadiusByMember(CommandContext& ctx, ArgReader& args) {
  Search(ctx, args, GeoNotation::kRadiusByMember, true);
}
void GeoRadiusByMemberRo(CommandContext& ctx, ArgReader& args) {
  Search(ctx, args, GeoNotation::kRadiusByMember, false);
}
void GeoSearch(CommandContext& ctx, ArgReader& args) {
  Search(ctx, args, GeoNotation::kSearch, false);
}
void GeoSearchStore(CommandContext& ctx, ArgReader& args) {
  Search(ctx, args, GeoNotation::kSearchStore, true);
}

}  // namespace henge::commands
