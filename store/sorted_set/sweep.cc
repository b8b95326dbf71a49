// SPDX-License-Identifier: Apache-2.0
#include "store/sorted_set/sweep.h"

#include <mutex>
#include <string>
#include <utility>

#include "store/sorted_set/sorted_set.h"

namespace henge::store {
namespace {

constexpr size_t kAtOnce = 256;  // Members freed in one hold of the lock.

// Whether there is more to do.
bool SweepSome(Store& store, DbIndex db, const Key& key) {
  Shard& shard = store.shard(store.ShardOf(key.slot));
  const std::lock_guard lock(shard.mu);
  ShardDb* part = shard.dbs[db].get();
  if (part == nullptr) return false;
  Entry* entry = part->TableOf(key.slot).Find(key.bytes, key.hash);
  if (entry == nullptr || entry->type() != Type::kSortedSet) return false;
  const size_t before = entry->MemoryBytes();
  const bool more = SortedSet(*entry).Sweep(kAtOnce);
  shard.entry_bytes[db].Add(entry->MemoryBytes() - before);  // Modulo 2^64: it has shrunk.
  return more;
}

}  // namespace

void SweepInBackground(Store& store, DbIndex db, const Key& key) {
  const auto sweep = [&store, db, bytes = std::string(key.bytes)] {
    const Key own = Key::Of(bytes);
    while (SweepSome(store, db, own)) {
    }
  };
  store.reclaimer().Submit(sweep, 1);
}

}  // namespace henge::store
