// SPDX-License-Identifier: Apache-2.0
// Desk: where callbacks of others (the coordinator's, gRPC's) leave errands for the thread of a
// node's life. They may come at any time, also when that life is over: then an errand is dropped,
// and what it holds goes with it (question.h answers by that).
//
// Any thread; shared by all who may call.
#pragma once

#include <chrono>
#include <functional>
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
  // When it has returned, the courier is not called any more.
  void Close() { Open(nullptr); }

  void Call(std::function<void()> errand) {
    const std::lock_guard lock(mutex_);
    if (courier_ != nullptr) courier_->Call(std::move(errand));
  }
  // On the thread itself.
  void Pace(std::chrono::milliseconds period) {
    const std::lock_guard lock(mutex_);
    if (courier_ != nullptr) courier_->Pace(period);
  }

 private:
  std::mutex mutex_;
  Courier* courier_ = nullptr;  // Guarded by mutex_.
};

}  // namespace henge::cluster
