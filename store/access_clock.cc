// SPDX-License-Identifier: Apache-2.0
#include "store/access_clock.h"

#include <algorithm>

#include "base/random.h"

namespace henge::store {
namespace {

uint32_t Seconds(UnixMillis now) { return static_cast<uint32_t>(now / 1000) & kLruClockMask; }
uint32_t Minutes(UnixMillis now) { return static_cast<uint32_t>(now / 60'000) & 0xffff; }

}  // namespace

uint32_t FreshAccess(const StoreSettings& settings, UnixMillis now) {
  if (!IsLfu(settings.policy.load(std::memory_order_relaxed))) return Seconds(now);
  return Minutes(now) << 8 | kLfuInitial;
}

uint32_t TouchedAccess(const StoreSettings& settings, uint32_t access, UnixMillis now) {
  if (!IsLfu(settings.policy.load(std::memory_order_relaxed))) return Seconds(now);
  uint32_t counter = LfuFrequency(settings, access, now);
  if (counter < 255) {
    const uint32_t base = counter > kLfuInitial ? counter - kLfuInitial : 0;
    const int factor = settings.lfu_log_factor.load(std::memory_order_relaxed);
    if (ThreadRandom().Unit() < 1.0 / (static_cast<double>(base) * factor + 1)) ++counter;
  }
  return Minutes(now) << 8 | counter;
}

uint32_t GivenAccess(const StoreSettings& settings, UnixMillis now,
                     std::optional<uint64_t> idle_seconds, std::optional<uint8_t> frequency) {
  const bool lfu = IsLfu(settings.policy.load(std::memory_order_relaxed));
  if (lfu && frequency) return Minutes(now) << 8 | *frequency;
  if (lfu || !idle_seconds) return FreshAccess(settings, now);
  // Longer than the clock reaches counts as that.
  const auto idle = static_cast<uint32_t>(std::min<uint64_t>(*idle_seconds, kLruClockMask));
  return (Seconds(now) - idle) & kLruClockMask;
}

uint64_t IdleSeconds(uint32_t access, UnixMillis now) {
  return (Seconds(now) - access) & kLruClockMask;
}

uint8_t LfuFrequency(const StoreSettings& settings, uint32_t access, UnixMillis now) {
  const uint32_t counter = access & 0xff;
  const int decay = settings.lfu_decay_minutes.load(std::memory_order_relaxed);
  if (decay <= 0) return static_cast<uint8_t>(counter);
  const uint32_t elapsed = (Minutes(now) - (access >> 8)) & 0xffff;
  const uint32_t periods = elapsed / static_cast<uint32_t>(decay);
  return static_cast<uint8_t>(counter - std::min(counter, periods));
}

}  // namespace henge::store
