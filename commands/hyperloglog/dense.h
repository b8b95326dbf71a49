// SPDX-License-Identifier: Apache-2.0
// The dense form: 16384 registers of six bits, the first in the low bits of the first byte.
//
//   byte 0     byte 1     byte 2
//   11000000   22221111   33333322     (each byte written from its high bit on)
//
// Work on all registers takes eight at once, 48 bits in a word, in loops that compilers vectorise.
// Pure functions; `bytes` are the kDenseBytes behind the header; any thread.
#pragma once

#include <array>
#include <cstdint>

#include "commands/hyperloglog/estimate.h"
#include "commands/hyperloglog/layout.h"

namespace henge::commands::hll {

// A byte for each register.
struct alignas(64) Registers {
  std::array<uint8_t, kRegisters> ranks;
};

inline uint8_t DenseRank(const uint8_t* bytes, uint32_t index) {
  const uint32_t bit = index * kRegisterBits;
  const uint32_t shift = bit % 8;
  uint32_t pair = bytes[bit / 8];
  if (shift > 8 - kRegisterBits) pair |= uint32_t{bytes[bit / 8 + 1]} << 8;
  return static_cast<uint8_t>(pair >> shift & 63);
}

// REQUIRES: rank < 64.
void SetDenseRank(uint8_t* bytes, uint32_t index, uint8_t rank);

Histogram DenseHistogram(const uint8_t* bytes);
Histogram HistogramOf(const Registers& registers);

// Raises `registers` to what stands in `bytes`.
void MergeDense(const uint8_t* bytes, Registers& registers);
// The registers as kDenseBytes. REQUIRES: no rank above 63.
void PackDense(const Registers& registers, uint8_t* bytes);

}  // namespace henge::commands::hll
