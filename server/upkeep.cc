// SPDX-License-Identifier: Apache-2.0
#include "server/upkeep.h"

#include <algorithm>

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"

namespace henge::server {
namespace {

using store::Evictor;

constexpr int64_t kPeriodMs = 50;
// What has expired is worked off in short turns, one after each round of the clients' requests:
// nobody waits longer than a turn, and an idle worker does nothing else. Eviction may have to wait
// for the reclaimer.
constexpr int64_t kExpiringPeriodMs = 0;
constexpr int64_t kEvictingPeriodMs = 1;
constexpr uint64_t kBudgetUs = 250;
constexpr int64_t kCensusMs = 1000;
// A backlog older than this is worth more of the worker's time.
constexpr int64_t kLateMs = 500;
constexpr uint64_t kLateBudgetUs = 1000;
constexpr uint64_t kEvictionBudgetUs = 1000;

store::ShardRange ShareOf(const store::Store& store, int index, int workers) {
  const size_t shards = store.shards();
  const auto i = static_cast<size_t>(index);
  const auto n = static_cast<size_t>(workers);
  return {static_cast<ShardIndex>(shards * i / n), static_cast<ShardIndex>(shards * (i + 1) / n)};
}

// Notes in the latency monitor how long its scope took, if that was long.
class Timed {
 public:
  Timed(LatencyMonitor& latency, std::string_view event) : latency_(latency), event_(event) {}
  ~Timed() {
    if (!latency_.enabled()) return;
    const uint64_t us = TicksToMicros(Ticks() - start_);
    if (latency_.IsSlow(us)) latency_.Add(event_, us, SystemClock().NowMillis() / 1000);
  }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  LatencyMonitor& latency_;
  std::string_view event_;
  uint64_t start_ = Ticks();
};

constexpr std::string_view kExpireCycle = "expire-cycle";
constexpr std::string_view kEvictionCycle = "eviction-cycle";

}  // namespace

Upkeep::Upkeep(store::Store& store, store::EffectSink& sink, LatencyMonitor& latency,
               std::function<bool()> rests, int index, int workers,
               std::function<void()> after_round)
    : store_(store),
      share_(ShareOf(store, index, workers)),
      latency_(latency),
      rests_(std::move(rests)),
      after_round_(std::move(after_round)),
      expiry_(store, share_, sink),
      evictor_(store, sink, EntropySeed()) {}

void Upkeep::Round(net::Worker& worker) {
  const UnixMillis now = SystemClock().NowMillis();
  int64_t period_ms = kPeriodMs;
  if (store_.settings().frozen_until.load(std::memory_order_relaxed) > now || rests_() ||
      store_.busy().load(std::memory_order_relaxed)) {
    worker.AddTimer(period_ms, [this, &worker] { Round(worker); });
    return;
  }
  if (store_.settings().active_expiry.load(std::memory_order_relaxed)) {
    const Timed timed(latency_, kExpireCycle);
    const uint64_t began = Ticks();
    if (expiry_.Run(now, expiry_.lag_ms() > kLateMs ? kLateBudgetUs : kBudgetUs)) {
      period_ms = kExpiringPeriodMs;
    }
    expiry_ticks_.Add(Ticks() - began);
  }
  const uint64_t limit = store_.settings().max_memory.load(std::memory_order_relaxed);
  if (limit != 0 && !store_.settings().leave_eviction.load(std::memory_order_relaxed)) {
    const Timed timed(latency_, kEvictionCycle);
    const bool more =
        evictor_.FreeToLimit(limit, now, kEvictionBudgetUs) == Evictor::Result::kMoreToDo;
    if (more) period_ms = std::min(period_ms, kEvictingPeriodMs);
  }
  after_round_();
  worker.AddTimer(period_ms, [this, &worker] { Round(worker); });
}

void Upkeep::Census(net::Worker& worker) {
  const bool busy = store_.busy().load(std::memory_order_relaxed);
  for (ShardIndex i = share_.first; i < share_.end && !busy; ++i) store_.TakeCensus(i);
  worker.AddTimer(kCensusMs, [this, &worker] { Census(worker); });
}

bool Upkeep::MakeRoom(UnixMillis now) {
  const store::StoreSettings& settings = store_.settings();
  const uint64_t limit = settings.max_memory.load(std::memory_order_relaxed);
  if (limit == 0 || settings.leave_eviction.load(std::memory_order_relaxed)) return true;
  if (settings.frozen_until.load(std::memory_order_relaxed) > now) return true;
  if (UsedMemory() <= limit) return true;
  const Timed timed(latency_, kEvictionCycle);
  const auto budget = settings.eviction_budget_us.load(std::memory_order_relaxed);
  return evictor_.FreeToLimit(limit, now, static_cast<uint64_t>(budget)) !=
         Evictor::Result::kOutOfMemory;
}

}  // namespace henge::server
