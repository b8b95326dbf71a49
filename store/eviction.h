// SPDX-License-Identifier: Apache-2.0
// Evictor: makes room by deleting keys, after Redis's eight policies.
//
// No order of all keys by use is kept. As in Redis, a few keys are sampled, the best of them enter
// a small pool that persists between calls, and the best of the pool is deleted: close to true LRU
// (or LFU, or nearest deadline) at a few bytes' cost. Samples come from one random shard at a time,
// and one shard is locked at a time.
//
// A thread that evicts owns one Evictor. REQUIRES: no shard locked by the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/memory.h"
#include "base/random.h"
#include "store/event.h"
#include "store/store.h"

namespace henge::store {

// "allkeys-lru", "volatile-ttl" …, as maxmemory-policy has them; any case.
std::optional<EvictionPolicy> ParseEvictionPolicy(std::string_view name);
std::string_view EvictionPolicyName(EvictionPolicy policy);

class Evictor {
 public:
  enum class Result : uint8_t {
    kOk,           // Memory is within the limit.
    kOutOfMemory,  // It isn't, and the policy has nothing to delete.
    kMoreToDo,     // It isn't yet; time is up, or the reclaimer is still at it.
  };
  using MemoryReader = size_t (*)();

  Evictor(Store& store, EffectSink& sink, uint64_t seed, MemoryReader used = UsedMemory)
      : store_(store), sink_(sink), random_(seed), used_(used) {}

  // Deletes keys until used memory is at most `limit` bytes, for about `budget_us`.
  Result FreeToLimit(size_t limit, UnixMillis now, uint64_t budget_us);

 private:
  static constexpr size_t kPoolSize = 16;

  struct Candidate {
    uint64_t score;  // The higher, the better to delete.
    DbIndex db;
    std::string key;
  };
  struct Place {
    ShardIndex shard;
    DbIndex db;
  };

  bool EvictOne(EvictionPolicy policy, UnixMillis now);
  bool EvictRandom(EvictionPolicy policy, UnixMillis now);
  bool EvictBest(EvictionPolicy policy, UnixMillis now);
  // A shard and database that hold keys the policy may take, by chance; none if there are none.
  std::optional<Place> PickPlace(bool only_volatile);
  std::optional<DbIndex> PickDatabase(const Shard& shard, bool only_volatile);
  Entry* SampleEntry(ShardDb& part, bool only_volatile, uint64_t keys, uint64_t with_expiry);
  void FillPool(EvictionPolicy policy, Place place, UnixMillis now);
  void Offer(uint64_t score, DbIndex db, std::string_view key);
  bool Delete(Place place, const Key& key, bool only_volatile, UnixMillis now);

  Store& store_;
  EffectSink& sink_;
  Random random_;
  MemoryReader used_;
  std::vector<Candidate> pool_;  // Ascending by score.
  EvictionPolicy pool_policy_ = EvictionPolicy::kNoEviction;
};

}  // namespace henge::store
