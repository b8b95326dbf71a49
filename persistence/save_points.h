// SPDX-License-Identifier: Apache-2.0
// The `save` parameter: a snapshot is due once so many seconds have passed and so many keys have
// changed since the last one, by any of its pairs. Values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace henge::persistence {

struct SavePoint {
  int64_t seconds = 0;  // 1 … 2^31 - 1
  int64_t changes = 0;  // 0 … 2^31 - 1
  bool operator==(const SavePoint&) const = default;
};
using SavePoints = std::vector<SavePoint>;

// From "seconds changes seconds changes …"; a single empty word is none at all. nullopt if the
// words do not pair or a number is out of range.
std::optional<SavePoints> ParseSavePoints(std::span<const std::string> words);
std::string ToString(const SavePoints& points);

bool IsSaveDue(const SavePoints& points, int64_t seconds_since_save, int64_t changes_since_save);

}  // namespace henge::persistence
