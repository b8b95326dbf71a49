// SPDX-License-Identifier: Apache-2.0
#include "base/glob.h"

#include <algorithm>
#include <cstddef>

#include "base/strings.h"

namespace henge {
namespace {

// Redis gives up beyond so many stars.
constexpr size_t kMaxStars = 1000;

// Whether one byte fits the element at the pattern's front, and where the next element starts.
struct Step {
  bool fits;
  size_t next;
};

constexpr char Fold(char c, bool ignore_case) { return ignore_case ? AsciiLower(c) : c; }

bool InRange(char a, char b, char c, bool ignore_case) {
  const auto low = static_cast<signed char>(Fold(std::min<signed char>(a, b), ignore_case));
  const auto high = static_cast<signed char>(Fold(std::max<signed char>(a, b), ignore_case));
  const auto value = static_cast<signed char>(Fold(c, ignore_case));
  return low <= value && value <= high;
}

// `at` is the position after '['.
Step MatchClass(std::string_view pattern, size_t at, char c, bool ignore_case) {
  const size_t end = pattern.size();
  const bool negated = at < end && pattern[at] == '^';
  if (negated) ++at;
  bool found = false;
  while (at < end && pattern[at] != ']') {
    if (pattern[at] == '\\' && at + 1 < end) {
      found |= pattern[at + 1] == c;  // Redis does not fold case here.
      at += 2;
    } else if (at + 2 < end && pattern[at + 1] == '-') {
      found |= InRange(pattern[at], pattern[at + 2], c, ignore_case);
      at += 3;
    } else {
      found |= Fold(pattern[at], ignore_case) == Fold(c, ignore_case);
      ++at;
    }
  }
  return {found != negated, std::min(at + 1, end)};
}

Step MatchOne(std::string_view pattern, size_t at, char c, bool ignore_case) {
  if (pattern[at] == '?') return {true, at + 1};
  if (pattern[at] == '[') return MatchClass(pattern, at + 1, c, ignore_case);
  if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
  return {Fold(pattern[at], ignore_case) == Fold(c, ignore_case), at + 1};
}

}  // namespace

bool GlobMatch(std::string_view pattern, std::string_view text, bool ignore_case) {
  if (text.empty()) return pattern.empty();
  constexpr size_t kNone = std::string_view::npos;
  size_t p = 0;
  size_t t = 0;
  size_t after_star = kNone;  // Where to resume in the pattern …
  size_t star_text = 0;       // … with the star having taken the text up to here.
  size_t stars = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      while (p < pattern.size() && pattern[p] == '*') ++p;
      if (p == pattern.size()) return true;
      if (++stars > kMaxStars) return false;
      after_star = p;
      star_text = t;
      continue;
    }
    const Step step =
        p < pattern.size() ? MatchOne(pattern, p, text[t], ignore_case) : Step{false, p};
    if (step.fits) {
      p = step.next;
      ++t;
    } else if (after_star == kNone) {
      return false;
    } else {
      p = after_star;
      t = ++star_text;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace henge
