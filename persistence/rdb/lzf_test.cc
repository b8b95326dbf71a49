// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/lzf.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"

namespace henge::persistence {
namespace {

std::string Compressed(std::string_view text) {
  std::string out(text.size() + text.size() / 32 + 8, '\0');
  const auto size = LzfCompress(text, out.data(), out.size());
  EXPECT_TRUE(size.has_value());
  out.resize(size.value_or(0));
  return out;
}

std::string Restored(std::string_view row, size_t size) {
  std::string out(size, '?');
  EXPECT_TRUE(LzfDecompress(row, out.data(), size));
  return out;
}

TEST(Lzf, WritesTheRowThatTheFormatDescribes) {
  // One literal, then a copy of 29 from one back: 'a', 111 00000, 29 - 9, 0.
  EXPECT_EQ(Compressed(std::string(30, 'a')), std::string("\x00"
                                                          "a"
                                                          "\xe0\x14\x00",
                                                          5));
  EXPECT_EQ(Compressed("abcdeabcde"), std::string("\x04"
                                                  "abcde"
                                                  "\x60\x04",
                                                  8));
}

TEST(Lzf, GivesBackEverything) {
  Random random(7);
  for (int round = 0; round < 400; ++round) {
    std::string text;
    const size_t size = random.Next() % (round % 10 == 0 ? 40'000 : 400);
    const size_t letters = 1 + random.Next() % 40;
    while (text.size() < size) {
      if (text.size() > 8 && random.Next() % 3 == 0) {
        const size_t from = random.Next() % text.size();
        text += std::string(text, from, random.Next() % 600);
      } else {
        text.push_back(static_cast<char>(random.Next() % letters));
      }
    }
    const std::string row = Compressed(text);
    ASSERT_EQ(Restored(row, text.size()), text) << round;
    ASSERT_TRUE(LzfCouldGive(row.size(), text.size()));
  }
}

TEST(Lzf, GivesUpWhereTheRowIsTooLong) {
  char out[8];
  EXPECT_FALSE(LzfCompress("no repetition here", out, sizeof(out)));
  EXPECT_TRUE(LzfCompress(std::string(200, 'x'), out, sizeof(out)));
}

TEST(Lzf, CompressesToLittleWhatRepeats) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "user:" + std::to_string(i) + ":name ";
  EXPECT_LT(Compressed(text).size(), text.size() / 2);
}

TEST(Lzf, RefusesDamagedRows) {
  char out[64];
  const auto refuses = [&](std::string_view row, size_t size) {
    return !LzfDecompress(row, out, size);
  };
  EXPECT_TRUE(refuses("", 1));
  EXPECT_TRUE(refuses(std::string_view("\x05"
                                       "ab",
                                       3),
                      6));  // Literals missing.
  EXPECT_TRUE(refuses(std::string_view("\x00"
                                       "a",
                                       2),
                      2));  // Too little.
  EXPECT_TRUE(refuses(std::string_view("\x01"
                                       "ab",
                                       3),
                      1));                                   // Too much.
  EXPECT_TRUE(refuses(std::string_view("\x20\x00", 2), 3));  // Nothing to copy from.
  EXPECT_TRUE(refuses(std::string_view("\x00"
                                       "a\x20",
                                       3),
                      4));  // No offset.
  EXPECT_TRUE(refuses(std::string_view("\x00"
                                       "a\xe0",
                                       3),
                      10));  // No length.
  EXPECT_TRUE(refuses(std::string_view("\x00"
                                       "a\x20\x01",
                                       4),
                      4));  // Before the start.
  EXPECT_TRUE(refuses(std::string_view("\x00"
                                       "a\xe0\xff\x00",
                                       5),
                      64));
}

}  // namespace
}  // namespace henge::persistence
