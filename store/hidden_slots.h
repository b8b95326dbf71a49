// SPDX-License-Identifier: Apache-2.0
// HiddenSlots: slots whose keys are in the store and are nobody's to see: on their way here, or
// about to be deleted because the slot went.
//
// Walks (SCAN, KEYS, RANDOMKEY, DBSIZE) pass over them, and nothing of them is deleted for its age:
// whoever fills them says when a key has expired. Commands that name a key are the slot check's to
// refuse. A set of bits; any thread, relaxed: who reads sees a change soon.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/types.h"

namespace henge::store {

class HiddenSlots {
 public:
  bool any() const { return count_.load(std::memory_order_relaxed) != 0; }
  bool Has(Slot slot) const {
    return any() && (words_[slot / 64].load(std::memory_order_relaxed) >> (slot % 64) & 1) != 0;
  }
  void Set(Slot slot, bool hidden) {
    const uint64_t bit = uint64_t{1} << (slot % 64);
    std::atomic<uint64_t>& word = words_[slot / 64];
    const uint64_t before = hidden ? word.fetch_or(bit) : word.fetch_and(~bit);
    if (((before & bit) != 0) != hidden) count_.fetch_add(hidden ? 1 : -1);
  }
  // fn(slot) for each.
  template <class F>
  void ForEach(F fn) const {
    if (!any()) return;
    for (size_t i = 0; i < words_.size(); ++i) {
      for (uint64_t word = words_[i].load(); word != 0; word &= word - 1) {
        fn(static_cast<Slot>(i * 64 + static_cast<size_t>(__builtin_ctzll(word))));
      }
    }
  }

 private:
  std::array<std::atomic<uint64_t>, kSlots / 64> words_{};
  std::atomic<int> count_{0};
};

}  // namespace henge::store
