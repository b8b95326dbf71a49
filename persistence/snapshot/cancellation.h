// SPDX-License-Identifier: Apache-2.0
// Cancellation: the wish that a snapshot ends early, and a wait that ends when it comes. Once
// wished it stays so. Any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace henge::persistence {

class Cancellation {
 public:
  void Cancel() {
    const std::lock_guard lock(mu_);
    cancelled_.store(true, std::memory_order_relaxed);
    wished_.notify_all();
  }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  // Lets that much time pass, unless cancelled.
  void Wait(std::chrono::microseconds time) {
    std::unique_lock lock(mu_);
    wished_.wait_for(lock, time, [this] { return cancelled(); });
  }

 private:
  std::mutex mu_;
  std::condition_variable wished_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace henge::persistence
