// SPDX-License-Identifier: Apache-2.0
#include "commands/strings/longest_subsequence.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"

namespace henge::commands {
namespace {

using Match = LongestSubsequence::Match;

// The table, written out, and the walk back that Redis documents: to the larger neighbour, to the
// left when they are equal.
class WrittenOut {
 public:
  WrittenOut(std::string_view a, std::string_view b)
      : a_(a), b_(b), cells_((a.size() + 1) * (b.size() + 1)) {
    for (size_t i = 1; i <= a.size(); ++i) {
      for (size_t j = 1; j <= b.size(); ++j) {
        At(i, j) =
            a[i - 1] == b[j - 1] ? At(i - 1, j - 1) + 1 : std::max(At(i - 1, j), At(i, j - 1));
      }
    }
  }
  size_t length() { return At(a_.size(), b_.size()); }
  std::string Text() {
    std::string text;
    for (size_t i = a_.size(), j = b_.size(); i > 0 && j > 0;) {
      if (a_[i - 1] == b_[j - 1]) {
        text += a_[i - 1];
        --i, --j;
      } else {
        At(i - 1, j) > At(i, j - 1) ? --i : --j;
      }
    }
    std::reverse(text.begin(), text.end());
    return text;
  }

 private:
  size_t& At(size_t i, size_t j) { return cells_[i * (b_.size() + 1) + j]; }
  std::string_view a_;
  std::string_view b_;
  std::vector<size_t> cells_;
};

std::string TextOf(const std::vector<Match>& matches, std::string_view a) {
  std::string text;
  for (auto m = matches.rbegin(); m != matches.rend(); ++m) text += a.substr(m->a, m->size);
  return text;
}

TEST(LongestSubsequence, FindsRunsFromTheEnd) {
  const LongestSubsequence lcs("ohmytext", "mynewtext", true);
  ASSERT_TRUE(lcs.valid());
  EXPECT_EQ(lcs.length(), 6u);
  EXPECT_EQ(lcs.Matches(), (std::vector<Match>{{4, 5, 4}, {2, 0, 2}}));
}

TEST(LongestSubsequence, IsEmptyWhenAStringIs) {
  for (const auto& [a, b] : {std::pair{"", ""}, {"abc", ""}, {"", "abc"}, {"abc", "xyz"}}) {
    const LongestSubsequence lcs(a, b, true);
    ASSERT_TRUE(lcs.valid());
    EXPECT_EQ(lcs.length(), 0u);
    EXPECT_TRUE(lcs.Matches().empty());
  }
}

TEST(LongestSubsequence, AgreesWithTheTableWrittenOut) {
  Random random(7);
  for (int round = 0; round < 400; ++round) {
    const auto letters = 1 + random.Below(round % 2 == 0 ? 4 : 256);
    const auto make = [&] {
      std::string s(random.Below(200), '\0');
      for (char& c : s) c = static_cast<char>(random.Below(letters));
      return s;
    };
    const std::string a = make();
    const std::string b = make();
    WrittenOut expected(a, b);
    const LongestSubsequence lcs(a, b, true);
    ASSERT_EQ(lcs.length(), expected.length()) << round;
    ASSERT_EQ(TextOf(lcs.Matches(), a), expected.Text()) << round;
    for (const Match& m : lcs.Matches()) {
      ASSERT_EQ(a.substr(m.a, m.size), b.substr(m.b, m.size)) << round;
    }
    ASSERT_EQ(LongestSubsequence(a, b, false).length(), expected.length()) << round;
  }
}

}  // namespace
}  // namespace henge::commands
