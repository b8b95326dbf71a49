// SPDX-License-Identifier: Apache-2.0
// SnapshotWalk: shows a sink every entry that the store held at one moment, each once and as it was
// then, while commands go on.
//
//   all shards locked: Begin ──> for each shard, in any order, by any thread: Step … Step: false
//
// Every entry carries a mark, one bit; each shard says which value of it means "saved". Begin turns
// that value over, which makes all entries unsaved at once. Whoever is about to change or remove an
// unsaved entry saves it first (Keyspace does), a new entry is born saved, and Step walks the rest
// in hash order, a little at a time. What a flush throws out meanwhile is kept until it is walked.
//
// One at a time per store. Begin needs every shard's lock; Step takes one shard's for a moment.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/types.h"
#include "store/store.h"

namespace henge::store {

class SnapshotSink {
 public:
  virtual ~SnapshotSink() = default;
  // With the shard's lock held, by any thread; quick. `db` is the entry's database at the start.
  // Returns how many bytes it made.
  virtual size_t Save(ShardIndex shard, DbIndex db, const Entry& entry) = 0;
  // Before Step releases the shard's lock: time to take away what this shard's entries became.
  virtual void EndStep(ShardIndex shard) = 0;
};

class SnapshotWalk {
 public:
  SnapshotWalk(Store& store, SnapshotSink& sink)
      : store_(store), sink_(sink), adopted_(store.shards()) {}
  // REQUIRES: not begun, or every Step has returned false.
  ~SnapshotWalk() = default;
  SnapshotWalk(const SnapshotWalk&) = delete;
  SnapshotWalk& operator=(const SnapshotWalk&) = delete;

  // REQUIRES: every shard locked by the caller, and no other walk under way.
  void Begin();

  // Saves entries of the shard until they made `max_bytes` or took `max_entries` looks. False once
  // nothing of the shard is unsaved; it need not be called for it again.
  bool Step(ShardIndex index, size_t max_bytes, size_t max_entries);

  // Keys there were at the start, and how many of them are saved. Any thread.
  uint64_t keys() const { return keys_.load(std::memory_order_relaxed); }
  uint64_t saved() const { return saved_.load(std::memory_order_relaxed); }
  // Of the saved ones, those that were about to change.
  uint64_t saved_early() const { return saved_early_.load(std::memory_order_relaxed); }
  // Bytes that these made.
  uint64_t copied() const { return copied_.load(std::memory_order_relaxed); }

  // --- For Keyspace, with the shard's lock held ---
  // Saves an entry that is about to change. REQUIRES: it is unsaved.
  void SaveNow(Shard& shard, const ShardDb& part, Entry& entry);
  // Takes over a part that leaves the store with entries that may be unsaved.
  void Adopt(Shard& shard, std::unique_ptr<ShardDb> part);

 private:
  struct Budget {
    size_t bytes;
    size_t entries;
    bool spent() const { return bytes == 0 || entries == 0; }
  };
  ShardIndex IndexOf(const Shard& shard) const {
    return static_cast<ShardIndex>(&shard - &store_.shard(0));
  }
  size_t SaveOne(ShardIndex index, const ShardDb& part, Entry& entry, Budget& budget);
  bool WalkPart(ShardIndex index, ShardDb& part, Budget& budget);
  std::unique_ptr<ShardDb> NextAdopted(ShardIndex index);

  Store& store_;
  SnapshotSink& sink_;
  std::atomic<uint64_t> keys_{0};
  std::atomic<uint64_t> saved_{0};
  std::atomic<uint64_t> saved_early_{0};
  std::atomic<uint64_t> copied_{0};
  std::mutex mu_;
  // By shard: parts that a flush has thrown out.
  std::vector<std::vector<std::unique_ptr<ShardDb>>> adopted_;
};

}  // namespace henge::store
