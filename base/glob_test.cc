// SPDX-License-Identifier: Apache-2.0
#include "base/glob.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/random.h"

namespace henge {
namespace {

TEST(GlobMatch, KnowsTheElements) {
  EXPECT_TRUE(GlobMatch("h?llo", "hello"));
  EXPECT_FALSE(GlobMatch("h?llo", "hllo"));
  EXPECT_TRUE(GlobMatch("h*llo", "heeeello"));
  EXPECT_TRUE(GlobMatch("h*llo", "hllo"));
  EXPECT_TRUE(GlobMatch("h[ae]llo", "hallo"));
  EXPECT_FALSE(GlobMatch("h[ae]llo", "hillo"));
  EXPECT_TRUE(GlobMatch("h[^e]llo", "hallo"));
  EXPECT_FALSE(GlobMatch("h[^e]llo", "hello"));
  EXPECT_TRUE(GlobMatch("h[a-c]llo", "hbllo"));
  EXPECT_TRUE(GlobMatch("h[c-a]llo", "hbllo"));
  EXPECT_TRUE(GlobMatch("*foo*bar*", "xxfooyybarzz"));
  EXPECT_FALSE(GlobMatch("*foo*bar*", "xxfooyybazzz"));
}

TEST(GlobMatch, EscapesTakeTheByteItself) {
  EXPECT_TRUE(GlobMatch("a\\*b", "a*b"));
  EXPECT_FALSE(GlobMatch("a\\*b", "axb"));
  EXPECT_TRUE(GlobMatch("a\\[b", "a[b"));
  EXPECT_TRUE(GlobMatch("[\\]]", "]"));
  EXPECT_TRUE(GlobMatch("[\\-x]", "-"));
  EXPECT_TRUE(GlobMatch("a\\", "a\\"));
}

TEST(GlobMatch, FoldsCaseWhenAsked) {
  EXPECT_FALSE(GlobMatch("ABC", "abc"));
  EXPECT_TRUE(GlobMatch("ABC", "abc", true));
  EXPECT_TRUE(GlobMatch("[A-C]*", "b", true));
  EXPECT_FALSE(GlobMatch("[\\B]", "b", true));
}

TEST(GlobMatch, HasRedissCorners) {
  EXPECT_TRUE(GlobMatch("", ""));
  EXPECT_FALSE(GlobMatch("*", ""));
  EXPECT_FALSE(GlobMatch("", "a"));
  EXPECT_TRUE(GlobMatch("[a", "a"));
  EXPECT_TRUE(GlobMatch("[^", "a"));
  EXPECT_FALSE(GlobMatch("[", "["));
  EXPECT_FALSE(GlobMatch("[]", "]"));
  EXPECT_TRUE(GlobMatch("a***", "a"));
  EXPECT_FALSE(GlobMatch("[a-\xff]", "b"));  // As signed bytes the range is -1 … 'a'.
  EXPECT_TRUE(GlobMatch("[a-\xff]", "A"));
}

// Over the alphabet {a, b, *, ?}, the textbook definition by recursion.
bool Defined(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    return Defined(pattern.substr(1), text) || (!text.empty() && Defined(pattern, text.substr(1)));
  }
  if (text.empty() || (pattern[0] != '?' && pattern[0] != text[0])) return false;
  return Defined(pattern.substr(1), text.substr(1));
}

std::string Pick(Random& random, std::string_view alphabet, size_t length) {
  std::string s(length, '\0');
  for (char& c : s) c = alphabet[random.Below(alphabet.size())];
  return s;
}

TEST(GlobMatch, AgreesWithTheRecursiveDefinition) {
  Random random(2);
  int matches = 0;
  for (int i = 0; i < 200'000; ++i) {
    const std::string pattern = Pick(random, "ab**?", random.Below(9));
    const std::string text = Pick(random, "ab", 1 + random.Below(10));
    ASSERT_EQ(GlobMatch(pattern, text), Defined(pattern, text)) << pattern << " " << text;
    matches += GlobMatch(pattern, text);
  }
  EXPECT_GT(matches, 10'000);
}

TEST(GlobMatch, HostilePatternsStayCheap) {
  std::string pattern;
  for (int i = 0; i < 500; ++i) pattern += "*a";
  pattern += "*b";
  const std::string text(20'000, 'a');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(GlobMatch(pattern, text));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace henge
