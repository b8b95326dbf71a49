// SPDX-License-Identifier: Apache-2.0
// Desk: where callbacks of others (the coordinator's, gRPC's) leave errands for the thread of a
// node's life. They may come at any time, also when that life is over: then an errand is dropped,
// and what it holds goes with it (question.h answers by that). So are errands that lie there when
// the desk is closed.
//
// Any thread; shared by all who may call.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "cluster/courier.h"

namespace henge::cluster {

class Desk {
 public:
  // Whoever does the errands, in the order in which they are given: a courier, unless time is
  // simulated. It must not do them within the call.
  using Taker = std::function<void(std::function<void()>)>;

  void Open(Courier* courier) {
    const std::lock_guard lock(mutex_);
    courier_ = courier;
    taker_ = nullptr;
    if (courier == nullptr) return;
    taker_ = [courier](std::function<void()> errand) { courier->Call(std::move(errand)); };
  }
  void Open(Taker taker) {
    const std::lock_guard lock(mutex_);
    courier_ = nullptr;
    taker_ = std::move(taker);
  }
  // For good. When it has returned, the courier is not called any more.
  void Close() {
    closed_->store(true);
    Open(static_cast<Courier*>(nullptr));
  }

  void Call(std::function<void()> errand) {
    const std::lock_guard lock(mutex_);
    if (taker_ == nullptr) return;
    taker_([closed = closed_, errand = std::move(errand)] {
      if (!closed->load()) errand();
    });
  }
  // On the thread itself.
  void Pace(std::chrono::milliseconds period) {
    const std::lock_guard lock(mutex_);
    if (courier_ != nullptr) courier_->Pace(period);
  }

 private:
  const std::shared_ptr<std::atomic<bool>> closed_ = std::make_shared<std::atomic<bool>>(false);
  std::mutex mutex_;
  Taker taker_;                 // Guarded by mutex_,
  Courier* courier_ = nullptr;  // as this.
};

}  // namespace henge::cluster
