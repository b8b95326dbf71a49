// SPDX-License-Identifier: Apache-2.0
// The rows of the geo room.
#include <array>

#include "commands/command_table.h"
#include "commands/geo/handlers.h"

namespace henge::commands {
namespace {

constexpr std::string_view kSearchCost =
    "O(N+log(M)) for a set of M members, N of them in the cells around the area.";
constexpr KeySpec kSource = keys::One(1, kRO | kAccess);

constexpr std::array kCommands = {
    CommandSpec{.name = "geoadd",
                .arity = -5,
                .flags = kWrite | kDenyOom,
                .group = Group::kGeo,
                .since = "3.2.0",
                .history = "6.2.0 CH, NX and XX",
                .complexity = "O(log(N)) for each place in a set of N members.",
                .summary = "Adds places to a sorted set, or moves them.",
                .syntax = "key [condition@6.2.0: NX | XX] [change=CH@6.2.0] <longitude#double "
                          "latitude#double member ...>",
                .keys = {keys::One(1, kRW | kUpdate)},
                .handler = GeoAdd},
    CommandSpec{.name = "geodist",
                .arity = -4,
                .flags = kReadonly,
                .group = Group::kGeo,
                .since = "3.2.0",
                .complexity = "O(1)",
                .summary = "Tells the distance between two members, in metres unless asked.",
                .syntax = "key member1 member2 [unit: 'm' | 'km' | 'ft' | 'mi']",
                .keys = {kSource},
                .handler = GeoDist},
    CommandSpec{.name = "geohash",
                .arity = -2,
                .flags = kReadonly,
                .group = Group::kGeo,
                .since = "3.2.0",
                .complexity = "O(1) for each member.",
                .summary = "Tells members' places as geohashes, eleven letters each.",
                .syntax = "key [member [member ...]]",
                .keys = {kSource},
                .handler = GeoHash},
    CommandSpec{.name = "geopos",
                .arity = -2,
                .flags = kReadonly,
                .group = Group::kGeo,
                .since = "3.2.0",
                .complexity = "O(1) for each member.",
                .summary = "Tells members' places as longitude and latitude.",
                .syntax = "key [member [member ...]]",
                .keys = {kSource},
                .handler = GeoPos},
    CommandSpec{.name = "georadius",
                .arity = -6,
                .flags = kWrite | kDenyOom,
                .group = Group::kGeo,
                .since = "3.2.0",
                .deprecated_since = "6.2.0",
                .replaced_by = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
                .history = "6.2.0 ANY; 7.0.0 units in upper case",
                .complexity = kSearchCost,
                .summary = "Finds, and may store, members within a distance from a point.",
                .syntax = "key longitude#double latitude#double radius#double <unit: 'm' | 'km' | "
                          "'ft' | 'mi'> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count "
                          "[ANY@6.2.0]] [order: ASC | DESC] [store: STORE storekey=key#key:1 | "
                          "STOREDIST storedistkey=key#key:2]",
                .keys = {kSource, keys::AfterKeyword("STORE", 6, kOW | kUpdate),
                         keys::AfterKeyword("STOREDIST", 6, kOW | kUpdate)},
                .refine_keys = RefineGeoRadiusKeys,
                .handler = GeoRadius},
    CommandSpec{.name = "georadius_ro",
                .arity = -6,
                .flags = kReadonly,
                .group = Group::kGeo,
                .since = "3.2.10",
                .deprecated_since = "6.2.0",
                .replaced_by = "`GEOSEARCH` with the `BYRADIUS` argument",
                .history = "6.2.0 ANY",
                .complexity = kSearchCost,
                .summary = "Finds members within a distance from a point.",
                .syntax = "key longitude#double latitude#double radius#double <unit: 'm' | 'km' | "
                          "'ft' | 'mi'> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count "
                          "[ANY@6.2.0]] [order: ASC | DESC]",
                .keys = {kSource},
                .handler = GeoRadiusRo},
    CommandSpec{.name = "georadiusbymember",
                .arity = -5,
                .flags = kWrite | kDenyOom,
                .group = Group::kGeo,
                .since = "3.2.0",
                .deprecated_since = "6.2.0",
                .replaced_by =
                    "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` "
                    "arguments",
                .history = "7.0.0 units in upper case",
                .complexity = kSearchCost,
                .summary = "Finds, and may store, members within a distance from one of them.",
                .syntax = "key member radius#double <unit: 'm' | 'km' | 'ft' | 'mi'> [WITHCOORD] "
                          "[WITHDIST] [WITHHASH] [COUNT count [ANY]] [order: ASC | DESC] [store: "
                          "STORE storekey=key#key:1 | STOREDIST storedistkey=key#key:2]",
                .keys = {kSource, keys::AfterKeyword("STORE", 5, kOW | kUpdate),
                         keys::AfterKeyword("STOREDIST", 5, kOW | kUpdate)},
                .refine_keys = RefineGeoRadiusKeys,
                .handler = GeoRadiusByMember},
    CommandSpec{.name = "georadiusbymember_ro",
                .arity = -5,
                .flags = kReadonly,
                .group = Group::kGeo,
                .since = "3.2.10",
                .deprecated_since = "6.2.0",
                .replaced_by = "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments",
                .complexity = kSearchCost,
                .summary = "Finds members within a distance from one of them.",
                .syntax = "key member radius#double <unit: 'm' | 'km' | 'ft' | 'mi'> [WITHCOORD] "
                          "[WITHDIST] [WITHHASH] [COUNT count [ANY]] [order: ASC | DESC]",
                .keys = {kSource},
                .handler = GeoRadiusByMemberRo},
    CommandSpec{.name = "geosearch",
                .arity = -7,
                .flags = kReadonly,
                .group = Group::kGeo,
                .since = "6.2.0",
                .history = "7.0.0 units in upper case",
                .complexity = kSearchCost,
                .summary = "Finds members in a circle or a box.",
                .syntax =
                    "key <from: FROMMEMBER member | FROMLONLAT <longitude#double "
                    "latitude#double>> <by: <circle: BYRADIUS radius#double <unit: 'm' | 'km' | "
                    "'ft' | 'mi'>> | <box: BYBOX width#double height#double <unit: 'm' | 'km' | "
                    "'ft' | 'mi'>>> [order: ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] "
                    "[WITHHASH]",
                .keys = {kSource},
                .handler = GeoSearch},
    CommandSpec{.name = "geosearchstore",
                .arity = -8,
                .flags = kWrite | kDenyOom,
                .group = Group::kGeo,
                .since = "6.2.0",
                .history = "7.0.0 units in upper case",
                .complexity = kSearchCost,
                .summary = "Stores the members in a circle or a box as a sorted set.",
                .syntax =
                    "destination source <from: FROMMEMBER member | FROMLONLAT <longitude#double "
                    "latitude#double>> <by: <circle: BYRADIUS radius#double <unit: 'm' | 'km' | "
                    "'ft' | 'mi'>> | <box: BYBOX width#double height#double <unit: 'm' | 'km' | "
                    "'ft' | 'mi'>>> [order: ASC | DESC] [COUNT count [ANY]] [STOREDIST]",
                .keys = {keys::One(1, kOW | kUpdate), keys::One(2, kRO | kAccess)},
                .handler = GeoSearchStore},
};
static_assert(SpecsAreSound(kCommands));

}  // namespace

std::span<const CommandSpec> GeoCommands() { return kCommands; }

}  // namespace henge::commands
