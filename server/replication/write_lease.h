// SPDX-License-Identifier: Apache-2.0
// WriteLease: until when this node may take and acknowledge writes, where a control plane says so;
// elsewhere for ever. One word: set by the control plane, read by whoever answers clients.
//
// Two looks are taken at it. The gate refuses a write without a lease by a clock that was read when
// its batch began. That is not the moment of truth, as a thread may stand still in between: a reply
// to a write goes to the socket only behind a look with a clock read there and then
// (Session::MaySend), or the connection is closed, and the client does not know. What is left is a
// thread that stands still between that look and its system call.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace henge::server {

class WriteLease {
 public:
  // Microseconds of the monotonic clock; INT64_MIN: there is none.
  void Set(int64_t until_micros) { until_.store(std::min(until_micros, kForEver - 1)); }
  // Whether there is an end to it at all.
  bool limited() const { return until_.load(std::memory_order_relaxed) != kForEver; }
  bool Holds(int64_t now_micros) const {
    const int64_t until = until_.load(std::memory_order_acquire);
    return until == kForEver || now_micros < until;
  }

 private:
  static constexpr int64_t kForEver = INT64_MAX;
  std::atomic<int64_t> until_{kForEver};
};

}  // namespace henge::server
