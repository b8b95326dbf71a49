// SPDX-License-Identifier: Apache-2.0
#include "commands/bitmaps/bits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"

namespace henge::commands {
namespace {

// The models work bit by bit.
bool NaiveBit(const std::string& bytes, uint64_t at) {
  return at / 8 < bytes.size() && (static_cast<uint8_t>(bytes[at / 8]) & (128u >> at % 8)) != 0;
}

uint64_t NaiveCount(const std::string& bytes, BitRange range) {
  uint64_t count = 0;
  for (uint64_t i = range.first; i <= range.last; ++i) count += NaiveBit(bytes, i) ? 1 : 0;
  return count;
}

std::optional<uint64_t> NaiveFind(const std::string& bytes, bool bit, BitRange range) {
  for (uint64_t i = range.first; i <= range.last; ++i) {
    if (NaiveBit(bytes, i) == bit) return i;
  }
  return std::nullopt;
}

std::string RandomBytes(Random& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Next());
  return bytes;
}

TEST(Bits, CountsLikeTheModel) {
  Random random(1);
  for (size_t size : {0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 200, 991, 992, 993, 1024, 5000}) {
    const std::string bytes = RandomBytes(random, size + 1);
    const std::string_view unaligned = std::string_view(bytes).substr(1);
    const uint64_t expected = size == 0 ? 0 : NaiveCount(bytes, {8, size * 8 + 7});
    EXPECT_EQ(CountBits(unaligned), expected) << size;
  }
  const std::string ones(10'000, '\xff');
  EXPECT_EQ(CountBits(ones), 80'000u);
}

TEST(Bits, CountsAndFindsInRangesLikeTheModel) {
  Random random(2);
  for (int round = 0; round < 20'000; ++round) {
    const size_t size = 1 + random.Below(90);
    std::string bytes = round % 3 == 0 ? RandomBytes(random, size)
                                       : std::string(size, round % 3 == 1 ? '\0' : '\xff');
    if (round % 5 != 0) SetBit(bytes.data(), random.Below(size * 8), round % 3 == 1);
    BitRange range{random.Below(size * 8), random.Below(size * 8)};
    if (range.first > range.last) std::swap(range.first, range.last);
    EXPECT_EQ(CountBits(bytes, range), NaiveCount(bytes, range));
    EXPECT_EQ(FindBit(bytes, true, range), NaiveFind(bytes, true, range));
    EXPECT_EQ(FindBit(bytes, false, range), NaiveFind(bytes, false, range));
  }
}

TEST(Bits, SetsWhatItGets) {
  std::string bytes(4, '\0');
  SetBit(bytes.data(), 0, true);
  SetBit(bytes.data(), 31, true);
  EXPECT_EQ(bytes, std::string("\x80\0\0\x01", 4));
  EXPECT_TRUE(GetBit(bytes, 31));
  EXPECT_FALSE(GetBit(bytes, 30));
  EXPECT_FALSE(GetBit(bytes, 32));
  SetBit(bytes.data(), 0, false);
  EXPECT_FALSE(GetBit(bytes, 0));
}

char NaiveByte(BitOperation operation, const std::vector<std::string>& inputs, size_t at) {
  const auto byte = [&](size_t i) {
    return at < inputs[i].size() ? static_cast<uint8_t>(inputs[i][at]) : uint8_t{0};
  };
  uint8_t out = byte(0);
  if (operation == BitOperation::kNot) return static_cast<char>(~out);
  for (size_t i = 1; i < inputs.size(); ++i) {
    if (operation == BitOperation::kAnd) out &= byte(i);
    if (operation == BitOperation::kOr) out |= byte(i);
    if (operation == BitOperation::kXor) out ^= byte(i);
  }
  return static_cast<char>(out);
}

TEST(Bits, CombinesLikeTheModel) {
  Random random(3);
  for (int round = 0; round < 600; ++round) {
    const auto operation = static_cast<BitOperation>(round % 4);
    std::vector<std::string> inputs(operation == BitOperation::kNot ? 1 : 1 + random.Below(5));
    size_t size = 0;
    for (std::string& input : inputs) {
      input = RandomBytes(random, random.Below(round % 2 == 0 ? 100 : 12'000));
      size = std::max(size, input.size());
    }
    std::string expected(size, '\0');
    for (size_t i = 0; i < size; ++i) expected[i] = NaiveByte(operation, inputs, i);
    std::string out(size, 'x');
    const std::vector<std::string_view> views(inputs.begin(), inputs.end());
    CombineBits(operation, views, out.data());
    EXPECT_TRUE(out == expected) << round;
  }
}

}  // namespace
}  // namespace henge::commands
