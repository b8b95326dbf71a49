// SPDX-License-Identifier: Apache-2.0
// WaitHistogram: how long waits were, in buckets of powers of two. One thread at a time records,
// any thread reads; a reader may see a wait in its bucket a moment before it is in the sum.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/counter.h"

namespace henge::persistence {

class WaitHistogram {
 public:
  // Bucket i counts waits in [2^(i-1), 2^i) µs, 0 those under one, the last all from 4.2 s on.
  static constexpr size_t kBuckets = 24;

  void Record(uint64_t us) {
    const auto bucket = static_cast<size_t>(std::bit_width(us));
    buckets_[bucket < kBuckets ? bucket : kBuckets - 1].Add();
    sum_us_.Add(us);
  }

  uint64_t count(size_t bucket) const { return buckets_[bucket].get(); }
  uint64_t sum_us() const { return sum_us_.get(); }

 private:
  std::array<Counter, kBuckets> buckets_;
  Counter sum_us_;
};

}  // namespace henge::persistence
