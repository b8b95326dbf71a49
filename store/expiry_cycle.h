// SPDX-License-Identifier: Apache-2.0
// ExpiryCycle: deletes keys and fields of hashes whose deadline has passed, whether or not anyone
// asks for them.
//
// Each worker owns one and runs it over its share of the shards from a timer. A shard is locked for
// one batch of records at a time, a fraction of a millisecond; Run returns when nothing is due or
// its time is spent, and says which, so that the timer can come back sooner. Stale records are
// weeded out on the way.
//
// Run from one thread at a time; the counters may be read from any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/counter.h"
#include "store/event.h"
#include "store/keyspace.h"
#include "store/store.h"

namespace henge::store {

// How late keys were deleted after their deadlines. Written by one thread, read by any.
struct ExpiryLag {
  // Bucket i counts lags in [2^(i-1), 2^i) ms, 0 those under one, the last all above.
  static constexpr size_t kBuckets = 20;
  std::array<Counter, kBuckets> buckets;
  Counter sum_ms;
  Counter max_ms;

  void Record(int64_t lag_ms);
};

// Shards [first, end).
struct ShardRange {
  ShardIndex first;
  ShardIndex end;
};

class ExpiryCycle {
 public:
  ExpiryCycle(Store& store, ShardRange shards, EffectSink& sink)
      : store_(store), shards_(shards), sink_(sink) {}

  // Returns whether there is more to do now.
  bool Run(UnixMillis now, uint64_t budget_us);

  // Age of the oldest deadline that the last Run left unattended, 0 if none.
  int64_t lag_ms() const { return lag_ms_.load(std::memory_order_relaxed); }
  const ExpiryLag& deletions() const { return deletions_; }
  // Runs that ended for want of time.
  uint64_t time_limit_reached() const { return time_limit_reached_.get(); }

 private:
  static constexpr size_t kBatch = 128;         // Records looked at in one hold of a lock.
  static constexpr size_t kMemberBatch = 512;   // Expired fields of hashes deleted in one.
  static constexpr size_t kRebuildBatch = 512;  // Entries walked over in one.
  static constexpr int64_t kKeptRetryMs = 100;  // Until a snapshot may have let go of a hash.

  // One batch of a shard, in one hold of its lock. Returns whether there is more.
  bool RunShard(ShardIndex index, UnixMillis now);
  // Returns how many records it looked at, at most `limit`.
  size_t ExpireBatch(ShardDb& part, Keyspace& keyspace, size_t limit);
  // Deletes at most `members` expired members of collections, and subtracts them from it.
  void ExpireRecord(ShardDb& part, Keyspace& keyspace, ExpiryRecord record, size_t& members);
  // A step of a rebuild, begun when it pays. Returns whether one is under way.
  bool RebuildStep(Shard& shard, ShardDb& part, DbIndex db, const LockSet& locks, UnixMillis now);
  int64_t LagMs(UnixMillis now);

  Store& store_;
  ShardRange shards_;
  EffectSink& sink_;
  size_t rounds_ = 0;  // Turns the order of the databases, so that none starves another.
  std::atomic<int64_t> lag_ms_{0};
  ExpiryLag deletions_;
  Counter time_limit_reached_;
};

}  // namespace henge::store
