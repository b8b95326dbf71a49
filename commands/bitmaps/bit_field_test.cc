// SPDX-License-Identifier: Apache-2.0
#include "commands/bitmaps/bit_field.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "base/random.h"

namespace henge::commands {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

FieldType Type(std::string_view text) { return *ParseFieldType(text); }

// The model moves single bits.
uint64_t NaiveGet(const std::string& bytes, uint64_t offset, unsigned bits) {
  uint64_t value = 0;
  for (uint64_t i = offset; i < offset + bits; ++i) {
    const bool on =
        i / 8 < bytes.size() && (static_cast<uint8_t>(bytes[i / 8]) >> (7 - i % 8) & 1) != 0;
    value = value << 1 | (on ? 1 : 0);
  }
  return value;
}

std::string NaiveSet(std::string bytes, uint64_t offset, unsigned bits, uint64_t value) {
  for (unsigned i = 0; i < bits; ++i) {
    const uint64_t at = offset + bits - 1 - i;
    const int mask = 0x80 >> at % 8;
    const int old = static_cast<uint8_t>(bytes[at / 8]);
    bytes[at / 8] = static_cast<char>((value >> i & 1) != 0 ? old | mask : old & ~mask);
  }
  return bytes;
}

TEST(BitField, ReadsTypes) {
  EXPECT_TRUE(Type("i64").is_signed);
  EXPECT_EQ(Type("i64").bits, 64u);
  EXPECT_EQ(Type("u63").bits, 63u);
  EXPECT_FALSE(Type("u1").is_signed);
  for (const char* text :
       {"", "i", "u", "u64", "i65", "i0", "u0", "i-1", "I8", "8", "i08", "u8 "}) {
    EXPECT_FALSE(ParseFieldType(text)) << text;
  }
}

TEST(BitField, GetsAndSetsLikeTheModel) {
  Random random(4);
  for (int round = 0; round < 50'000; ++round) {
    FieldType type;
    type.is_signed = random.Below(2) == 0;
    type.bits = 1 + static_cast<unsigned>(random.Below(type.is_signed ? 64 : 63));
    std::string bytes(1 + random.Below(24), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.Next());
    const uint64_t offset = random.Below(bytes.size() * 8 + 100);
    uint64_t raw = NaiveGet(bytes, offset, type.bits);
    if (type.is_signed && type.bits < 64 && (raw >> (type.bits - 1)) != 0) {
      raw |= ~uint64_t{0} << type.bits;
    }
    ASSERT_EQ(GetField(bytes, offset, type), static_cast<int64_t>(raw)) << round;
    if (offset + type.bits > bytes.size() * 8) continue;
    const uint64_t value = random.Next();
    const std::string expected = NaiveSet(bytes, offset, type.bits, value);
    SetField(bytes.data(), offset, type, static_cast<int64_t>(value));
    ASSERT_EQ(bytes, expected) << round;
  }
}

TEST(BitField, FitsValues) {
  EXPECT_EQ(FitField(255, Type("u8"), Overflow::kFail), 255);
  EXPECT_EQ(FitField(256, Type("u8"), Overflow::kWrap), 0);
  EXPECT_EQ(FitField(256, Type("u8"), Overflow::kSaturate), 255);
  EXPECT_EQ(FitField(256, Type("u8"), Overflow::kFail), std::nullopt);
  EXPECT_EQ(FitField(-1, Type("u8"), Overflow::kSaturate), 255);
  EXPECT_EQ(FitField(-1, Type("u8"), Overflow::kWrap), 255);
  EXPECT_EQ(FitField(-1, Type("u63"), Overflow::kSaturate), kMax);
  EXPECT_EQ(FitField(-129, Type("i8"), Overflow::kWrap), 127);
  EXPECT_EQ(FitField(-129, Type("i8"), Overflow::kSaturate), -128);
  EXPECT_EQ(FitField(128, Type("i8"), Overflow::kWrap), -128);
  EXPECT_EQ(FitField(kMin, Type("i64"), Overflow::kFail), kMin);
  EXPECT_EQ(FitField(1, Type("i1"), Overflow::kWrap), -1);
  EXPECT_EQ(FitField(1, Type("i1"), Overflow::kSaturate), 0);
}

TEST(BitField, AddsAtTheEdges) {
  EXPECT_EQ(AddToField(kMax, 1, Type("i64"), Overflow::kWrap), kMin);
  EXPECT_EQ(AddToField(kMax, kMax, Type("i64"), Overflow::kSaturate), kMax);
  EXPECT_EQ(AddToField(kMin, -1, Type("i64"), Overflow::kWrap), kMax);
  EXPECT_EQ(AddToField(kMin, kMin, Type("i64"), Overflow::kSaturate), kMin);
  EXPECT_EQ(AddToField(kMax, 1, Type("i64"), Overflow::kFail), std::nullopt);
  EXPECT_EQ(AddToField(kMax, 1, Type("u63"), Overflow::kWrap), 0);
  EXPECT_EQ(AddToField(0, -1, Type("u63"), Overflow::kWrap), kMax);
  EXPECT_EQ(AddToField(3, -10, Type("u8"), Overflow::kSaturate), 0);
  EXPECT_EQ(AddToField(3, -10, Type("u8"), Overflow::kFail), std::nullopt);
}

TEST(BitField, AddsLikeTheModel) {
  for (const unsigned bits : {1u, 2u, 5u}) {
    for (const bool is_signed : {false, true}) {
      const int64_t lowest = is_signed ? -(int64_t{1} << (bits - 1)) : 0;
      const int64_t count = int64_t{1} << bits;
      const int64_t highest = lowest + count - 1;
      for (int64_t value = lowest; value <= highest; ++value) {
        for (int64_t delta = -100; delta <= 100; ++delta) {
          const FieldType type{is_signed, bits};
          const int64_t sum = value + delta;
          const bool fits = sum >= lowest && sum <= highest;
          const int64_t wrapped = lowest + (((sum - lowest) % count) + count) % count;
          const int64_t clamped = std::min(std::max(sum, lowest), highest);
          ASSERT_EQ(AddToField(value, delta, type, Overflow::kWrap), wrapped);
          ASSERT_EQ(AddToField(value, delta, type, Overflow::kSaturate), clamped);
          ASSERT_EQ(AddToField(value, delta, type, Overflow::kFail).has_value(), fits);
        }
      }
    }
  }
}

}  // namespace
}  // namespace henge::commands
