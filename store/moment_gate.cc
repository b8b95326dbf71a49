// SPDX-License-Identifier: Apache-2.0
#include "store/moment_gate.h"

#include <chrono>
#include <thread>

namespace henge::store {
namespace {

// The lock is not fair, and work follows work: so it lets others go first, but not for ever.
constexpr int kPatience = 10;
constexpr auto kPause = std::chrono::microseconds(50);

}  // namespace

MomentGate::Entry MomentGate::Enter(const std::atomic<bool>* give_up) {
  if (within_ == this) return Entry::kWithin;
  if (mu_.try_lock()) return Entry::kEntered;
  waiting_.fetch_add(1, std::memory_order_relaxed);
  bool entered = true;
  if (give_up == nullptr) {
    mu_.lock();
  } else {
    entered = mu_.lock_unless(*give_up);
  }
  waiting_.fetch_sub(1, std::memory_order_relaxed);
  return entered ? Entry::kEntered : Entry::kGaveUp;
}

MomentGate::Work::Work(MomentGate& gate) : gate_(gate) {
  for (int i = 0; i < kPatience && gate_.waiting_.load(std::memory_order_relaxed) > 0; ++i) {
    std::this_thread::sleep_for(kPause);
  }
  gate_.mu_.lock();
  within_ = &gate_;
}

MomentGate::Work::~Work() {
  within_ = nullptr;
  gate_.mu_.unlock();
}

}  // namespace henge::store
