// SPDX-License-Identifier: Apache-2.0
// The longest common subsequence of two strings: pure, for LCS.
//
// Row i of the classic table, the lengths for the first i bytes of a and every prefix of b, never
// falls and steps up by at most one, so one bit a cell tells it all: whether the cell exceeds its
// left neighbour. A row follows from the one above by an addition, 64 cells at a time (Crochemore,
// Iliopoulos, Pinzon and Reid, 2001; the form of Hyyrö, 2004).
//
// The steps are enough to walk back as well: where the bytes at (i, j) differ, the cell equals its
// upper or its left neighbour, and it exceeds the left one exactly where the upper one is larger.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace henge::commands {

class LongestSubsequence {
 public:
  // The same bytes in both strings, in a row.
  struct Match {
    size_t a;
    size_t b;
    size_t size;
    bool operator==(const Match&) const = default;
  };

  // Bytes: |b| / 8 for every byte of a if `traceable`, and |b| / 8 for each of a's distinct bytes.
  // Not valid() when there is no memory for it. The strings must outlive it.
  LongestSubsequence(std::string_view a, std::string_view b, bool traceable);

  bool valid() const { return valid_; }
  size_t length() const { return length_; }

  // The matches of one longest common subsequence, from the strings' ends to their beginnings: the
  // one that gives up a byte of b rather than of a where either would do, as Redis's does.
  // REQUIRES: traceable, valid().
  std::vector<Match> Matches() const;

 private:
  static constexpr size_t kWordBits = 64;
  static constexpr uint16_t kAbsent = UINT16_MAX;

  bool Allocate();
  void MarkPlaces();
  // The row below `above` for the byte whose places are `places`; may be `above` itself.
  void Step(const uint64_t* above, const uint64_t* places, uint64_t* row) const;
  uint64_t* Row(size_t i) const { return &rows_[traceable_ ? i * words_ : 0]; }
  bool StepsUpAt(size_t i, size_t j) const;

  std::string_view a_;
  std::string_view b_;
  bool traceable_;
  bool valid_ = false;
  size_t words_;
  size_t length_ = 0;
  std::array<uint16_t, 256> index_;     // Of a byte of a among the distinct ones.
  std::unique_ptr<uint64_t[]> places_;  // For each of them, where it stands in b.
  std::unique_ptr<uint64_t[]> rows_;    // A zero bit is a step up. Rows 0 … |a|, or the last one.
};

}  // namespace henge::commands
