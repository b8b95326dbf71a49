// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/crc64.h"

#include <gtest/gtest.h>

#include <string>

namespace henge::persistence {
namespace {

TEST(Crc64, IsRedisS) {
  EXPECT_EQ(Crc64(0, ""), 0u);
  EXPECT_EQ(Crc64(0, "123456789"), 0xe9c6d914c4b8d9caULL);
}

// Against the definition, bit by bit.
uint64_t Slowly(std::string_view bytes) {
  uint64_t crc = 0;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x95ac9329ac4bc9b5 : crc >> 1;
    }
  }
  return crc;
}

TEST(Crc64, IsTheSameHoweverTheBytesAreCut) {
  std::string bytes;
  for (uint32_t i = 0; i < 300; ++i) bytes.push_back(static_cast<char>(i * 2654435761u >> 13));
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string_view part(bytes.data() + size % 7, size - size % 7);
    ASSERT_EQ(Crc64(0, part), Slowly(part)) << size;
    const size_t cut = part.size() / 3;
    ASSERT_EQ(Crc64(Crc64(0, part.substr(0, cut)), part.substr(cut)), Slowly(part));
  }
}

}  // namespace
}  // namespace henge::persistence
