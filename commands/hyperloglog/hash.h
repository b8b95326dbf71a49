// SPDX-License-Identifier: Apache-2.0
// Where an element strikes: MurmurHash64A under Redis's seed chooses a register by its low 14 bits,
// and the zeros that follow are its rank. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace henge::commands::hll {

// A register, and the rank it must have at least.
struct Hit {
  uint16_t index;
  uint8_t rank;  // 1 … kMaxRank.
};

Hit HitOf(std::string_view element);

// Austin Appleby's MurmurHash2 for 64 bits, words read as little endian.
uint64_t MurmurHash64A(std::string_view bytes, uint64_t seed);

}  // namespace henge::commands::hll
