// SPDX-License-Identifier: Apache-2.0
// A statistic that one thread at a time writes (its owner, or whoever holds a lock) and any thread
// reads: relaxed, without the bus lock of an atomic add.
#pragma once

#include <atomic>
#include <cstdint>

namespace henge {

class Counter {
 public:
  void Add(uint64_t n = 1) { value_.store(get() + n, std::memory_order_relaxed); }
  void Sub(uint64_t n = 1) { value_.store(get() - n, std::memory_order_relaxed); }
  void Set(uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace henge
