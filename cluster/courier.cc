// SPDX-License-Identifier: Apache-2.0
#include "cluster/courier.h"

#include <algorithm>

namespace henge::cluster {

void Courier::Call(std::function<void()> errand) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    errands_.push_back(std::move(errand));
    wake = std::exchange(resting_, false);
  }
  if (wake) told_.notify_one();
}

void Courier::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  told_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Courier::Pace(std::chrono::milliseconds period) {
  period_ = period;
  next_round_ = std::min(next_round_, std::chrono::steady_clock::now() + period);
}

void Courier::Run() {
  std::vector<std::function<void()>> now;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    now.swap(errands_);
    lock.unlock();
    for (const auto& errand : now) errand();
    now.clear();
    if (std::chrono::steady_clock::now() >= next_round_) {
      round_();
      next_round_ = std::chrono::steady_clock::now() + period_;
    }
    lock.lock();
    resting_ = true;
    told_.wait_until(lock, next_round_, [this] { return stopping_ || !errands_.empty(); });
    resting_ = false;
  }
}

}  // namespace henge::cluster
