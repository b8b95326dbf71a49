// SPDX-License-Identifier: Apache-2.0
// The arguments and replies that geo commands share.
#pragma once

#include <string>
#include <string_view>

#include "commands/arg_reader.h"
#include "commands/geo/geohash.h"
#include "proto/reply_writer.h"

namespace henge::commands {

// Longitude and latitude; latches an error when they are not on the map.
geo::Point ReadPoint(ArgReader& args);
// The metres in m, km, ft or mi.
double ReadUnit(ArgReader& args);
// A number, or latches `error`.
double ReadDoubleOr(ArgReader& args, std::string_view error);

void ReplyPoint(proto::ReplyWriter& reply, const geo::Point& point);
// With four digits behind the point.
void ReplyDistance(proto::ReplyWriter& reply, double distance);

}  // namespace henge::commands
