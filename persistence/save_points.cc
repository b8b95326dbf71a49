// SPDX-License-Identifier: Apache-2.0
#include "persistence/save_points.h"

#include <algorithm>

#include "base/numbers.h"

namespace henge::persistence {
namespace {

std::optional<int64_t> NumberFrom(int64_t least, const std::string& word) {
  const auto number = ParseInt64(word);
  return number && *number >= least && *number <= INT32_MAX ? number : std::nullopt;
}

}  // namespace

std::optional<SavePoints> ParseSavePoints(std::span<const std::string> words) {
  SavePoints points;
  if (words.size() == 1 && words[0].empty()) return points;
  if (words.size() % 2 != 0) return std::nullopt;
  for (size_t i = 0; i < words.size(); i += 2) {
    const auto seconds = NumberFrom(1, words[i]);
    const auto changes = NumberFrom(0, words[i + 1]);
    if (!seconds || !changes) return std::nullopt;
    points.push_back({*seconds, *changes});
  }
  return points;
}

std::string ToString(const SavePoints& points) {
  std::string text;
  for (const SavePoint& point : points) {
    if (!text.empty()) text += ' ';
    text += std::to_string(point.seconds) + ' ' + std::to_string(point.changes);
  }
  return text;
}

bool IsSaveDue(const SavePoints& points, int64_t seconds_since_save, int64_t changes_since_save) {
  return std::any_of(points.begin(), points.end(), [&](const SavePoint& point) {
    return changes_since_save >= point.changes && seconds_since_save > point.seconds;
  });
}

}  // namespace henge::persistence
