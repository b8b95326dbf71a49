// SPDX-License-Identifier: Apache-2.0
// A small fast generator (xoshiro256**, Blackman and Vigna 2018) for sampling, not for secrets.
#pragma once

#include <cstdint>
#include <string>

namespace henge {

__extension__ using Uint128 = unsigned __int128;

class Random {
 public:
  explicit Random(uint64_t seed) {
    for (uint64_t& word : state_) {  // splitmix64, so that close seeds give far states.
      seed += 0x9e3779b97f4a7c15;
      uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      word = z ^ (z >> 31);
    }
  }

  uint64_t Next() {
    const uint64_t result = Rotl(state_[1] * 5, 7) * 9;
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = Rotl(state_[3], 45);
    return result;
  }

  // Uniform in [0, n); n must not be 0.
  uint64_t Below(uint64_t n) {
    return static_cast<uint64_t>((static_cast<Uint128>(Next()) * n) >> 64);
  }
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  static uint64_t Rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  uint64_t state_[4];
};

// A generator of the calling thread, seeded from the kernel.
Random& ThreadRandom();

// 64 bits from the kernel: for hash seeds.
uint64_t EntropySeed();

// `length` lower-case hex digits from the kernel: run ids, node ids.
std::string RandomHex(int length);

}  // namespace henge
