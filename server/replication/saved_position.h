// SPDX-License-Identifier: Apache-2.0
// SavedPosition: where the data of a file stands in its replication history, so that who loads it
// goes on from there. Pure.
//
// An append-only file tells it in two ways: all along, in a cluster (persistence::StreamPlaces,
// whose streams are named ID:EPOCH here); or by its last line, if it was closed in good order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/types.h"
#include "persistence/aof/stream_places.h"

namespace henge::server {

struct SavedPosition {
  std::string history_id;
  int64_t offset = 0;
  DbIndex db = 0;      // That the leader's stream had selected.
  uint64_t epoch = 0;  // In a cluster: the last of which all that there was is among it.
};

persistence::StreamPlace PlaceOf(std::string_view history_id, uint64_t epoch, int64_t offset);
std::optional<SavedPosition> PositionOf(const persistence::StreamPlace& place);

// Of an RDB file's fields; nothing if they do not tell.
std::optional<SavedPosition> ReadPosition(
    const std::vector<std::pair<std::string, std::string>>& fields);

// The line with which an append-only file ends that was closed in good order. Loaders of others
// skip it.
std::string FormatPosition(const SavedPosition& position);
std::optional<SavedPosition> ParsePosition(std::string_view annotation);

}  // namespace henge::server
