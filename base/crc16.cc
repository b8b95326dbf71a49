// SPDX-License-Identifier: Apache-2.0
#include "base/crc16.h"

#include <array>
#include <cstddef>

namespace henge {
namespace {

// kTables[k][b] is the checksum of byte b followed by k zero bytes. Since the checksum is linear,
// eight bytes fold at once: each looks up its own contribution and the eight are xor-ed.
using Table = std::array<uint16_t, 256>;

constexpr std::array<Table, 8> MakeTables() {
  std::array<Table, 8> tables{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1) ^ ((crc & 0x8000) != 0 ? 0x1021u : 0u);
    tables[0][byte] = static_cast<uint16_t>(crc);
  }
  for (size_t k = 1; k < tables.size(); ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint16_t previous = tables[k - 1][byte];
      tables[k][byte] = static_cast<uint16_t>((previous << 8) ^ tables[0][previous >> 8]);
    }
  }
  return tables;
}

constexpr std::array<Table, 8> kTables = MakeTables();

inline uint16_t FoldEight(uint16_t crc, const unsigned char* p) {
  return static_cast<uint16_t>(kTables[7][p[0] ^ (crc >> 8)] ^ kTables[6][p[1] ^ (crc & 0xff)] ^
                               kTables[5][p[2]] ^ kTables[4][p[3]] ^ kTables[3][p[4]] ^
                               kTables[2][p[5]] ^ kTables[1][p[6]] ^ kTables[0][p[7]]);
}

}  // namespace

uint16_t Crc16(std::string_view data) {
  auto p = reinterpret_cast<const unsigned char*>(data.data());
  size_t left = data.size();
  uint16_t crc = 0;
  for (; left >= 8; left -= 8, p += 8) crc = FoldEight(crc, p);
  for (; left > 0; --left, ++p) {
    crc = static_cast<uint16_t>((crc << 8) ^ kTables[0][(crc >> 8) ^ *p]);
  }
  return crc;
}

std::string_view HashTag(std::string_view key) {
  const size_t open = key.find('{');
  if (open == std::string_view::npos) return key;
  const size_t close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

Slot KeySlot(std::string_view key) { return static_cast<Slot>(Crc16(HashTag(key)) & (kSlots - 1)); }

}  // namespace henge
