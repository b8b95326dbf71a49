// SPDX-License-Identifier: Apache-2.0
#include "store/eviction.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/clock.h"
#include "base/strings.h"
#include "store/access_clock.h"
#include "store/keyspace.h"

namespace henge::store {
namespace {

using enum EvictionPolicy;

constexpr std::array<std::string_view, 8> kNames = {
    "noeviction",   "allkeys-lru",  "allkeys-lfu",     "allkeys-random",
    "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"};

constexpr int kEvictionsPerClockReading = 16;
// Where keys with a deadline are rarer than one in this many, they are sampled by their records.
constexpr uint64_t kRareVolatile = 8;

bool OnlyVolatile(EvictionPolicy policy) {
  return policy == kVolatileLru || policy == kVolatileLfu || policy == kVolatileRandom ||
         policy == kVolatileTtl;
}

uint64_t ScoreOf(const StoreSettings& settings, EvictionPolicy policy, const Entry& entry,
                 UnixMillis now) {
  if (policy == kVolatileTtl) {
    return std::numeric_limits<uint64_t>::max() - static_cast<uint64_t>(entry.expiry());
  }
  if (IsLfu(policy)) return 255u - LfuFrequency(settings, entry.access(), now);
  return IdleSeconds(entry.access(), now);
}

const std::vector<Counter>& CountersOf(const Shard& shard, bool only_volatile) {
  return only_volatile ? shard.keys_with_expiry : shard.keys;
}

}  // namespace

std::optional<EvictionPolicy> ParseEvictionPolicy(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (EqualsIgnoreCase(name, kNames[i])) return static_cast<EvictionPolicy>(i);
  }
  return std::nullopt;
}

std::string_view EvictionPolicyName(EvictionPolicy policy) {
  return kNames[static_cast<size_t>(policy)];
}

Evictor::Result Evictor::FreeToLimit(size_t limit, UnixMillis now, uint64_t budget_us) {
  if (used_() <= limit) return Result::kOk;
  const EvictionPolicy policy = store_.settings().policy.load(std::memory_order_relaxed);
  const uint64_t start = Ticks();
  for (int evicted = 1; policy != kNoEviction; ++evicted) {
    if (!EvictOne(policy, now)) break;
    if (used_() <= limit) return Result::kOk;
    if (evicted % kEvictionsPerClockReading == 0 && TicksToMicros(Ticks() - start) >= budget_us) {
      return Result::kMoreToDo;
    }
  }
  return store_.reclaimer().pending() > 0 ? Result::kMoreToDo : Result::kOutOfMemory;
}

bool Evictor::EvictOne(EvictionPolicy policy, UnixMillis now) {
  if (policy == kAllKeysRandom || policy == kVolatileRandom) return EvictRandom(policy, now);
  return EvictBest(policy, now);
}

// --- Choosing -----------------------------------------------------------------------------------

std::optional<DbIndex> Evictor::PickDatabase(const Shard& shard, bool only_volatile) {
  const std::vector<Counter>& counters = CountersOf(shard, only_volatile);
  uint64_t total = 0;
  for (const Counter& counter : counters) total += counter.get();
  if (total == 0) return std::nullopt;
  uint64_t rank = random_.Below(total);
  for (size_t db = 0; db < counters.size(); ++db) {
    const uint64_t count = counters[db].get();
    if (rank < count) return static_cast<DbIndex>(db);
    rank -= count;
  }
  return std::nullopt;  // Counts shrank while we read them.
}

std::optional<Evictor::Place> Evictor::PickPlace(bool only_volatile) {
  // Shards fill evenly: from a random one on, the first that has what we want.
  const size_t shards = store_.shards();
  const size_t first = random_.Below(shards);
  for (size_t i = 0; i < shards; ++i) {
    const auto index = static_cast<ShardIndex>((first + i) % shards);
    if (const auto db = PickDatabase(store_.shard(index), only_volatile)) return Place{index, *db};
  }
  return std::nullopt;
}

Entry* Evictor::SampleEntry(ShardDb& part, bool only_volatile, uint64_t keys,
                            uint64_t with_expiry) {
  std::vector<EntryTable>& tables = part.tables();
  if (only_volatile && with_expiry * kRareVolatile < keys) {
    const auto record = part.deadlines().Sample(random_);
    if (!record) return nullptr;
    Entry* found = nullptr;
    part.TableOf(record->slot()).VisitHashPrefix(record->hash_prefix(), [&](Entry* entry) {
      if (entry->has_expiry()) found = entry;
    });
    return found;
  }
  const size_t first = tables.size() == 1 ? 0 : random_.Below(tables.size());
  for (size_t i = 0; i < tables.size(); ++i) {
    const EntryTable& table = tables[(first + i) % tables.size()];
    if (table.size() == 0) continue;
    Entry* entry = table.RandomItem(random_);
    if (entry != nullptr && only_volatile && !entry->has_expiry()) return nullptr;
    return entry;
  }
  return nullptr;
}

void Evictor::Offer(uint64_t score, DbIndex db, std::string_view key) {
  const auto at = std::upper_bound(pool_.begin(), pool_.end(), score,
                                   [](uint64_t s, const Candidate& c) { return s < c.score; });
  if (pool_.size() == kPoolSize && at == pool_.begin()) return;
  for (const Candidate& candidate : pool_) {
    if (candidate.db == db && candidate.key == key) return;
  }
  pool_.insert(at, {score, db, std::string(key)});
  if (pool_.size() > kPoolSize) pool_.erase(pool_.begin());
}

void Evictor::FillPool(EvictionPolicy policy, Place place, UnixMillis now) {
  Shard& shard = store_.shard(place.shard);
  LockSet locks(store_);
  locks.AddShard(place.shard);
  locks.Lock();
  ShardDb* part = shard.dbs[place.db].get();
  if (part == nullptr) return;
  const StoreSettings& settings = store_.settings();
  const int samples = settings.samples.load(std::memory_order_relaxed);
  const bool only_volatile = OnlyVolatile(policy);
  const uint64_t keys = shard.keys[place.db].get();
  const uint64_t with_expiry = shard.keys_with_expiry[place.db].get();
  int tries = samples * static_cast<int>(2 * kRareVolatile);  // For draws that may not be taken.
  for (int found = 0; found < samples && tries > 0; --tries) {
    const Entry* entry = SampleEntry(*part, only_volatile, keys, with_expiry);
    if (entry == nullptr) continue;
    Offer(ScoreOf(settings, policy, *entry, now), place.db, entry->key());
    ++found;
  }
}

// --- Deleting -----------------------------------------------------------------------------------

bool Evictor::Delete(Place place, const Key& key, bool only_volatile, UnixMillis now) {
  LockSet locks(store_);
  locks.AddShard(place.shard);
  locks.Lock();
  Keyspace keyspace(store_, locks, sink_, place.db, now);
  const Entry* entry = keyspace.Peek(key);
  if (entry == nullptr || (only_volatile && !entry->has_expiry())) return false;
  return keyspace.Evict(key);
}

bool Evictor::EvictBest(EvictionPolicy policy, UnixMillis now) {
  if (policy != pool_policy_) {
    pool_.clear();
    pool_policy_ = policy;
  }
  const bool only_volatile = OnlyVolatile(policy);
  // Candidates may be gone by now; draw until one isn't, or there is nothing to draw from.
  for (;;) {
    const auto place = PickPlace(only_volatile);
    if (!place) return false;
    FillPool(policy, *place, now);
    while (!pool_.empty()) {
      const Candidate best = std::move(pool_.back());
      pool_.pop_back();
      if (best.db >= store_.databases()) continue;
      const Key key = Key::Of(best.key);
      if (Delete({store_.ShardOf(key.slot), best.db}, key, only_volatile, now)) return true;
    }
  }
}

bool Evictor::EvictRandom(EvictionPolicy policy, UnixMillis now) {
  const bool only_volatile = OnlyVolatile(policy);
  for (;;) {
    const auto place = PickPlace(only_volatile);
    if (!place) return false;
    Shard& shard = store_.shard(place->shard);
    LockSet locks(store_);
    locks.AddShard(place->shard);
    locks.Lock();
    ShardDb* part = shard.dbs[place->db].get();
    if (part == nullptr) continue;
    const Entry* entry = SampleEntry(*part, only_volatile, shard.keys[place->db].get(),
                                     shard.keys_with_expiry[place->db].get());
    if (entry == nullptr) continue;
    Keyspace keyspace(store_, locks, sink_, place->db, now);
    if (keyspace.Evict(Key::Of(entry->key()))) return true;
  }
}

}  // namespace henge::store
