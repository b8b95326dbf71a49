// SPDX-License-Identifier: Apache-2.0
// Upkeep: what a worker does for the store beside serving clients: deletes keys that expired in its
// share of the shards, makes room when memory is short, and measures the tables. One per worker, on
// its thread.
#pragma once

#include <functional>

#include "base/clock.h"
#include "base/counter.h"
#include "base/types.h"
#include "net/worker.h"
#include "server/latency_monitor.h"
#include "store/eviction.h"
#include "store/expiry_cycle.h"

namespace henge::server {

class Upkeep {
 public:
  // Worker `index` of `workers`. While `rests()`, rounds do nothing. `after_round` is called
  // without locks when keys may have gone.
  Upkeep(store::Store& store, store::EffectSink& sink, LatencyMonitor& latency,
         std::function<bool()> rests, int index, int workers, std::function<void()> after_round);

  // On the worker's thread: runs now and from then on by a timer.
  void Start(net::Worker& worker) {
    Round(worker);
    Census(worker);
  }

  // Evicts until memory is within maxmemory, for as long as one command may be delayed. False: it
  // can't be had, and what would need more memory must be refused.
  bool MakeRoom(UnixMillis now);

  const store::ExpiryCycle& expiry() const { return expiry_; }
  uint64_t expiry_us() const { return TicksToMicros(expiry_ticks_.get()); }  // Any thread.

 private:
  void Round(net::Worker& worker);
  void Census(net::Worker& worker);

  store::Store& store_;
  const store::ShardRange share_;
  LatencyMonitor& latency_;
  const std::function<bool()> rests_;
  const std::function<void()> after_round_;
  store::ExpiryCycle expiry_;
  Counter expiry_ticks_;
  store::Evictor evictor_;
};

}  // namespace henge::server
