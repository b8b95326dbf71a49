// SPDX-License-Identifier: Apache-2.0
// The walking templates of Keyspace; included by keyspace.h only.
//
// A scan cursor is (table's ordinal << 48) | position in the table's hash order. Tables are
// numbered shard by shard, so a cursor never needs more than one lock.
#pragma once

#include <absl/container/inlined_vector.h>

#include <algorithm>

#include "store/keyspace.h"

namespace henge::store {

inline constexpr int kCursorPositionBits = 48;

// Of a shard's n-th table.
inline bool Keyspace::IsHidden(ShardIndex shard, size_t ordinal) const {
  return store_.hidden().any() && store_.table_per_slot() &&
         store_.hidden().Has(static_cast<Slot>(ordinal * store_.shards() + shard));
}

template <class F>
uint64_t Keyspace::Scan(uint64_t cursor, size_t at_least, F fn) {
  const size_t per_shard =
      store_.table_per_slot() ? std::max<size_t>(1, kSlots / store_.shards()) : 1;
  uint64_t ordinal = cursor >> kCursorPositionBits;
  uint64_t position = cursor & ((uint64_t{1} << kCursorPositionBits) - 1);
  size_t seen = 0;
  while (ordinal < store_.shards() * per_shard) {
    const auto index = static_cast<ShardIndex>(ordinal / per_shard);
    const ShardGuard guard(store_, locks_, index);
    ShardDb* part = store_.shard(index).dbs[db_].get();
    if (part == nullptr || store_.shard(index).keys[db_].get() == 0) {
      ordinal = (index + uint64_t{1}) * per_shard;
      position = 0;
      continue;
    }
    EntryTable& table = part->tables()[ordinal % per_shard];
    if (IsHidden(index, ordinal % per_shard)) {
      ++ordinal;
      position = 0;
      continue;
    }
    do {
      absl::InlinedVector<Entry*, 4> expired;
      position = table.size() == 0 ? 0 : table.Scan(position, [&](Entry* entry) {
        ++seen;
        if (!ExpiredNow(entry)) return fn(entry);
        expired.push_back(entry);
      });
      for (Entry* entry : expired) DropIfExpired(Key::Of(entry->key()), entry);
      if (seen >= at_least && position != 0) return ordinal << kCursorPositionBits | position;
    } while (position != 0);
    ++ordinal;
    if (seen >= at_least && ordinal < store_.shards() * per_shard) {
      return ordinal << kCursorPositionBits;
    }
  }
  return 0;
}

template <class F>
void Keyspace::ForEach(F fn) {
  for (size_t i = 0; i < store_.shards(); ++i) {
    const auto index = static_cast<ShardIndex>(i);
    const ShardGuard guard(store_, locks_, index);
    ShardDb* part = store_.shard(index).dbs[db_].get();
    if (part == nullptr) continue;
    for (size_t ordinal = 0; ordinal < part->tables().size(); ++ordinal) {
      if (IsHidden(index, ordinal)) continue;
      part->tables()[ordinal].ForEach([&](Entry* entry) {
        if (!ExpiredNow(entry)) fn(entry);
      });
    }
  }
}

template <class F>
void Keyspace::ForEachInSlot(Slot slot, F fn) {
  const ShardIndex index = store_.ShardOf(slot);
  const ShardGuard guard(store_, locks_, index);
  ShardDb* part = store_.shard(index).dbs[db_].get();
  if (part == nullptr) return;
  EntryTable& table = part->TableOf(slot);
  uint64_t position = 0;
  bool more = true;
  do {
    position = table.size() == 0 ? 0 : table.Scan(position, [&](Entry* entry) {
      if (!more || ExpiredNow(entry)) return;
      if (!store_.table_per_slot() && Key::Of(entry->key()).slot != slot) return;
      more = fn(entry);
    });
  } while (position != 0 && more);
}

}  // namespace henge::store
