// SPDX-License-Identifier: Apache-2.0
// A four-byte lock: spins for a moment, then sleeps on a futex. Made for shards, whose critical
// sections last a fraction of a microsecond and are rarely contended.
//
// Not recursive, not fair. Usable with std::lock_guard. Built on std::atomic, so ThreadSanitizer
// sees its edges.
//
// Where a lock may be held for long (by a script), a thread can have something better to do than to
// sleep: `while_waiting`, if set, is called now and then.
#pragma once

#include <atomic>
#include <cstdint>

namespace henge {

class SpinFutexMutex {
 public:
  void lock() {
    uint32_t expected = kFree;
    if (!state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire)) {
      LockSlow(nullptr);
    }
  }
  // As lock, but gives up, and returns false, once `give_up` is set.
  bool lock_unless(const std::atomic<bool>& give_up) { return try_lock() || LockSlow(&give_up); }
  bool try_lock() {
    uint32_t expected = kFree;
    return state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire);
  }
  // Waits for as long as ordinary holders hold it, a few microseconds at most.
  bool try_lock_briefly() { return try_lock() || Spin(); }
  void unlock() {
    if (state_.exchange(kFree, std::memory_order_release) == kContended) WakeOne();
  }

  // This thread's.
  struct Waiting {
    void (*call)(void* context);
    void* context;
  };
  inline static thread_local Waiting while_waiting{nullptr, nullptr};

 private:
  enum : uint32_t { kFree, kHeld, kContended };
  bool Spin();
  bool LockSlow(const std::atomic<bool>* give_up);
  void Sleep();
  void WakeOne();
  std::atomic<uint32_t> state_{kFree};
};

}  // namespace henge
