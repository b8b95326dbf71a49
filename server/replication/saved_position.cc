// SPDX-License-Identifier: Apache-2.0
#include "server/replication/saved_position.h"

#include <absl/strings/str_split.h>
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/numbers.h"
#include "base/strings.h"
#include "replication/history.h"

namespace henge::server {
namespace {

constexpr std::string_view kPosition = "#HENGE-POSITION:";

}  // namespace

std::optional<SavedPosition> ReadPosition(
    const std::vector<std::pair<std::string, std::string>>& fields) {
  SavedPosition position;
  std::optional<int64_t> offset;
  for (const auto& [name, value] : fields) {
    if (name == "repl-id") position.history_id = value;
    if (name == "repl-offset") offset = ParseInt64(value);
    if (name == "repl-epoch") {
      position.epoch = static_cast<uint64_t>(std::max<int64_t>(0, ParseInt64(value).value_or(0)));
    }
    if (name == "repl-stream-db") {
      position.db = static_cast<DbIndex>(std::max<int64_t>(0, ParseInt64(value).value_or(0)));
    }
  }
  if (!offset || *offset < 0 || position.history_id.size() != replication::History::kIdDigits) {
    return std::nullopt;
  }
  position.offset = *offset;
  return position;
}

persistence::StreamPlace PlaceOf(std::string_view history_id, uint64_t epoch, int64_t offset) {
  return {fmt::format("{}:{}", history_id, epoch), offset};
}

// In a cluster there is one database.
std::optional<SavedPosition> PositionOf(const persistence::StreamPlace& place) {
  const size_t colon = place.name.find(':');
  if (colon == std::string::npos) return std::nullopt;
  return ReadPosition({{"repl-id", place.name.substr(0, colon)},
                       {"repl-offset", std::to_string(place.offset)},
                       {"repl-epoch", place.name.substr(colon + 1)}});
}

std::string FormatPosition(const SavedPosition& position) {
  const std::string epoch = position.epoch == 0 ? "" : fmt::format(":{}", position.epoch);
  return fmt::format("{}{}:{}:{}{}\r\n", kPosition, position.history_id, position.offset,
                     position.db, epoch);
}

std::optional<SavedPosition> ParsePosition(std::string_view annotation) {
  if (!annotation.starts_with(kPosition)) return std::nullopt;
  annotation.remove_prefix(kPosition.size());
  while (annotation.ends_with('\n') || annotation.ends_with('\r')) annotation.remove_suffix(1);
  const std::vector<std::string> parts = absl::StrSplit(Absl(annotation), ':');
  if (parts.size() < 3 || parts.size() > 4) return std::nullopt;
  return ReadPosition({{"repl-id", parts[0]},
                       {"repl-offset", parts[1]},
                       {"repl-stream-db", parts[2]},
                       {"repl-epoch", parts.size() > 3 ? parts[3] : "0"}});
}

}  // namespace henge::server
