// SPDX-License-Identifier: Apache-2.0
#include "base/numbers.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "base/random.h"

namespace henge {
namespace {

std::string Int(int64_t value) {
  char text[kInt64Chars];
  return std::string(text, FormatInt64(value, text));
}

TEST(ParseInt64, IsStrict) {
  EXPECT_EQ(ParseInt64("0"), 0);
  EXPECT_EQ(ParseInt64("-1"), -1);
  EXPECT_EQ(ParseInt64("9223372036854775807"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(ParseInt64("-9223372036854775808"), std::numeric_limits<int64_t>::min());
  for (const char* bad : {"", "-", "+1", " 1", "1 ", "01", "-0", "00", "1a", "--1", "0x1", "1.0",
                          "9223372036854775808", "-9223372036854775809", "18446744073709551616",
                          "99999999999999999999", "123456789012345678901"}) {
    EXPECT_EQ(ParseInt64(bad), std::nullopt) << bad;
  }
}

TEST(ParseInt64, ReadsBackWhatFormatWrites) {
  Random random(3);
  for (int i = 0; i < 200'000; ++i) {
    const auto value = static_cast<int64_t>(random.Next() >> random.Below(64));
    ASSERT_EQ(ParseInt64(Int(value)), value);
    ASSERT_EQ(ParseInt64(Int(-value)), -value);
    ASSERT_EQ(Int(value), std::to_string(value));
  }
  // Where a digit is added, and the ends.
  for (uint64_t power = 1; power <= 1'000'000'000'000'000'000; power *= 10) {
    for (const uint64_t near : {power - 1, power, power + 1}) {
      const auto value = static_cast<int64_t>(near);
      ASSERT_EQ(Int(value), std::to_string(value));
      ASSERT_EQ(Int(-value), std::to_string(-value));
      ASSERT_EQ(CountDigits(near), std::to_string(near).size());
    }
  }
  ASSERT_EQ(Int(std::numeric_limits<int64_t>::min()), "-9223372036854775808");
  ASSERT_EQ(CountDigits(std::numeric_limits<uint64_t>::max()), 20u);
  EXPECT_EQ(Int(std::numeric_limits<int64_t>::min()), "-9223372036854775808");
}

TEST(ParseUint64, ReachesTheTop) {
  EXPECT_EQ(ParseUint64("0"), 0u);
  EXPECT_EQ(ParseUint64("18446744073709551615"), std::numeric_limits<uint64_t>::max());
  for (const char* bad : {"", "-1", "18446744073709551616", "18446744073709551625", "01", "1 "}) {
    EXPECT_EQ(ParseUint64(bad), std::nullopt) << bad;
  }
}

TEST(ParseDouble, TakesWhatStrtodTakes) {
  EXPECT_EQ(ParseDouble("1.5"), 1.5);
  EXPECT_EQ(ParseDouble("+1.5"), 1.5);
  EXPECT_EQ(ParseDouble("-1e3"), -1000);
  EXPECT_EQ(ParseDouble(".5"), 0.5);
  EXPECT_EQ(ParseDouble("5."), 5);
  EXPECT_EQ(ParseDouble("0x10"), 16);
  EXPECT_EQ(ParseDouble("5e-324"), 5e-324);
  EXPECT_EQ(ParseDouble("inf"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(ParseDouble("-Infinity"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(ParseDouble(std::string(300, '0') + "7"), 7);
}

TEST(ParseDouble, RefusesTheRest) {
  for (const char* bad :
       {"", " 1", "1 ", "nan", "NaN", "1e400", "1e-400", "abc", "1x", "-", "e5", "\t1", "1,5"}) {
    EXPECT_EQ(ParseDouble(bad), std::nullopt) << bad;
    EXPECT_EQ(ParseLongDouble(bad).has_value(),
              std::string_view(bad).starts_with("1e"))  // Long doubles reach further.
        << bad;
  }
  EXPECT_EQ(ParseDouble(std::string_view("1\0", 2)), std::nullopt);
  EXPECT_EQ(ParseLongDouble(std::string(5120, '1')), std::nullopt);
}

TEST(ParseLooseDouble, ReadsAsCDoes) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(ParseLooseDouble(""), 0);
  EXPECT_EQ(ParseLooseDouble(" +1.5"), 1.5);
  EXPECT_EQ(ParseLooseDouble(std::string_view("1\0x", 3)), 1);
  EXPECT_EQ(ParseLooseDouble("1e400"), kInfinity);
  EXPECT_EQ(ParseLooseDouble("-1e400"), -kInfinity);
  EXPECT_EQ(ParseLooseDouble("1e-400"), 0);
  for (const char* bad : {"nan", "1 ", "x", " ", "1,5"}) {
    EXPECT_EQ(ParseLooseDouble(bad), std::nullopt) << bad;
  }
}

TEST(ParseMemory, KnowsUnits) {
  EXPECT_EQ(ParseMemory("0"), 0);
  EXPECT_EQ(ParseMemory("12"), 12);
  EXPECT_EQ(ParseMemory("12b"), 12);
  EXPECT_EQ(ParseMemory("1k"), 1000);
  EXPECT_EQ(ParseMemory("1Kb"), 1024);
  EXPECT_EQ(ParseMemory("2m"), 2'000'000);
  EXPECT_EQ(ParseMemory("2MB"), 2 << 20);
  EXPECT_EQ(ParseMemory("3g"), 3'000'000'000);
  EXPECT_EQ(ParseMemory("1Gb"), 1 << 30);
  for (const char* bad : {"", "-1", "+1", "k", "1kk", "1 k", "1t", "1.5g", "9223372036854775808",
                          "9007199254740992kb"}) {
    EXPECT_EQ(ParseMemory(bad), std::nullopt) << bad;
  }
}

TEST(FormatDouble, LaysOutAsRedis) {
  EXPECT_EQ(FormatDouble(0.0), "0");
  EXPECT_EQ(FormatDouble(-0.0), "-0");
  EXPECT_EQ(FormatDouble(3), "3");
  EXPECT_EQ(FormatDouble(-17), "-17");
  EXPECT_EQ(FormatDouble(0.1), "0.1");
  EXPECT_EQ(FormatDouble(3.3), "3.3");
  EXPECT_EQ(FormatDouble(-2.5), "-2.5");
  EXPECT_EQ(FormatDouble(1e18), "1000000000000000000");
  EXPECT_EQ(FormatDouble(1e19), "1e+19");
  EXPECT_EQ(FormatDouble(1e30), "1e+30");
  EXPECT_EQ(FormatDouble(1.5e300), "1.5e+300");
  EXPECT_EQ(FormatDouble(0.001), "0.001");
  EXPECT_EQ(FormatDouble(0.000001), "0.000001");
  EXPECT_EQ(FormatDouble(1e-7), "1e-7");
  EXPECT_EQ(FormatDouble(1.5e-9), "1.5e-9");
  EXPECT_EQ(FormatDouble(1e-100), "1e-100");
  EXPECT_EQ(FormatDouble(1234.56789), "1234.56789");
  EXPECT_EQ(FormatDouble(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(FormatDouble(-std::numeric_limits<double>::infinity()), "-inf");
  EXPECT_EQ(FormatDouble(std::nan("")), "nan");
}

TEST(FormatDouble, ReadsBackTheSame) {
  Random random(4);
  for (int i = 0; i < 200'000; ++i) {
    const auto value = std::bit_cast<double>(random.Next());
    if (!std::isfinite(value)) continue;
    const std::string text = FormatDouble(value);
    ASSERT_LE(text.size(), kDoubleChars);
    ASSERT_EQ(ParseDouble(text), value) << text;
  }
}

TEST(FormatLongDouble, DropsTrailingZeros) {
  EXPECT_EQ(FormatLongDouble(10.5L), "10.5");
  EXPECT_EQ(FormatLongDouble(3.0L), "3");
  EXPECT_EQ(FormatLongDouble(100.0L), "100");
  EXPECT_EQ(FormatLongDouble(0.1L), "0.1");
  EXPECT_EQ(FormatLongDouble(-0.0L), "0");
  EXPECT_EQ(FormatLongDouble(-1e-30L), "0");
  EXPECT_EQ(FormatLongDouble(5.0e3L + 2.0e2L), "5200");
  EXPECT_EQ(FormatLongDouble(std::numeric_limits<long double>::infinity()), "inf");
  EXPECT_GT(FormatLongDouble(std::numeric_limits<long double>::max()).size(), 4900u);
}

}  // namespace
}  // namespace henge
