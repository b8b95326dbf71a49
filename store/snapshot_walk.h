// SPDX-License-Identifier: Apache-2.0
// SnapshotWalk: shows a sink every entry that the store held at one moment, each once and as it was
// then, while commands go on.
//
//   all shards locked: Begin ──> a thread of its own: Step … Step: false
//
// Every entry carries a mark, one bit; each shard says which value of it means "saved". Begin turns
// that value over, which makes all entries unsaved at once. Whoever is about to change or remove an
// unsaved entry saves it first (Keyspace does), a new entry is born saved, and Step walks the rest
// in hash order, a little at a time. What a flush throws out meanwhile is kept until it is walked.
//
// A *large* entry takes too long for one step. Step saves it in slices, with the shard's lock
// released in between; as what is unsaved doesn't change, a place in it stays good. Who wants to
// change one had better wait for that (Await): the walk takes what is waited for next. Who can't
// wait saves it whole, or what is left of it, as it saves any other. One that is deleted is handed
// over to the walk, which frees it once it is saved.
//
// One at a time per store. Begin needs every shard's lock; Step takes one shard's for a moment.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <bitset>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/types.h"
#include "store/store.h"

namespace henge::store {

// Each is called with the lock of the entry's shard held; quick. `db` is the entry's database at
// the start.
class SnapshotSink {
 public:
  virtual ~SnapshotSink() = default;
  // By any thread. Returns how many bytes it made.
  virtual size_t Save(ShardIndex shard, DbIndex db, const Entry& entry) = 0;
  // Instead, for a large one: Begin, by Step; then slices, which need not be Step's, until one
  // returns false. The next one begins behind the EndStep after that.
  virtual void BeginLarge(DbIndex db, const Entry& entry) = 0;
  virtual bool SaveSlice() = 0;
  // Before Step releases the shard's lock: time to take away what this shard's entries became; or,
  // `within` a large one, what that became, and nothing else.
  virtual void EndStep(ShardIndex shard, bool within) = 0;
};

class SnapshotWalk {
 public:
  // An entry that has more allocations, or bytes, is large.
  struct LargeFrom {
    size_t allocations = 1024;
    size_t bytes = 128 * 1024;
  };

  SnapshotWalk(Store& store, SnapshotSink& sink) : SnapshotWalk(store, sink, LargeFrom()) {}
  SnapshotWalk(Store& store, SnapshotSink& sink, LargeFrom large_from);
  // REQUIRES: not begun, or Step has returned false.
  ~SnapshotWalk() = default;
  SnapshotWalk(const SnapshotWalk&) = delete;
  SnapshotWalk& operator=(const SnapshotWalk&) = delete;

  // Before Begin: entries of other slots are passed over, and not shown to the sink. The set
  // outlives the walk.
  void Restrict(const std::bitset<kSlots>& slots) { only_ = &slots; }
  // REQUIRES: every shard locked by the caller, and no other walk under way.
  void Begin();

  // Saves entries of one shard until they made `max_bytes` or took `max_entries` looks, or one
  // slice of a large one. False once nothing is unsaved. One thread.
  bool Step(size_t max_bytes, size_t max_entries);
  // Whether the last step ended within a large entry: what the next one makes belongs behind it.
  bool within() const { return current_.entry != nullptr; }

  // Keys there were at the start, and how many of them are saved. Any thread.
  uint64_t keys() const { return keys_.load(std::memory_order_relaxed); }
  uint64_t saved() const { return saved_.load(std::memory_order_relaxed); }
  // Of the saved ones, those that were about to change.
  uint64_t saved_early() const { return saved_early_.load(std::memory_order_relaxed); }
  // Bytes that these made.
  uint64_t copied() const { return copied_.load(std::memory_order_relaxed); }
  // The longest that a step, or the saving of a large entry by another, worked under a lock.
  uint64_t longest_hold_us() const { return longest_hold_us_.load(std::memory_order_relaxed); }

  // --- With the shard's lock held, by any thread ---
  // Whether the entry is large and unsaved.
  bool IsHeld(const Shard& shard, const Entry& entry) const {
    return entry.mark() != shard.saved_mark && entry.is_collection() && IsLarge(entry) &&
           IsWanted(entry);
  }
  // Saves the entry soon, then calls `saved`, on another thread and without locks; earlier if it is
  // deleted. REQUIRES: IsHeld.
  void Await(Shard& shard, const ShardDb& part, Entry& entry, std::function<void()> saved);

  // --- The same, for Keyspace ---
  // Saves an entry that is about to change. REQUIRES: it is unsaved.
  void SaveNow(Shard& shard, const ShardDb& part, Entry& entry);
  // Takes over a part that leaves the store with entries that may be unsaved.
  void Adopt(Shard& shard, std::unique_ptr<ShardDb> part);
  // Takes over an entry that has left its table. REQUIRES: IsHeld.
  void AdoptEntry(Shard& shard, const ShardDb& part, Entry* entry);

 private:
  struct Budget {
    size_t bytes;
    size_t entries;
    bool spent() const { return bytes == 0 || entries == 0; }
  };
  using Waiters = std::vector<std::function<void()>>;
  // A large one that is to be saved.
  struct Large {
    ShardIndex shard = 0;
    DbIndex db = 0;
    bool owned = false;  // It is in no table.
    Waiters waiters;
  };
  // The one that Step is at.
  struct Current {
    Entry* entry = nullptr;
    ShardIndex shard = 0;
    bool begun = false;
  };

  ShardIndex IndexOf(const Shard& shard) const {
    return static_cast<ShardIndex>(&shard - &store_.shard(0));
  }
  bool IsLarge(const Entry& entry) const {
    return entry.FreeEffort() > large_from_.allocations ||
           entry.ObjectMemoryBytes() > large_from_.bytes;
  }
  bool IsWanted(const Entry& entry) const {
    return only_ == nullptr || only_->test(Key::Of(entry.key()).slot);
  }
  void PassOver(Shard& shard, Entry& entry);
  // Whether it is large; one that is to be saved in slices stays so, even if it shrinks meanwhile,
  // as a sorted set does that is swept.
  bool InSlices(const Entry& entry) {
    return entry.is_collection() && (IsLarge(entry) || IsEnqueued(entry));
  }
  bool IsEnqueued(const Entry& entry);
  size_t SaveOne(ShardIndex index, const ShardDb& part, Entry& entry, Budget& budget);
  bool WalkPart(ShardIndex index, ShardDb& part, Budget& budget);
  std::unique_ptr<ShardDb> NextAdopted(ShardIndex index);
  bool StepShard(ShardIndex index, Budget budget);

  // With mu_ held.
  Large& Enqueue(ShardIndex index, DbIndex db, Entry& entry);
  void TakeWaiters(Large& large);
  bool FindNext();
  void StepLarge();
  void Settle(ShardIndex index, Entry& entry);
  void Wake();
  void NoteHold(int64_t start_us);

  Store& store_;
  SnapshotSink& sink_;
  const LargeFrom large_from_;
  const std::bitset<kSlots>* only_ = nullptr;
  std::atomic<uint64_t> keys_{0};
  std::atomic<uint64_t> saved_{0};
  std::atomic<uint64_t> saved_early_{0};
  std::atomic<uint64_t> copied_{0};
  std::atomic<uint64_t> longest_hold_us_{0};
  std::atomic<size_t> larges_count_{0};  // Of larges_.
  Current current_;                      // Step's.
  size_t next_shard_ = 0;
  // By shard, with its lock: the entry that is saved as far as slices have come, or null.
  std::vector<const Entry*> in_slices_;

  std::mutex mu_;  // Of all below; the last to be taken.
  // By shard: parts that a flush has thrown out.
  std::vector<std::vector<std::unique_ptr<ShardDb>>> adopted_;
  absl::flat_hash_map<const Entry*, Large> larges_;
  std::vector<size_t> larges_in_;  // By shard.
  std::deque<Entry*> order_;       // Of larges_; what is not there any more is passed over.
  Waiters ready_;                  // To be called by Step.
};

}  // namespace henge::store
