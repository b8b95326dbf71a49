// SPDX-License-Identifier: Apache-2.0
#include "persistence/aof/stream_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/numbers.h"

namespace henge::persistence {
namespace {

constexpr std::string_view kAt = "#HENGE-AT:";
constexpr std::string_view kSkip = "#HENGE-SKIP:";

}  // namespace

void StreamPlaces::Put(Lsn at, StreamPlace place) {
  const std::lock_guard lock(mutex_);
  while (!entries_.empty() && entries_.back().at >= at) entries_.pop_back();
  entries_.push_back({at, std::move(place)});
  if (entries_.size() > kMostRemembered) entries_.pop_front();
}

std::optional<StreamPlace> StreamPlaces::At(Lsn lsn) const {
  const std::lock_guard lock(mutex_);
  const auto behind = std::upper_bound(entries_.begin(), entries_.end(), lsn,
                                       [](Lsn l, const Entry& entry) { return l < entry.at; });
  if (behind == entries_.begin()) return std::nullopt;
  const Entry& entry = *std::prev(behind);
  return StreamPlace{entry.place.name, entry.place.offset + static_cast<int64_t>(lsn - entry.at)};
}

Lsn StreamPlaces::NextBehind(Lsn lsn) const {
  const std::lock_guard lock(mutex_);
  const auto behind = std::upper_bound(entries_.begin(), entries_.end(), lsn,
                                       [](Lsn l, const Entry& entry) { return l < entry.at; });
  return behind == entries_.end() ? kNever : behind->at;
}

std::string PlaceLine(const StreamPlace& place) {
  if (place.name.empty()) return fmt::format("{}\r\n", kAt);
  return fmt::format("{}{}:{}\r\n", kAt, place.offset, place.name);
}

std::string SkipLine(int64_t bytes) { return fmt::format("{}{}\r\n", kSkip, bytes); }

void PlaceReader::OnAnnotation(std::string_view line) {
  if (line.starts_with(kSkip)) {
    const auto bytes = ParseInt64(line.substr(kSkip.size()));
    if (!bytes || *bytes < 0) return place_.reset();
    if (place_) place_->offset += *bytes;
    return;
  }
  if (!line.starts_with(kAt)) return;
  place_.reset();
  line.remove_prefix(kAt.size());
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon + 1 == line.size()) return;
  const auto offset = ParseInt64(line.substr(0, colon));
  if (!offset || *offset < 0) return;
  place_ = StreamPlace{std::string(line.substr(colon + 1)), *offset};
}

}  // namespace henge::persistence
