// SPDX-License-Identifier: Apache-2.0
// The geo room's handlers; commands.cc has their rows. Places are the scores of sorted sets.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "commands/command_spec.h"

namespace henge::commands {

// places.cc
void GeoAdd(CommandContext& ctx, ArgReader& args);
void GeoDist(CommandContext& ctx, ArgReader& args);
void GeoHash(CommandContext& ctx, ArgReader& args);
void GeoPos(CommandContext& ctx, ArgReader& args);
// search.cc
void GeoRadius(CommandContext& ctx, ArgReader& args);
void GeoRadiusRo(CommandContext& ctx, ArgReader& args);
void GeoRadiusByMember(CommandContext& ctx, ArgReader& args);
void GeoRadiusByMemberRo(CommandContext& ctx, ArgReader& args);
void GeoSearch(CommandContext& ctx, ArgReader& args);
void GeoSearchStore(CommandContext& ctx, ArgReader& args);
// search_args.cc: where there are several STORE and STOREDIST, the last one counts. Key specs find
// the first of each.
void RefineGeoRadiusKeys(std::span<const std::string_view> argv, std::vector<KeyPosition>& found);

}  // namespace henge::commands
