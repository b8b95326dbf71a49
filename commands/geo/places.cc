// SPDX-License-Identifier: Apache-2.0
// GEOADD, GEODIST, GEOHASH and GEOPOS.
#include <absl/container/inlined_vector.h>

#include <optional>
#include <string>
#include <vector>

#include "base/numbers.h"
#include "commands/context.h"
#include "commands/geo/distance.h"
#include "commands/geo/geo_args.h"
#include "commands/geo/handlers.h"
#include "commands/sorted_sets/sorted_set_events.h"
#include "store/sorted_set/sorted_set.h"

namespace henge::commands {
namespace {

using store::Keyspace;
using store::SortedSet;

struct AddOptions {
  bool only_new = false;
  bool only_present = false;
  bool count_changed = false;
};

struct Place {
  double score;
  std::string_view member;
};
using Places = absl::InlinedVector<Place, 8>;

AddOptions ReadOptions(ArgReader& args) {
  AddOptions options;
  while (true) {
    if (args.Accept("NX")) {
      options.only_new = true;
    } else if (args.Accept("XX")) {
      options.only_present = true;
    } else if (args.Accept("CH")) {
      options.count_changed = true;
    } else {
      break;
    }
  }
  if (args.empty() || args.left() % 3 != 0 || (options.only_new && options.only_present)) {
    args.FailSyntax();
  }
  return options;
}

// The places of a sorted set that may be absent.
class PlaceReader {
 public:
  // Replies an error where the key holds another type; then ok() is false.
  PlaceReader(CommandContext& ctx, const store::Key& key)
      : found_(ctx.keyspace.ReadAs(key, store::Type::kSortedSet)) {
    if (found_.other_type) ctx.reply.Error(errors::kWrongType);
  }
  bool ok() const { return !found_.other_type; }
  std::optional<geo::Point> PointOf(std::string_view member) const {
    if (!found_) return std::nullopt;
    const auto score = SortedSet(*found_.entry).Score(member);
    if (!score) return std::nullopt;
    return geo::PointOf(*score);
  }

 private:
  Keyspace::Typed found_;
};

// The journal has the scores, as Redis's: whoever reads it needs no geometry.
void TellAsZAdd(CommandContext& ctx, const store::Key& key, const AddOptions& options,
                const Places& places) {
  if (!ctx.effects.wanted()) return;
  std::vector<std::string> words = {"ZADD", std::string(key.bytes)};
  if (options.only_new) words.emplace_back("NX");
  if (options.only_present) words.emplace_back("XX");
  for (const Place& place : places) {
    words.push_back(std::to_string(static_cast<int64_t>(place.score)));
    words.emplace_back(place.member);
  }
  const std::vector<std::string_view> views(words.begin(), words.end());
  ctx.effects.Instead(views);
}

}  // namespace

void GeoAdd(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const AddOptions options = ReadOptions(args);
  Places places;
  while (args.ok() && !args.empty()) {
    const geo::Point point = ReadPoint(args);
    if (args.ok()) places.push_back({geo::ScoreOf(point), args.Next()});
  }
  if (!args.Done()) return ctx.reply.Error(args.error());
  const auto limits = store::SortedSetLimits::Of(ctx.keyspace.store().settings());
  int64_t added = 0;
  int64_t moved = 0;
  const auto change = [&](store::Entry& entry) {
    SortedSet set(entry);
    set.Expect(places.size(), places[0].member.size(), limits);
    for (const Place& place : places) {
      const auto outcome = set.Put(place.member, limits, [&](std::optional<double> present) {
        const bool refused = present ? options.only_new : options.only_present;
        return refused ? std::nullopt : std::optional(place.score);
      });
      added += outcome == SortedSet::Outcome::kAdded ? 1 : 0;
      moved += outcome == SortedSet::Outcome::kRescored ? 1 : 0;
    }
    return added + moved > 0;
  };
  const auto modified = ctx.keyspace.Modify(
      key, store::Type::kSortedSet,
      options.only_present ? Keyspace::IfAbsent::kLeave : Keyspace::IfAbsent::kCreate,
      SortedSetEvent("zadd"), change);
  if (modified == Keyspace::Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  TellAsZAdd(ctx, key, options, places);
  ctx.reply.Integer(options.count_changed ? added + moved : added);
}

void GeoDist(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view from = args.Next();
  const std::string_view to = args.Next();
  const double unit = args.left() == 1 ? ReadUnit(args) : 1;
  if (!args.Done()) return ctx.reply.Error(args.error());
  const PlaceReader places(ctx, key);
  if (!places.ok()) return;
  const auto a = places.PointOf(from);
  const auto b = places.PointOf(to);
  if (!a || !b) return ctx.reply.Null();
  ReplyDistance(ctx.reply, geo::Distance(*a, *b) / unit);
}

void GeoHash(CommandContext& ctx, ArgReader& args) {
  const PlaceReader places(ctx, args.Key());
  if (!places.ok()) return;
  ctx.reply.Array(args.left());
  while (!args.empty()) {
    const auto point = places.PointOf(args.Next());
    point ? ctx.reply.Bulk(geo::TextOf(*point)) : ctx.reply.Null();
  }
}

void GeoPos(CommandContext& ctx, ArgReader& args) {
  const PlaceReader places(ctx, args.Key());
  if (!places.ok()) return;
  ctx.reply.Array(args.left());
  while (!args.empty()) {
    const auto point = places.PointOf(args.Next());
    point ? ReplyPoint(ctx.reply, *point) : ctx.reply.NullArray();
  }
}

}  // namespace henge::commands
