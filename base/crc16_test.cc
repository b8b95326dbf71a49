// SPDX-License-Identifier: Apache-2.0
#include "base/crc16.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"

namespace henge {
namespace {

uint16_t BitByBit(std::string_view data) {
  unsigned crc = 0;
  for (const char c : data) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1) ^ ((crc & 0x8000) != 0 ? 0x1021u : 0u);
    crc &= 0xffff;
  }
  return static_cast<uint16_t>(crc);
}

TEST(Crc16, MatchesThePublishedCheckValue) {
  EXPECT_EQ(Crc16("123456789"), 0x31c3);
  EXPECT_EQ(Crc16(""), 0);
}

TEST(Crc16, AgreesWithTheBitByBitDefinitionAtEveryLength) {
  Random random(1);
  for (size_t length = 0; length < 200; ++length) {
    std::string data(length, '\0');
    for (char& c : data) c = static_cast<char>(random.Next());
    ASSERT_EQ(Crc16(data), BitByBit(data)) << length;
  }
}

TEST(KeySlot, GivesTheSlotsRedisGives) {
  EXPECT_EQ(KeySlot("foo"), 12182);
  EXPECT_EQ(KeySlot("bar"), 5061);
  EXPECT_EQ(KeySlot("hello"), 866);
  EXPECT_EQ(KeySlot("123456789"), 12739);
  EXPECT_EQ(KeySlot(""), 0);
}

TEST(KeySlot, HashesOnlyTheFirstNonEmptyTag) {
  EXPECT_EQ(KeySlot("{user1000}.following"), KeySlot("user1000"));
  EXPECT_EQ(KeySlot("a{foo}b{bar}c"), KeySlot("foo"));
  EXPECT_EQ(HashTag("foo{}{bar}"), "foo{}{bar}");
  EXPECT_EQ(HashTag("foo{{bar}}zap"), "{bar");
  EXPECT_EQ(HashTag("foo{bar}{zap}"), "bar");
  EXPECT_EQ(HashTag("}foo{bar"), "}foo{bar");
  EXPECT_EQ(HashTag("{"), "{");
  EXPECT_EQ(HashTag("{}"), "{}");
}

}  // namespace
}  // namespace henge
