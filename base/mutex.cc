// SPDX-License-Identifier: Apache-2.0
#include "base/mutex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

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

bool SpinFutexMutex::Spin() {
  for (int i = 0; i < kSpins; ++i) {
    if (state_.load(std::memory_order_relaxed) == kFree && try_lock()) return true;
    Pause();
  }
  return false;
}

bool SpinFutexMutex::LockSlow(const std::atomic<bool>* give_up) {
  if (Spin()) return true;
  // From here on this thread may sleep, so whoever unlocks must wake someone: mark it contended.
  while (state_.exchange(kContended, std::memory_order_acquire) != kFree) {
    if (give_up != nullptr && give_up->load(std::memory_order_relaxed)) return false;
    Sleep();
    if (while_waiting.call != nullptr) while_waiting.call(while_waiting.context);
  }
  return true;
}

// Until woken, or for a few milliseconds.
void SpinFutexMutex::Sleep() {
  constexpr timespec kLongest = {.tv_sec = 0, .tv_nsec = 10'000'000};
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&state_), FUTEX_WAIT_PRIVATE, kContended,
          &kLongest, nullptr, 0);
}

void SpinFutexMutex::WakeOne() {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&state_), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr,
          0);
}

}  // namespace henge
