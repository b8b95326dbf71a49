// SPDX-License-Identifier: Apache-2.0
// A hint to bring a cache line closer.
#pragma once

namespace henge {

// The empty asm keeps g++ 12 from taking a function that only prefetches for one without effect and
// leaving out its calls.
inline void PrefetchLine(const void* address) {
  __builtin_prefetch(address);
  asm volatile("");
}

}  // namespace henge
