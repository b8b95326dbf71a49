// SPDX-License-Identifier: Apache-2.0
// The 24 bits in which an entry remembers its use, as Redis keeps them: under an LRU policy the
// time of last access in seconds; under LFU the minute of the last decay (16 bits) and a
// logarithmic counter (8 bits, Morris 1978).
#pragma once

#include <cstdint>
#include <optional>

#include "base/types.h"
#include "store/store.h"

namespace henge::store {

inline constexpr uint32_t kLruClockMask = 0xffffff;
inline constexpr uint8_t kLfuInitial = 5;

// A new entry's stamp.
uint32_t FreshAccess(const StoreSettings& settings, UnixMillis now);
// The stamp after one more access.
uint32_t TouchedAccess(const StoreSettings& settings, uint32_t access, UnixMillis now);

// The stamp of an entry that comes with what it had elsewhere, as far as the policy minds.
uint32_t GivenAccess(const StoreSettings& settings, UnixMillis now,
                     std::optional<uint64_t> idle_seconds, std::optional<uint8_t> frequency);

// Since the last access, in seconds. REQUIRES: stamped under an LRU policy.
uint64_t IdleSeconds(uint32_t access, UnixMillis now);
// The counter after the decay that is due now, 0 … 255. REQUIRES: stamped under an LFU policy.
uint8_t LfuFrequency(const StoreSettings& settings, uint32_t access, UnixMillis now);

}  // namespace henge::store
