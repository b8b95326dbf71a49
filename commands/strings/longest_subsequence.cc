// SPDX-License-Identifier: Apache-2.0
#include "commands/strings/longest_subsequence.h"

#include <algorithm>
#include <bit>
#include <new>

namespace henge::commands {
namespace {

size_t ByteIndex(char c) { return static_cast<unsigned char>(c); }

}  // namespace

LongestSubsequence::LongestSubsequence(std::string_view a, std::string_view b, bool traceable)
    : a_(a), b_(b), traceable_(traceable), words_((b.size() + kWordBits - 1) / kWordBits) {
  if (!Allocate()) return;
  valid_ = true;
  MarkPlaces();
  std::fill_n(Row(0), words_, ~uint64_t{0});
  for (size_t i = 1; i <= a_.size(); ++i) {
    Step(Row(i - 1), &places_[index_[ByteIndex(a_[i - 1])] * words_], Row(i));
  }
  // Bits beyond b stay set: nothing matches there.
  const uint64_t* last = Row(a_.size());
  for (size_t w = 0; w < words_; ++w) length_ += static_cast<size_t>(std::popcount(~last[w]));
}

bool LongestSubsequence::Allocate() {
  index_.fill(kAbsent);
  uint16_t distinct = 0;
  for (const char c : a_) {
    if (index_[ByteIndex(c)] == kAbsent) index_[ByteIndex(c)] = distinct++;
  }
  places_.reset(new (std::nothrow) uint64_t[distinct * words_]());
  rows_.reset(new (std::nothrow) uint64_t[(traceable_ ? a_.size() + 1 : 1) * words_]);
  return places_ != nullptr && rows_ != nullptr;
}

void LongestSubsequence::MarkPlaces() {
  for (size_t j = 0; j < b_.size(); ++j) {
    const uint16_t index = index_[ByteIndex(b_[j])];
    if (index != kAbsent) places_[index * words_ + j / kWordBits] |= uint64_t{1} << j % kWordBits;
  }
}

void LongestSubsequence::Step(const uint64_t* above, const uint64_t* places, uint64_t* row) const {
  // Between two steps up, the carry runs from the first match to the next step and puts it there.
  uint64_t carry = 0;
  for (size_t w = 0; w < words_; ++w) {
    const uint64_t flat = above[w];
    uint64_t sum = 0;
    const bool overflow = __builtin_add_overflow(flat, flat & places[w], &sum);
    const bool carry_overflow = __builtin_add_overflow(sum, carry, &sum);
    carry = overflow || carry_overflow ? 1 : 0;
    row[w] = sum | (flat & ~places[w]);
  }
}

bool LongestSubsequence::StepsUpAt(size_t i, size_t j) const {
  const size_t bit = j - 1;
  return (Row(i)[bit / kWordBits] >> bit % kWordBits & 1) == 0;
}

std::vector<LongestSubsequence::Match> LongestSubsequence::Matches() const {
  std::vector<Match> matches;
  bool in_run = false;
  for (size_t i = a_.size(), j = b_.size(); i > 0 && j > 0;) {
    if (a_[i - 1] == b_[j - 1]) {
      --i, --j;
      if (in_run) {
        matches.back() = {i, j, matches.back().size + 1};
      } else {
        matches.push_back({i, j, 1});
      }
      in_run = true;
      continue;
    }
    in_run = false;
    StepsUpAt(i, j) ? --i : --j;
  }
  return matches;
}

}  // namespace henge::commands
