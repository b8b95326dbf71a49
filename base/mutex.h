// SPDX-License-Identifier: Apache-2.0
// A four-byte lock: spins for a moment, then sleeps on a futex. Made for shards, whose critical
// sections last a fraction of a microsecond and are rarely contended.
//
// Not recursive, not fair. Usable with std::lock_guard. Built on std::atomic, so ThreadSanitizer
// sees its edges.
#pragma once

#include <atomic>
#include <cstdint>

namespace henge {

class SpinFutexMutex {
 public:
  void lock() {
    uint32_t expected = kFree;
    if (!state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire)) LockSlow();
  }
  bool try_lock() {
    uint32_t expected = kFree;
    return state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire);
  }
  void unlock() {
    if (state_.exchange(kFree, std::memory_order_release) == kContended) state_.notify_one();
  }

 private:
  enum : uint32_t { kFree, kHeld, kContended };
  void LockSlow();
  std::atomic<uint32_t> state_{kFree};
};

}  // namespace henge
