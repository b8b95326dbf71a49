// SPDX-License-Identifier: Apache-2.0
// SlotPause: slots whose commands wait at the gate while they are handed over: first those that
// write, then, while the cluster is asked, all of them. One hand-over at a time; workers read.
//
// A command without a slot may come to any: whatever writes so, and every script, waits, too.
#pragma once

#include <atomic>
#include <cstdint>

#include "cluster/slots/slot_fate.h"
#include "store/hidden_slots.h"

namespace henge::server {

class SlotPause {
 public:
  bool active() const { return active_.load(std::memory_order_acquire); }
  // REQUIRES: active.
  bool Holds(Slot slot, bool writes) const {
    return slots_.Has(slot) && (writes || all_.load(std::memory_order_relaxed));
  }

  void Begin(const cluster::SlotBits& slots) {
    for (int i = 0; i < kSlots; ++i) {
      slots_.Set(static_cast<Slot>(i), slots.test(static_cast<size_t>(i)));
    }
    active_.store(true, std::memory_order_release);
  }
  void HoldReads() { all_.store(true); }
  void End() {
    active_.store(false);
    all_.store(false);
  }

 private:
  std::atomic<bool> active_{false};
  std::atomic<bool> all_{false};
  store::HiddenSlots slots_;
};

}  // namespace henge::server
