// SPDX-License-Identifier: Apache-2.0
#include "base/mutex.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace henge {
namespace {

constexpr int kSpins = 64;

inline void Pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace

void SpinFutexMutex::LockSlow() {
  for (int i = 0; i < kSpins; ++i) {
    if (state_.load(std::memory_order_relaxed) == kFree && try_lock()) return;
    Pause();
  }
  // From here on this thread may sleep, so whoever unlocks must wake someone: mark it contended.
  while (state_.exchange(kContended, std::memory_order_acquire) != kFree) {
    state_.wait(kContended, std::memory_order_relaxed);
  }
}

}  // namespace henge
