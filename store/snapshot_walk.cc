// SPDX-License-Identifier: Apache-2.0
#include "store/snapshot_walk.h"

#include <time.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace henge::store {
namespace {

// What this thread has worked: it may be kept from the processor while it holds a lock, but that is
// none of our doing.
int64_t ThreadCpuMicros() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return used.tv_sec * 1'000'000 + used.tv_nsec / 1000;
}

}  // namespace

SnapshotWalk::SnapshotWalk(Store& store, SnapshotSink& sink, LargeFrom large_from)
    : store_(store),
      sink_(sink),
      large_from_(large_from),
      in_slices_(store.shards()),
      adopted_(store.shards()),
      larges_in_(store.shards()) {}

void SnapshotWalk::Begin() {
  uint64_t keys = 0;
  for (size_t i = 0; i < store_.shards(); ++i) {
    Shard& shard = store_.shard(static_cast<ShardIndex>(i));
    shard.saved_mark = !shard.saved_mark;
    shard.snapshot = this;
    for (size_t db = 0; db < shard.dbs.size(); ++db) {
      if (shard.dbs[db] == nullptr) continue;
      shard.dbs[db]->walk() = {static_cast<DbIndex>(db), 0, 0, false};
      keys += shard.keys[db].get();
    }
  }
  keys_.store(keys, std::memory_order_relaxed);
}

void SnapshotWalk::NoteHold(int64_t start_us) {
  const auto us = static_cast<uint64_t>(ThreadCpuMicros() - start_us);
  uint64_t longest = longest_hold_us_.load(std::memory_order_relaxed);
  while (us > longest && !longest_hold_us_.compare_exchange_weak(longest, us)) {
  }
}

// --- Entries that change or go ------------------------------------------------------------------

void SnapshotWalk::PassOver(Shard& shard, Entry& entry) {
  entry.set_mark(shard.saved_mark);
  saved_.fetch_add(1, std::memory_order_relaxed);
}

void SnapshotWalk::SaveNow(Shard& shard, const ShardDb& part, Entry& entry) {
  if (!IsWanted(entry)) return PassOver(shard, entry);
  const ShardIndex index = IndexOf(shard);
  saved_early_.fetch_add(1, std::memory_order_relaxed);
  if (!InSlices(entry)) {
    Budget budget{1, 1};
    copied_.fetch_add(SaveOne(index, part, entry, budget), std::memory_order_relaxed);
    return;
  }
  const int64_t start = ThreadCpuMicros();
  if (in_slices_[index] == &entry) {
    while (sink_.SaveSlice()) {
    }
  } else {
    copied_.fetch_add(sink_.Save(index, part.walk().db, entry), std::memory_order_relaxed);
  }
  Settle(index, entry);
  NoteHold(start);
}

bool SnapshotWalk::IsEnqueued(const Entry& entry) {
  if (larges_count_.load(std::memory_order_relaxed) == 0) return false;
  const std::lock_guard lock(mu_);
  return larges_.contains(&entry);
}

size_t SnapshotWalk::SaveOne(ShardIndex index, const ShardDb& part, Entry& entry, Budget& budget) {
  entry.set_mark(store_.shard(index).saved_mark);
  const size_t made = sink_.Save(index, part.walk().db, entry);
  budget.bytes -= std::min(budget.bytes, made);
  saved_.fetch_add(1, std::memory_order_relaxed);
  return made;
}

void SnapshotWalk::Adopt(Shard& shard, std::unique_ptr<ShardDb> part) {
  const ShardIndex index = IndexOf(shard);
  const std::lock_guard lock(mu_);
  adopted_[index].push_back(std::move(part));
  for (auto& [entry, large] : larges_) {
    if (large.shard == index) TakeWaiters(large);  // If it was not in this part, they wait again.
  }
}

void SnapshotWalk::AdoptEntry(Shard& shard, const ShardDb& part, Entry* entry) {
  const std::lock_guard lock(mu_);
  Large& large = Enqueue(IndexOf(shard), part.walk().db, *entry);
  large.owned = true;
  TakeWaiters(large);
}

void SnapshotWalk::Await(Shard& shard, const ShardDb& part, Entry& entry,
                         std::function<void()> saved) {
  const std::lock_guard lock(mu_);
  Enqueue(IndexOf(shard), part.walk().db, entry).waiters.push_back(std::move(saved));
}

SnapshotWalk::Large& SnapshotWalk::Enqueue(ShardIndex index, DbIndex db, Entry& entry) {
  const auto [at, is_new] = larges_.try_emplace(&entry);
  if (is_new) {
    at->second.shard = index;
    at->second.db = db;
    ++larges_in_[index];
    larges_count_.fetch_add(1, std::memory_order_relaxed);
    order_.push_back(&entry);
  }
  return at->second;
}

void SnapshotWalk::TakeWaiters(Large& large) {
  std::move(large.waiters.begin(), large.waiters.end(), std::back_inserter(ready_));
  large.waiters.clear();
}

// The large entry is saved.
void SnapshotWalk::Settle(ShardIndex index, Entry& entry) {
  entry.set_mark(store_.shard(index).saved_mark);
  if (in_slices_[index] == &entry) in_slices_[index] = nullptr;
  saved_.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(mu_);
  const auto at = larges_.find(&entry);
  if (at == larges_.end()) return;
  TakeWaiters(at->second);
  if (at->second.owned) store_.reclaimer().Submit([&entry] { Entry::Free(&entry); }, 1);
  larges_.erase(at);
  --larges_in_[index];
  larges_count_.fetch_sub(1, std::memory_order_relaxed);
}

// --- Walking ------------------------------------------------------------------------------------

std::unique_ptr<ShardDb> SnapshotWalk::NextAdopted(ShardIndex index) {
  const std::lock_guard lock(mu_);
  if (adopted_[index].empty()) return nullptr;
  std::unique_ptr<ShardDb> part = std::move(adopted_[index].back());
  adopted_[index].pop_back();
  return part;
}

// Whether the part is done: then all its entries are saved, as large ones that it came upon spend
// the budget and are saved before the next step in any shard.
bool SnapshotWalk::WalkPart(ShardIndex index, ShardDb& part, Budget& budget) {
  const bool saved = store_.shard(index).saved_mark;
  ShardDb::Walk& walk = part.walk();
  while (!walk.done && !budget.spent()) {
    EntryTable& table = part.tables()[walk.table];
    bool met_large = false;
    const auto visit = [&](Entry* entry) {
      if (budget.entries > 0) --budget.entries;
      if (entry->mark() == saved) return;
      if (!IsWanted(*entry)) return PassOver(store_.shard(index), *entry);
      if (!InSlices(*entry)) return void(SaveOne(index, part, *entry, budget));
      met_large = true;
      const std::lock_guard lock(mu_);
      Enqueue(index, walk.db, *entry);
    };
    const auto end_if_large = [&] {
      if (met_large) budget.entries = 0;
      return met_large;
    };
    const uint64_t next = table.Scan(walk.cursor, visit);
    // Once more, as entries may have gone to the table's overflow since its walk began there.
    if (next == 0) table.Scan(0, visit);
    // The same place again, where nothing is left then: a part is done only when that is true.
    if (end_if_large()) break;
    walk.cursor = next;
    if (next != 0) continue;
    ++walk.table;
    walk.done = walk.table == part.tables().size();
  }
  return walk.done;
}

// Whether there is more to do in the shard.
bool SnapshotWalk::StepShard(ShardIndex index, Budget budget) {
  Shard& shard = store_.shard(index);
  std::vector<std::unique_ptr<ShardDb>> finished;  // Freed without the lock.
  const std::lock_guard lock(shard.mu);
  if (shard.snapshot == nullptr) return false;
  const int64_t start = ThreadCpuMicros();
  bool done = true;
  for (const auto& part : shard.dbs) {
    done = done && (part == nullptr || WalkPart(index, *part, budget));
  }
  // Nobody else can reach these, but their entries became part of the shard's bytes.
  while (done && !budget.spent()) {
    std::unique_ptr<ShardDb> part = NextAdopted(index);
    if (part == nullptr) break;
    done = WalkPart(index, *part, budget);
    if (done) {
      finished.push_back(std::move(part));
    } else {
      const std::lock_guard adopting(mu_);
      adopted_[index].push_back(std::move(part));
    }
  }
  sink_.EndStep(index, /*within=*/false);
  NoteHold(start);
  if (!done || budget.spent()) return true;
  {
    const std::lock_guard looking(mu_);
    if (larges_in_[index] > 0) return true;
  }
  shard.snapshot = nullptr;
  return false;
}

// Chooses the next large entry; false if there is none.
bool SnapshotWalk::FindNext() {
  const std::lock_guard lock(mu_);
  while (!order_.empty()) {
    Entry* const entry = order_.front();
    order_.pop_front();
    const auto at = larges_.find(entry);
    if (at == larges_.end()) continue;
    current_ = {entry, at->second.shard, false};
    return true;
  }
  return false;
}

void SnapshotWalk::StepLarge() {
  const std::lock_guard lock(store_.shard(current_.shard).mu);
  const int64_t start = ThreadCpuMicros();
  if (!current_.begun) {
    DbIndex db;
    {
      const std::lock_guard looking(mu_);
      const auto at = larges_.find(current_.entry);
      if (at == larges_.end() || at->second.shard != current_.shard) {
        current_ = {};  // Somebody was faster.
        return;
      }
      db = at->second.db;
    }
    current_.begun = true;
    in_slices_[current_.shard] = current_.entry;
    sink_.BeginLarge(db, *current_.entry);
  }
  bool more = in_slices_[current_.shard] == current_.entry;
  if (more && !sink_.SaveSlice()) {
    more = false;
    Settle(current_.shard, *current_.entry);
  }
  sink_.EndStep(current_.shard, /*within=*/true);
  if (!more) current_ = {};
  NoteHold(start);
}

void SnapshotWalk::Wake() {
  Waiters ready;
  {
    const std::lock_guard lock(mu_);
    ready.swap(ready_);
  }
  for (const std::function<void()>& wake : ready) wake();
}

bool SnapshotWalk::Step(size_t max_bytes, size_t max_entries) {
  if (within() || FindNext()) {
    StepLarge();
  } else if (next_shard_ < store_.shards()) {
    const auto index = static_cast<ShardIndex>(next_shard_);
    if (!StepShard(index, {max_bytes, max_entries})) ++next_shard_;
  }
  Wake();
  return within() || next_shard_ < store_.shards();
}

}  // namespace henge::store
