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
  void Open(Courier* courier) {
    const std::lock_guard lock(mutex_);
    courier_ = courier;
  }
  // For good. When it has returned, the courier is not called any more.
  void Close() {
    closed_->store(true);
    Open(nullptr);
  }

  void Call(std::function<void()> errand) {
    const std::lock_guard lock(mutex_);
    if (courier_ == nullptr) return;
    courier_->Call([closed = closed_, errand = std::move(errand)] {
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
  Courier* courier_ = nullptr;  // Guarded by mutex_.
};

}  // namespace henge::cluster
