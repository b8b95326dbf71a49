// SPDX-License-Identifier: Apache-2.0
// Doorbell: one thread sleeps, any thread wakes it. A ring while it is awake is remembered, once.
// Made to be a reader's `notify` where the reader is a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace henge::persistence {

class Doorbell {
 public:
  void Ring() {
    {
      const std::lock_guard lock(mutex_);
      rung_ = true;
    }
    sleeper_.notify_one();
  }

  // Until it rings, or for so long. Whether it rang.
  bool Wait(std::chrono::microseconds timeout) {
    std::unique_lock lock(mutex_);
    sleeper_.wait_for(lock, timeout, [this] { return rung_; });
    return std::exchange(rung_, false);
  }

 private:
  std::mutex mutex_;
  std::condition_variable sleeper_;
  bool rung_ = false;
};

}  // namespace henge::persistence
