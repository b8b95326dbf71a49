// SPDX-License-Identifier: Apache-2.0
#include "commands/geo/search_args.h"

#include <algorithm>

#include "base/strings.h"
#include "commands/geo/geo_args.h"
#include "commands/geo/handlers.h"

namespace henge::commands {
namespace {

using geo::Area;

class GeoQueryReader {
 public:
  GeoQueryReader(ArgReader& args, GeoNotation notation, bool may_store, const store::Entry* source)
      : args_(args), notation_(notation), may_store_(may_store), source_(source) {}

  GeoQuery Read(std::string_view command) {
    ReadFixedArea();
    while (args_.ok() && !args_.empty()) {
      if (!AcceptReplyOption() && !AcceptStore() && !AcceptArea()) args_.FailSyntax();
    }
    Check(command);
    return query_;
  }

 private:
  bool is_search() const {
    return notation_ == GeoNotation::kSearch || notation_ == GeoNotation::kSearchStore;
  }
  // Takes `word` if as many arguments follow it.
  bool AcceptWith(std::string_view word, size_t values) {
    return args_.left() > values && args_.Accept(word);
  }

  void ReadFixedArea() {
    if (is_search()) return;
    if (notation_ == GeoNotation::kRadius) {
      query_.area.centre = ReadPoint(args_);
    } else {
      ReadMember();
      if (source_ == nullptr) return args_.Skip(2);
    }
    ReadCircle();
  }

  void ReadMember() {
    const std::string_view member = args_.Next();
    if (source_ == nullptr) return;
    const auto score = store::SortedSet(*source_).Score(member);
    if (!score) return args_.Fail("ERR could not decode requested zset member");
    query_.area.centre = geo::PointOf(*score);
  }

  void ReadCircle() {
    query_.area.shape = Area::Shape::kCircle;
    query_.area.radius = ReadDoubleOr(args_, "ERR need numeric radius");
    if (query_.area.radius < 0) args_.Fail("ERR radius cannot be negative");
    query_.area.unit = ReadUnit(args_);
  }

  void ReadBox() {
    query_.area.shape = Area::Shape::kBox;
    query_.area.width = ReadDoubleOr(args_, "ERR need numeric width");
    query_.area.height = ReadDoubleOr(args_, "ERR need numeric height");
    if (query_.area.width < 0 || query_.area.height < 0) {
      args_.Fail("ERR height or width cannot be negative");
    }
    query_.area.unit = ReadUnit(args_);
  }

  bool AcceptReplyOption() {
    if (args_.Accept("WITHDIST")) {
      query_.with_distance = true;
    } else if (args_.Accept("WITHHASH")) {
      query_.with_hash = true;
    } else if (args_.Accept("WITHCOORD")) {
      query_.with_point = true;
    } else if (args_.Accept("ANY")) {
      query_.any = true;
    } else if (args_.Accept("ASC")) {
      query_.order = GeoQuery::Order::kNearestFirst;
    } else if (args_.Accept("DESC")) {
      query_.order = GeoQuery::Order::kFarthestFirst;
    } else if (AcceptWith("COUNT", 1)) {
      query_.count = args_.Integer();
      if (query_.count <= 0) args_.Fail("ERR COUNT must be > 0");
    } else {
      return false;
    }
    return true;
  }

  bool AcceptStore() {
    if (notation_ == GeoNotation::kSearchStore) {
      if (!args_.Accept("STOREDIST")) return false;
      query_.store_distances = true;
      return true;
    }
    if (is_search() || !may_store_) return false;
    const bool distances = AcceptWith("STOREDIST", 1);
    if (!distances && !AcceptWith("STORE", 1)) return false;
    query_.store_in = args_.Key();
    query_.store_distances = distances;
    return true;
  }

  bool AcceptArea() {
    if (!is_search()) return false;
    if (!from_point_ && AcceptWith("FROMMEMBER", 1)) {
      ReadMember();
      from_member_ = true;
    } else if (!from_member_ && AcceptWith("FROMLONLAT", 2)) {
      query_.area.centre = ReadPoint(args_);
      from_point_ = true;
    } else if (!by_box_ && AcceptWith("BYRADIUS", 2)) {
      ReadCircle();
      by_radius_ = true;
    } else if (!by_radius_ && AcceptWith("BYBOX", 3)) {
      ReadBox();
      by_box_ = true;
    } else {
      return false;
    }
    return true;
  }

  void Check(std::string_view command) {
    const bool with = query_.with_distance || query_.with_hash || query_.with_point;
    const bool search_store = notation_ == GeoNotation::kSearchStore;
    if (with && (search_store || query_.store_in)) {
      args_.Fail(
          std::string(search_store ? "ERR GEOSEARCHSTORE" : "ERR STORE option in GEORADIUS") +
          " is not compatible with WITHDIST, WITHHASH and WITHCOORD options");
    }
    if (is_search() && !from_member_ && !from_point_) {
      args_.Fail("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for " +
                 std::string(command));
    }
    if (is_search() && !by_radius_ && !by_box_) {
      args_.Fail("ERR exactly one of BYRADIUS and BYBOX can be specified for " +
                 std::string(command));
    }
    if (query_.any && query_.count == 0) {
      args_.Fail("ERR the ANY argument requires COUNT argument");
    }
  }

  ArgReader& args_;
  GeoNotation notation_;
  bool may_store_;
  const store::Entry* source_;
  GeoQuery query_;
  bool from_member_ = false;
  bool from_point_ = false;
  bool by_radius_ = false;
  bool by_box_ = false;
};

}  // namespace

GeoQuery ReadGeoQuery(CommandContext& ctx, ArgReader& args, GeoNotation notation, bool may_store,
                      const store::Entry* source) {
  return GeoQueryReader(args, notation, may_store, source).Read(ctx.argv[0]);
}

void RefineGeoRadiusKeys(std::span<const std::string_view> argv, std::vector<KeyPosition>& found) {
  constexpr size_t kFirstOption = 5;
  int last = 0;
  for (size_t i = kFirstOption; i + 1 < argv.size(); ++i) {
    if (!EqualsIgnoreCase(argv[i], "STORE") && !EqualsIgnoreCase(argv[i], "STOREDIST")) continue;
    last = static_cast<int>(++i);
  }
  const bool known = std::ranges::any_of(found, [=](const auto& key) { return key.index == last; });
  if (last > 0 && !known) found.push_back({last, kOW | kUpdate});
}

}  // namespace henge::commands
