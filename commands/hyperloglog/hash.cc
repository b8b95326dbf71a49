// SPDX-License-Identifier: Apache-2.0
#include "commands/hyperloglog/hash.h"

#include <bit>
#include <cstring>

#include "commands/hyperloglog/layout.h"

namespace henge::commands::hll {
namespace {

constexpr uint64_t kMultiplier = 0xc6a4a7935bd1e995;
constexpr int kShift = 47;
constexpr uint64_t kSeed = 0xadc83b19;

uint64_t LoadLittleEndian(const char* bytes, size_t size) {
  if constexpr (std::endian::native == std::endian::little) {
    uint64_t word = 0;
    std::memcpy(&word, bytes, size);
    return word;
  }
  uint64_t word = 0;
  for (size_t i = 0; i < size; ++i) word |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  return word;
}

}  // namespace

uint64_t MurmurHash64A(std::string_view bytes, uint64_t seed) {
  uint64_t hash = seed ^ bytes.size() * kMultiplier;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    uint64_t word = LoadLittleEndian(bytes.data(), 8) * kMultiplier;
    word ^= word >> kShift;
    hash = (hash ^ word * kMultiplier) * kMultiplier;
  }
  if (!bytes.empty()) {
    hash = (hash ^ LoadLittleEndian(bytes.data(), bytes.size())) * kMultiplier;
  }
  hash = (hash ^ hash >> kShift) * kMultiplier;
  return hash ^ hash >> kShift;
}

Hit HitOf(std::string_view element) {
  const uint64_t hash = MurmurHash64A(element, kSeed);
  // The bit above the hash ends the run of zeros where there is no other.
  const uint64_t rest = hash >> kIndexBits | uint64_t{1} << (64 - kIndexBits);
  return {.index = static_cast<uint16_t>(hash & (kRegisters - 1)),
          .rank = static_cast<uint8_t>(std::countr_zero(rest) + 1)};
}

}  // namespace henge::commands::hll
