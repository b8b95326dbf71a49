// SPDX-License-Identifier: Apache-2.0
// Store: all data of a node, in shards.
//
//   key -> slot = CRC16(hash tag) mod 16384 -> shard = slot mod shards -> one lock
//                                                 └─ per database: one table, or one per slot
//
// All keys of a slot share a shard, so every multi-key command a cluster allows needs one lock. Any
// thread may execute on any shard, holding its lock. Who needs several (LockSet) never waits for
// one while holding another; only the holder of the script token may. Nothing blocks, no I/O
// happens under a shard's lock.
#pragma once

#include <absl/container/inlined_vector.h>

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "base/counter.h"
#include "base/mutex.h"
#include "base/types.h"
#include "store/deadlines.h"
#include "store/entry.h"
#include "store/hidden_slots.h"
#include "store/key.h"
#include "store/moment_gate.h"
#include "store/reclaimer.h"
#include "store/table.h"
#include "store/wait.h"
#include "store/watch.h"

namespace henge::store {

struct EntryTraits {
  using Item = Entry;
  static std::string_view Key(const Entry* entry) { return entry->key(); }
  static uint64_t Hash(std::string_view key) { return HashKey(key); }
};
using EntryTable = Table<EntryTraits>;

// One database's part of one shard.
class ShardDb {
 public:
  ShardDb(size_t shards, bool table_per_slot);
  ~ShardDb();  // Frees every entry.
  ShardDb(const ShardDb&) = delete;
  ShardDb& operator=(const ShardDb&) = delete;

  EntryTable& TableOf(Slot slot) {
    return tables_.size() == 1 ? tables_[0] : tables_[slot / shards_];
  }
  std::vector<EntryTable>& tables() { return tables_; }
  size_t MemoryBytes() const;  // Of the tables, without the entries.

  // How far a snapshot has come in this part, and the database it was when that began.
  struct Walk {
    DbIndex db = 0;
    size_t table = 0;
    uint64_t cursor = 0;
    bool done = true;
  };
  Walk& walk() { return walk_; }
  const Walk& walk() const { return walk_; }

  // Every deadline is noted here, so that the expiry cycle finds the key when it is due.
  Deadlines& deadlines() { return deadlines_; }

 private:
  size_t shards_;
  std::vector<EntryTable> tables_;
  Deadlines deadlines_;
  Walk walk_;
};

class SnapshotWalk;

struct ShardStats {
  Counter hits;
  Counter misses;
  Counter expired;
  Counter expired_members;  // Fields of hashes.
  Counter evicted;
};

// How large a shard's tables are: as of the last Store::TakeCensus, readable without the lock.
struct TableCensus {
  Counter bytes;   // Without the entries.
  Counter places;  // For entries.
  Counter deadline_bytes;
};

struct alignas(64) Shard {
  SpinFutexMutex mu;
  std::vector<std::unique_ptr<ShardDb>> dbs;  // Made when first written to; may be null.
  std::vector<Counter> keys;                  // Per database; readable without the lock.
  std::vector<Counter> keys_with_expiry;
  std::vector<Counter> keys_with_member_expiry;  // Hashes with fields that have a deadline.
  std::vector<Counter> entry_bytes;              // Per database: allocated by its entries.
  // The snapshot under way, until all entries here are saved; and the mark of those that are.
  SnapshotWalk* snapshot = nullptr;
  bool saved_mark = false;
  WatchRegistry watches;
  WaitRegistry waits;
  ShardStats stats;
  TableCensus census;
};

// How accesses are stamped and entries chosen for eviction; read on the hot path, set by CONFIG.
enum class EvictionPolicy : uint8_t {
  kNoEviction,
  kAllKeysLru,
  kAllKeysLfu,
  kAllKeysRandom,
  kVolatileLru,
  kVolatileLfu,
  kVolatileRandom,
  kVolatileTtl,
};
inline bool IsLru(EvictionPolicy p) {
  return p == EvictionPolicy::kAllKeysLru || p == EvictionPolicy::kVolatileLru;
}
inline bool IsLfu(EvictionPolicy p) {
  return p == EvictionPolicy::kAllKeysLfu || p == EvictionPolicy::kVolatileLfu;
}

// From this size on an element of a list is kept by itself.
inline constexpr int64_t kListPackedThreshold = int64_t{1} << 30;

// Up to where collections are kept in their compact encodings, Redis's parameters of these names.
struct EncodingLimits {
  std::atomic<int64_t> hash_max_listpack_entries{512};
  std::atomic<int64_t> hash_max_listpack_value{64};
  std::atomic<int64_t> list_max_listpack_size{-2};
  std::atomic<int64_t> list_packed_threshold{kListPackedThreshold};  // DEBUG sets it.
  std::atomic<int64_t> set_max_intset_entries{512};
  std::atomic<int64_t> set_max_listpack_entries{128};
  std::atomic<int64_t> set_max_listpack_value{64};
  std::atomic<int64_t> zset_max_listpack_entries{128};
  std::atomic<int64_t> zset_max_listpack_value{64};
  std::atomic<int64_t> stream_node_max_bytes{4096};
  std::atomic<int64_t> stream_node_max_entries{100};
};

struct StoreSettings {
  std::atomic<EvictionPolicy> policy{EvictionPolicy::kNoEviction};
  std::atomic<int> lfu_log_factor{10};
  std::atomic<int> lfu_decay_minutes{1};
  std::atomic<int> samples{5};
  std::atomic<uint64_t> max_memory{0};       // Bytes; 0: no limit.
  std::atomic<int> eviction_budget_us{500};  // What one command may spend on evicting.
  std::atomic<bool> keep_expired{false};     // A follower: its leader says when a key has expired.
  std::atomic<bool> leave_eviction{false};   // A follower: its leader says what is evicted.
  std::atomic<bool> active_expiry{true};     // Off: keys expire when touched only.
  // While clients are paused: until then nothing is deleted for its age or for memory's sake; what
  // has expired is not seen, but stays.
  std::atomic<UnixMillis> frozen_until{0};
  EncodingLimits encodings;
};

struct StoreOptions {
  int shards = 32;  // A power of two.
  int databases = 16;
  bool table_per_slot =
      false;  // Cluster mode: counting, listing or dropping a slot costs it alone.
};

class Store {
 public:
  explicit Store(const StoreOptions& options);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  size_t shards() const { return shards_.size(); }
  DbIndex databases() const { return static_cast<DbIndex>(options_.databases); }
  bool table_per_slot() const { return options_.table_per_slot; }
  ShardIndex ShardOf(Slot slot) const { return static_cast<ShardIndex>(slot & mask_); }
  Shard& shard(ShardIndex index) { return shards_[index]; }
  const Shard& shard(ShardIndex index) const { return shards_[index]; }
  StoreSettings& settings() { return settings_; }
  // Held by a script that may come to need shards it does not hold yet. Comes before all shards.
  SpinFutexMutex& script_token() { return script_token_; }
  // Held by who locks every shard, and by who does work of which nobody who does may see a part.
  MomentGate& moments() { return moments_; }
  // Whether a script has held its shards for so long that others should not wait for it.
  std::atomic<bool>& busy() { return busy_; }
  Reclaimer& reclaimer() { return reclaimer_; }
  HiddenSlots& hidden() { return hidden_; }
  const HiddenSlots& hidden() const { return hidden_; }
  // How often databases were emptied. Changes while every shard is locked.
  std::atomic<uint64_t>& flushes() { return flushes_; }

  // REQUIRES: the shard's lock. The database's tables, made if absent.
  ShardDb& Database(Shard& shard, DbIndex db);

  // Sums over the shards' counters; no lock.
  uint64_t KeyCount(DbIndex db) const;
  uint64_t KeyCountWithExpiry(DbIndex db) const;
  uint64_t KeyCountWithMemberExpiry(DbIndex db) const;
  // Bytes allocated by entries (not by tables). No lock.
  uint64_t EntryBytes() const;

  // Measures a shard's tables. Takes the shard's lock.
  void TakeCensus(ShardIndex index);

 private:
  StoreOptions options_;
  size_t mask_;
  StoreSettings settings_;
  // Each by itself: every command reads `busy_`, every script that is not proven writes the token.
  static constexpr size_t kCacheLine = 64;
  alignas(kCacheLine) std::atomic<bool> busy_{false};
  alignas(kCacheLine) SpinFutexMutex script_token_;
  alignas(kCacheLine) MomentGate moments_;
  alignas(kCacheLine) std::vector<Shard> shards_;
  Reclaimer reclaimer_;
  HiddenSlots hidden_;
  std::atomic<uint64_t> flushes_{0};
};

// The shards one command or transaction needs.
//
// To lock several, only one is waited for while none is held; the others must be free, or all are
// released and it begins again with the one that was not (back off). So the one script that holds
// the script token may wait for further shards in any order: whoever holds them waits for nothing.
//
// Who asks for all takes the gate of moments first (moment_gate.h), unless it is part of the work
// that holds it. A script that comes to hold all one by one does not.
class LockSet {
 public:
  explicit LockSet(Store& store) : store_(store) {}
  ~LockSet() { Unlock(); }
  LockSet(const LockSet&) = delete;
  LockSet& operator=(const LockSet&) = delete;

  // REQUIRES: not locked.
  void Add(Slot slot) { AddShard(store_.ShardOf(slot)); }
  void AddShard(ShardIndex shard);
  void AddAll() { all_ = true; }
  void Lock() { LockOr(nullptr); }
  // False, with an empty set, where a script is busy with one of them.
  bool LockUnlessBusy() { return LockOr(&store_.busy()); }
  // Takes these shards, too. REQUIRES: locked. All are released on the way, to keep the order.
  void Extend(std::span<const ShardIndex> more);
  // Takes it, or all, too, and keeps what is held. REQUIRES: locked; the script token is held.
  void Acquire(ShardIndex shard);
  void AcquireAll();
  void Unlock();  // Releases and empties the set.

  // Keeps what commands threw out until the locks are released; freed then, by this thread.
  void FreeAfterUnlock(std::shared_ptr<void> garbage) const {
    garbage_.push_back(std::move(garbage));
  }

  bool Holds(ShardIndex shard) const;
  bool HoldsAll() const { return locked_ && all_; }
  bool locked() const { return locked_; }

 private:
  void ReleaseShards();
  void LeaveGate();
  // Locks these; see above.
  template <class Shards>
  bool LockEach(const Shards& shards, const std::atomic<bool>* give_up);
  bool LockOr(const std::atomic<bool>* give_up);

  Store& store_;
  absl::InlinedVector<ShardIndex, 6> shards_;  // Sorted, distinct, once locked.
  bool all_ = false;
  bool locked_ = false;
  bool entered_ = false;  // The gate of moments.
  mutable std::vector<std::shared_ptr<void>> garbage_;
};

// Locks one shard for a command that walks the keyspace, unless its transaction holds it already.
class ShardGuard {
 public:
  ShardGuard(Store& store, const LockSet& held, ShardIndex index)
      : mu_(held.Holds(index) ? nullptr : &store.shard(index).mu) {
    if (mu_ != nullptr) mu_->lock();
  }
  ~ShardGuard() {
    if (mu_ != nullptr) mu_->unlock();
  }
  ShardGuard(const ShardGuard&) = delete;
  ShardGuard& operator=(const ShardGuard&) = delete;

 private:
  SpinFutexMutex* mu_;
};

}  // namespace henge::store
