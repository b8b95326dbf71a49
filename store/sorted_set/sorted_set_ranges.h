// SPDX-License-Identifier: Apache-2.0
// The ranges by which a sorted set is read and cut: by rank, by score, by name.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace henge::store {

// Ranks [first, last).
struct RankRange {
  size_t first = 0;
  size_t last = 0;
  size_t size() const { return last > first ? last - first : 0; }
  bool empty() const { return first >= last; }
};

struct ScoreRange {
  double min = 0;
  double max = 0;
  bool min_open = false;  // The end itself does not belong.
  bool max_open = false;
  bool IsBelow(double score) const { return min_open ? score <= min : score < min; }
  bool IsAbove(double score) const { return max_open ? score >= max : score > max; }
};

// One end of a range of members that share a score; "-", "+", "[member" and "(member".
struct NameEnd {
  enum class Kind : uint8_t { kLowest, kMember, kHighest };
  Kind kind = Kind::kMember;
  bool open = false;
  std::string_view member = {};
};

struct NameRange {
  NameEnd min;
  NameEnd max;
  bool IsBelow(std::string_view member) const {
    if (min.kind != NameEnd::Kind::kMember) return min.kind == NameEnd::Kind::kHighest;
    return min.open ? member <= min.member : member < min.member;
  }
  bool IsAbove(std::string_view member) const {
    if (max.kind != NameEnd::Kind::kMember) return max.kind == NameEnd::Kind::kLowest;
    return max.open ? member >= max.member : member > max.member;
  }
};

}  // namespace henge::store
