// SPDX-License-Identifier: Apache-2.0
// What the threads of a server do to a store at the same time; worth most under ThreadSanitizer.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "store/eviction.h"
#include "store/expiry_cycle.h"
#include "store/keyspace.h"

namespace henge::store {
namespace {

class NoEffects final : public EffectSink {
 public:
  void OnEffect(DbIndex, const Key&, const Event&, Change) override {}
};

TEST(Concurrency, WritersExpiryEvictionAndFlushesShareAStore) {
  Store store({.shards = 8, .databases = 2});
  store.settings().policy = EvictionPolicy::kAllKeysLru;
  std::atomic<UnixMillis> now{1'700'000'000'000};
  std::atomic<bool> stop{false};
  std::atomic<int> evictions{0};

  const auto write = [&](uint64_t seed) {
    NoEffects sink;
    Random random(seed);
    while (!stop) {
      const std::string name = "k" + std::to_string(random.Below(2000));
      const Key key = Key::Of(name);
      const auto db = static_cast<DbIndex>(random.Below(2));
      LockSet locks(store);
      locks.Add(key.slot);
      locks.Lock();
      Keyspace keyspace(store, locks, sink, db, now);
      switch (random.Below(4)) {
        case 0:
          keyspace.Delete(key, events::kDel);
          break;
        case 1:
          keyspace.Read(key);
          break;
        default:
          keyspace.SetString(key, "value", now + static_cast<int64_t>(random.Below(3000)),
                             events::kSet);
      }
    }
  };
  const auto expire = [&](ShardRange range) {
    NoEffects sink;
    ExpiryCycle cycle(store, range, sink);
    while (!stop) cycle.Run(now, 100);
  };
  const auto evict = [&] {
    NoEffects sink;
    static std::atomic<size_t> used{0};
    Evictor evictor(store, sink, 3, [] { return used.exchange(0); });
    while (!stop) {
      used = 1;
      if (evictor.FreeToLimit(0, now, 100) == Evictor::Result::kOk) ++evictions;
    }
  };
  const auto flush = [&] {
    NoEffects sink;
    for (int i = 0; i < 30; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      now += 500;
      LockSet locks(store);
      locks.AddAll();
      locks.Lock();
      Keyspace keyspace(store, locks, sink, 0, now);
      if (i % 3 == 0)
        keyspace.FlushDatabases(0, 0, i % 2 == 0 ? FlushMode::kLazy : FlushMode::kEager);
      if (i % 3 == 1) keyspace.SwapDatabases(0, 1);
    }
    stop = true;
  };
  std::vector<std::thread> threads;
  threads.emplace_back(write, 1);
  threads.emplace_back(write, 2);
  threads.emplace_back(expire, ShardRange{0, 4});
  threads.emplace_back(expire, ShardRange{4, 8});
  threads.emplace_back(evict);
  threads.emplace_back(flush);
  for (std::thread& thread : threads) thread.join();
  store.reclaimer().Drain();

  for (DbIndex db = 0; db < 2; ++db) {  // The counters agree with what is there.
    uint64_t keys = 0;
    uint64_t bytes = 0;
    NoEffects sink;
    LockSet locks(store);
    locks.AddAll();
    locks.Lock();
    Keyspace(store, locks, sink, db, 0).ForEach([&](const Entry* entry) {
      ++keys;
      bytes += entry->MemoryBytes();
    });
    EXPECT_EQ(store.KeyCount(db), keys);
    uint64_t counted = 0;
    for (ShardIndex i = 0; i < 8; ++i) counted += store.shard(i).entry_bytes[db].get();
    EXPECT_EQ(counted, bytes);
  }
}

// Who locks several shards backs off, so that one thread may lock as it goes.
TEST(Concurrency, OneThreadLocksAsItGoesWhileOthersLockMany) {
  Store store({.shards = 8, .databases = 1});
  std::atomic<bool> stop{false};
  std::vector<uint64_t> counts(8);  // Each under its shard's lock.
  const auto many = [&](uint64_t seed) {
    Random random(seed);
    while (!stop) {
      LockSet locks(store);
      std::vector<ShardIndex> shards(1 + random.Below(8));
      for (ShardIndex& shard : shards) {
        shard = static_cast<ShardIndex>(random.Below(8));
        locks.AddShard(shard);
      }
      if (random.Below(20) == 0) locks.AddAll();
      locks.Lock();
      for (const ShardIndex shard : shards) ++counts[shard];
    }
  };
  const auto as_it_goes = [&](uint64_t seed) {
    Random random(seed);
    while (!stop) {
      const std::lock_guard token(store.script_token());
      LockSet locks(store);
      locks.AddShard(static_cast<ShardIndex>(random.Below(8)));
      locks.Lock();
      for (int i = 0; i < 5; ++i) {
        const auto shard = static_cast<ShardIndex>(random.Below(8));
        locks.Acquire(shard);
        ++counts[shard];
      }
      if (random.Below(10) == 0) locks.AcquireAll();
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 3; ++i) threads.emplace_back(many, i);
  for (uint64_t i = 0; i < 2; ++i) threads.emplace_back(as_it_goes, i);
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const uint64_t enough = 5000;
  for (uint64_t total = 0; total < enough;) {
    LockSet locks(store);
    locks.AddAll();
    locks.Lock();
    total = 0;
    for (const uint64_t count : counts) total += count;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace henge::store
