// SPDX-License-Identifier: Apache-2.0
#include "commands/hyperloglog/dense.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace henge::commands::hll {
namespace {

constexpr size_t kGroups = kRegisters / 8;     // Of eight registers,
constexpr size_t kGroupBytes = kRegisterBits;  // which take six bytes packed.
constexpr uint32_t kPairs = 1u << (2 * kRegisterBits);

using Words = std::array<uint64_t, kGroups>;

// The six bytes of each group as a number.
void LoadGroups(const uint8_t* bytes, Words& words) {
  if constexpr (std::endian::native == std::endian::little) {
    // Eight bytes are read for six, but for the last group.
    for (size_t i = 0; i + 1 < kGroups; ++i) {
      std::memcpy(&words[i], bytes + i * kGroupBytes, 8);
      words[i] &= (uint64_t{1} << 48) - 1;
    }
    words[kGroups - 1] = 0;
    std::memcpy(&words[kGroups - 1], bytes + (kGroups - 1) * kGroupBytes, kGroupBytes);
    return;
  }
  for (size_t i = 0; i < kGroups; ++i) {
    words[i] = 0;
    for (size_t j = 0; j < kGroupBytes; ++j) {
      words[i] |= uint64_t{bytes[i * kGroupBytes + j]} << (8 * j);
    }
  }
}

// 48 bits to eight bytes of six bits each, halving the runs: 24, 12, 6.
inline uint64_t Spread(uint64_t word) {
  word = (word & 0x0000000000ffffff) | (word & 0x0000ffffff000000) << 8;
  word = (word & 0x00000fff00000fff) | (word & 0x00fff00000fff000) << 4;
  return (word & 0x003f003f003f003f) | (word & 0x0fc00fc00fc00fc0) << 2;
}
// And back.
inline uint64_t Gather(uint64_t word) {
  word = (word & 0x003f003f003f003f) | (word & 0x3f003f003f003f00) >> 2;
  word = (word & 0x00000fff00000fff) | (word & 0x0fff00000fff0000) >> 4;
  return (word & 0x0000000000ffffff) | (word & 0x00ffffff00000000) >> 8;
}

}  // namespace

void SetDenseRank(uint8_t* bytes, uint32_t index, uint8_t rank) {
  const uint32_t bit = index * kRegisterBits;
  const uint32_t shift = bit % 8;
  uint8_t* at = bytes + bit / 8;
  at[0] = static_cast<uint8_t>((at[0] & ~(63u << shift)) | unsigned{rank} << shift);
  if (shift <= 8 - kRegisterBits) return;
  at[1] = static_cast<uint8_t>((at[1] & ~(63u >> (8 - shift))) | unsigned{rank} >> (8 - shift));
}

namespace {

// Counts pairs of registers, half as many as there are registers, then sums the table of 64 × 64
// by rows and by columns, which vectorises. Two tables, since neighbours are often alike and an
// increment waits for the one before it of the same counter.
Histogram HistogramOfGroups(const Words& words) {
  std::array<std::array<uint16_t, kPairs>, 2> pairs{};
  for (const uint64_t word : words) {
    ++pairs[0][word & (kPairs - 1)];
    ++pairs[1][word >> 12 & (kPairs - 1)];
    ++pairs[0][word >> 24 & (kPairs - 1)];
    ++pairs[1][word >> 36];
  }
  Histogram histogram{};
  std::array<uint16_t, 64> low{};  // At most 8192 each.
  for (uint32_t high = 0; high < 64; ++high) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 64; ++i) {
      const auto count = static_cast<uint16_t>(pairs[0][high * 64 + i] + pairs[1][high * 64 + i]);
      low[i] = static_cast<uint16_t>(low[i] + count);
      sum += count;
    }
    histogram[high] += sum;
  }
  for (uint32_t i = 0; i < 64; ++i) histogram[i] += low[i];
  return histogram;
}

// Eight registers as a number, the first in its low byte.
inline uint64_t LoadRanks(const uint8_t* ranks) {
  uint64_t word = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&word, ranks, 8);
  } else {
    for (size_t i = 0; i < 8; ++i) word |= uint64_t{ranks[i]} << (8 * i);
  }
  return word;
}

}  // namespace

Histogram DenseHistogram(const uint8_t* bytes) {
  Words words;
  LoadGroups(bytes, words);
  return HistogramOfGroups(words);
}

Histogram HistogramOf(const Registers& registers) {
  Words words;
  for (size_t i = 0; i < kGroups; ++i) words[i] = LoadRanks(registers.ranks.data() + 8 * i);
  for (uint64_t& word : words) word = Gather(word);
  return HistogramOfGroups(words);
}

void MergeDense(const uint8_t* bytes, Registers& registers) {
  Words words;
  LoadGroups(bytes, words);
  for (uint64_t& word : words) word = Spread(word);
  std::array<uint8_t, kRegisters> ranks;
  static_assert(sizeof(ranks) == sizeof(words));
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(ranks.data(), words.data(), sizeof(ranks));
  } else {
    for (uint32_t i = 0; i < kRegisters; ++i) {
      ranks[i] = static_cast<uint8_t>(words[i / 8] >> (i % 8 * 8));
    }
  }
  for (uint32_t i = 0; i < kRegisters; ++i) {
    registers.ranks[i] = std::max(registers.ranks[i], ranks[i]);
  }
}

void PackDense(const Registers& registers, uint8_t* bytes) {
  for (size_t i = 0; i < kGroups; ++i) {
    const uint64_t word = Gather(LoadRanks(registers.ranks.data() + 8 * i));
    uint8_t* to = bytes + i * kGroupBytes;
    if (std::endian::native == std::endian::little && i + 1 < kGroups) {
      std::memcpy(to, &word, 8);  // The two zeros behind are the next group's.
    } else {
      for (size_t j = 0; j < kGroupBytes; ++j) to[j] = static_cast<uint8_t>(word >> (8 * j));
    }
  }
}

}  // namespace henge::commands::hll
