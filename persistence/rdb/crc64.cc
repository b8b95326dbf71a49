// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/crc64.h"

#include <array>
#include <cstring>

namespace henge::persistence {
namespace {

constexpr uint64_t kReflectedPolynomial = 0x95ac9329ac4bc9b5;
constexpr size_t kSlices = 16;

// kTables[k][b]: what byte b does to the sum when k bytes follow it.
using Tables = std::array<std::array<uint64_t, 256>, kSlices>;

Tables MakeTables() {
  Tables tables{};
  for (uint64_t byte = 0; byte < 256; ++byte) {
    uint64_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1) != 0 ? (crc >> 1) ^ kReflectedPolynomial : crc >> 1;
    }
    tables[0][byte] = crc;
  }
  for (size_t k = 1; k < kSlices; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint64_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

uint64_t Load8(const char* p) {
  uint64_t word;
  std::memcpy(&word, p, 8);
  return word;
}

// The part of eight bytes behind which `first` - 7 more follow.
uint64_t Slice(const Tables& tables, size_t first, uint64_t word) {
  uint64_t crc = 0;
  for (size_t i = 0; i < 8; ++i) crc ^= tables[first - i][(word >> (8 * i)) & 0xff];
  return crc;
}

}  // namespace

uint64_t Crc64(uint64_t crc, std::string_view bytes) {
  static const Tables tables = MakeTables();
  const char* p = bytes.data();
  size_t left = bytes.size();
  for (; left >= 16; p += 16, left -= 16) {
    crc = Slice(tables, 15, Load8(p) ^ crc) ^ Slice(tables, 7, Load8(p + 8));
  }
  for (; left > 0; ++p, --left) {
    crc = tables[0][(crc ^ static_cast<unsigned char>(*p)) & 0xff] ^ (crc >> 8);
  }
  return crc;
}

}  // namespace henge::persistence
