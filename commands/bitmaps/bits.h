// SPDX-License-Identifier: Apache-2.0
// Arithmetic on strings as rows of bits. Bit 0 is the highest bit of the first byte, as Redis
// counts. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace henge::commands {

struct BitRange {
  uint64_t first;
  uint64_t last;  // Inclusive.
};

// How many bits are set. Where the processor has AVX2, 32 bytes a step.
uint64_t CountBits(std::string_view bytes);
// REQUIRES: first <= last, both within the bytes; here and in FindBit.
uint64_t CountBits(std::string_view bytes, BitRange range);

// Where the first bit of that value is in the range.
std::optional<uint64_t> FindBit(std::string_view bytes, bool bit, BitRange range);

inline bool GetBit(std::string_view bytes, uint64_t bit) {  // Beyond the end: clear.
  const uint64_t byte = bit / 8;
  return byte < bytes.size() && (static_cast<uint8_t>(bytes[byte]) >> (7 - bit % 8) & 1) != 0;
}
inline void SetBit(char* bytes, uint64_t bit, bool on) {
  const auto mask = static_cast<uint8_t>(0x80 >> bit % 8);
  const auto old = static_cast<uint8_t>(bytes[bit / 8]);
  bytes[bit / 8] = static_cast<char>(on ? old | mask : old & ~mask);
}

enum class BitOperation : uint8_t { kAnd, kOr, kXor, kNot };

// The operation over all inputs, each continued with zeros to the longest, into `out`, which has
// that length and does not overlap them. REQUIRES: at least one input, for kNot exactly one.
void CombineBits(BitOperation operation, std::span<const std::string_view> inputs, char* out);

}  // namespace henge::commands
