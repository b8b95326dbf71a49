// SPDX-License-Identifier: Apache-2.0
#include "store/snapshot_walk.h"

#include <algorithm>
#include <utility>

namespace henge::store {

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

void SnapshotWalk::SaveNow(Shard& shard, const ShardDb& part, Entry& entry) {
  Budget budget{1, 1};
  const size_t made = SaveOne(IndexOf(shard), part, entry, budget);
  copied_.fetch_add(made, std::memory_order_relaxed);
  saved_early_.fetch_add(1, std::memory_order_relaxed);
}

size_t SnapshotWalk::SaveOne(ShardIndex index, const ShardDb& part, Entry& entry, Budget& budget) {
  entry.set_mark(store_.shard(index).saved_mark);
  const size_t made = sink_.Save(index, part.walk().db, entry);
  budget.bytes -= std::min(budget.bytes, made);
  saved_.fetch_add(1, std::memory_order_relaxed);
  return made;
}

void SnapshotWalk::Adopt(Shard& shard, std::unique_ptr<ShardDb> part) {
  const std::lock_guard lock(mu_);
  adopted_[IndexOf(shard)].push_back(std::move(part));
}

std::unique_ptr<ShardDb> SnapshotWalk::NextAdopted(ShardIndex index) {
  const std::lock_guard lock(mu_);
  if (adopted_[index].empty()) return nullptr;
  std::unique_ptr<ShardDb> part = std::move(adopted_[index].back());
  adopted_[index].pop_back();
  return part;
}

// Whether the part is done.
bool SnapshotWalk::WalkPart(ShardIndex index, ShardDb& part, Budget& budget) {
  const bool saved = store_.shard(index).saved_mark;
  ShardDb::Walk& walk = part.walk();
  while (!walk.done && !budget.spent()) {
    EntryTable& table = part.tables()[walk.table];
    const auto visit = [&](Entry* entry) {
      if (budget.entries > 0) --budget.entries;
      if (entry->mark() != saved) SaveOne(index, part, *entry, budget);
    };
    walk.cursor = table.Scan(walk.cursor, visit);
    if (walk.cursor != 0) continue;
    // Once more, as entries may have gone to the table's overflow since its walk began there.
    table.Scan(0, visit);
    ++walk.table;
    walk.done = walk.table == part.tables().size();
  }
  return walk.done;
}

bool SnapshotWalk::Step(ShardIndex index, size_t max_bytes, size_t max_entries) {
  Budget budget{max_bytes, max_entries};
  Shard& shard = store_.shard(index);
  std::vector<std::unique_ptr<ShardDb>> finished;  // Freed without the lock.
  const std::lock_guard lock(shard.mu);
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
      Adopt(shard, std::move(part));
    }
  }
  sink_.EndStep(index);
  if (!done || budget.spent()) return true;
  shard.snapshot = nullptr;
  return false;
}

}  // namespace henge::store
