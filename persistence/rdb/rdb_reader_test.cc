// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/rdb_reader.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "persistence/rdb/rdb_writer.h"

namespace henge::persistence {
namespace {

template <class F>
std::string Written(F write, const RdbOptions& options = {}) {
  std::string out;
  RdbWriter writer(out, options);
  write(writer);
  return out;
}

std::string ReadString(std::string_view bytes) {
  RdbReader reader(bytes);
  std::string scratch;
  const std::string text(reader.String(scratch));
  EXPECT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(reader.left(), 0u);
  RdbReader skipping(bytes);
  skipping.SkipString();
  EXPECT_TRUE(skipping.ok());
  EXPECT_EQ(skipping.left(), 0u);
  return text;
}

TEST(RdbPrimitives, LengthsTakeWhatTheyNeed) {
  const std::pair<uint64_t, size_t> lengths[] = {{0, 1},          {63, 1},        {64, 2},
                                                 {16383, 2},      {16384, 5},     {UINT32_MAX, 5},
                                                 {1ULL << 32, 9}, {UINT64_MAX, 9}};
  for (const auto& [length, size] : lengths) {
    const std::string bytes = Written([&](RdbWriter& w) { w.Length(length); });
    EXPECT_EQ(bytes.size(), size);
    RdbReader reader(bytes);
    EXPECT_EQ(reader.Length(), length);
    EXPECT_TRUE(reader.ok());
  }
}

TEST(RdbPrimitives, StringsKeepTheirText) {
  for (const std::string& text :
       {std::string(), std::string("0"), std::string("-1"), std::string("127"), std::string("-129"),
        std::string("32768"), std::string("-2147483648"), std::string("2147483648"),
        std::string("007"), std::string("+1"), std::string(20, 'a'), std::string(21, 'a'),
        std::string(70'000, 'b'), std::string("\0\xff\0", 3)}) {
    EXPECT_EQ(ReadString(Written([&](RdbWriter& w) { w.String(text); })), text);
    EXPECT_EQ(ReadString(Written([&](RdbWriter& w) { w.String(text); }, {.compress = false})),
              text);
  }
  EXPECT_EQ(Written([](RdbWriter& w) { w.String("-129"); }), "\xc1\x7f\xff");
  EXPECT_EQ(Written([](RdbWriter& w) { w.Integer(-129); }), "\xc1\x7f\xff");
  EXPECT_EQ(Written([](RdbWriter& w) { w.Integer(int64_t{1} << 40); }),
            "\x0d"
            "1099511627776");
  EXPECT_EQ(Written([](RdbWriter& w) { w.String(std::string(30, 'a')); }),
            std::string("\xc3\x05\x1e\x00"
                        "a\xe0\x14\x00",
                        8));
}

TEST(RdbPrimitives, OldDoublesAreDigits) {
  const auto read = [](std::string_view bytes) {
    RdbReader reader(bytes);
    const double value = reader.OldDouble();
    EXPECT_TRUE(reader.ok());
    return value;
  };
  EXPECT_EQ(read("\x03"
                 "1.5"),
            1.5);
  EXPECT_EQ(read("\x04"
                 "-1e3"),
            -1000);
  EXPECT_EQ(read("\xfe"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(read("\xff"), -std::numeric_limits<double>::infinity());
  RdbReader bad(
      "\x02"
      "x1");
  bad.OldDouble();
  EXPECT_FALSE(bad.ok());
}

TEST(RdbReader, LatchesTheFirstErrorWithItsOffset) {
  RdbReader reader(std::string_view("\x05"
                                    "ab",
                                    3),
                   100);
  std::string scratch;
  EXPECT_EQ(reader.String(scratch), "");
  EXPECT_TRUE(reader.truncated());
  EXPECT_EQ(reader.status().message(), "offset 101: unexpected end of data");
  reader.Fail("something else");
  EXPECT_EQ(reader.Byte(), 0);
  EXPECT_EQ(reader.status().message(), "offset 101: unexpected end of data");
}

TEST(RdbReader, BelievesNoLength) {
  std::string scratch;
  RdbReader huge(std::string_view("\x81\xff\xff\xff\xff\xff\xff\xff\xff", 9));
  huge.String(scratch);
  EXPECT_FALSE(huge.ok());
  EXPECT_FALSE(huge.truncated());
  RdbReader bomb(
      std::string_view("\xc3\x05\x80\x7f\xff\xff\xff"
                       "abcde",
                       12));
  bomb.String(scratch);
  EXPECT_FALSE(bomb.ok());
  EXPECT_LT(scratch.capacity(), 100u);
  RdbReader count(
      std::string_view("\x43\xe8"
                       "abc",
                       5));
  EXPECT_EQ(count.Count(1), 0u);
  EXPECT_TRUE(count.truncated());
  for (const char* head : {"\x82", "\xbf", "\xc4", "\xff"}) {
    RdbReader reader(head);
    reader.String(scratch);
    EXPECT_FALSE(reader.ok());
    RdbReader skipping(head);
    skipping.SkipString();
    EXPECT_FALSE(skipping.ok());
  }
  RdbReader special("\xc0\x01");
  special.Length();
  EXPECT_FALSE(special.ok());
}

}  // namespace
}  // namespace henge::persistence
