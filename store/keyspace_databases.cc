// SPDX-License-Identifier: Apache-2.0
// Keyspace's operations on whole databases. Under the locks databases only change hands.
#include <utility>
#include <vector>

#include "store/aside.h"
#include "store/keyspace.h"

namespace henge::store {
namespace {

// About 10 ms of freeing: more than that goes to the reclaimer when nobody asked otherwise.
constexpr uint64_t kFreedInline = 100'000;

bool Holds(ShardDb* part, const Key& key) {
  return part != nullptr && part->TableOf(key.slot).Find(key.bytes, key.hash) != nullptr;
}

bool HoldsLive(ShardDb* part, const Key& key, UnixMillis now) {
  if (part == nullptr) return false;
  const Entry* entry = part->TableOf(key.slot).Find(key.bytes, key.hash);
  return entry != nullptr && !entry->ExpiredAt(now);
}

void Raise(const std::vector<WatchFlag*>& flags) {
  for (WatchFlag* flag : flags) flag->raised.store(true, std::memory_order_relaxed);
}

// What watchers of `db` notice when its contents are replaced by those of `replacement` (null:
// nothing). A key that was there and has expired meanwhile is still the key they saw.
void TouchReplaced(Shard& shard, DbIndex db, ShardDb* replacement, UnixMillis now) {
  if (shard.watches.empty()) return;
  ShardDb* part = shard.dbs[db].get();
  shard.watches.ForEach(db, [&](std::string_view name, const std::vector<WatchFlag*>& flags) {
    const Key key = Key::Of(name);
    if (Holds(part, key) || HoldsLive(replacement, key, now)) Raise(flags);
  });
}

// Deletes from `other` what has expired there and is watched in `db`: where the two change places,
// a dead key must not look as if it had died under its watcher's eyes.
void ExpireWatched(Shard& shard, DbIndex db, Keyspace other) {
  if (shard.watches.empty()) return;
  shard.watches.ForEach(db, [&](std::string_view name, const std::vector<WatchFlag*>&) {
    other.Peek(Key::Of(name));
  });
}

// Who waits for keys of `db` may find them there, or gone, now that its contents are others.
void ReportReplaced(Shard& shard, DbIndex db, UnixMillis now, EffectSink& sink) {
  if (shard.waits.empty()) return;
  shard.waits.ForEachKey(db, [&](std::string_view name) {
    const bool absent = !HoldsLive(shard.dbs[db].get(), Key::Of(name), now);
    if (shard.waits.Concerns(db, name, absent)) sink.OnReady(db, name);
  });
}

using Counters = std::vector<Counter> Shard::*;
constexpr Counters kCounters[] = {&Shard::keys, &Shard::keys_with_expiry,
                                  &Shard::keys_with_member_expiry, &Shard::entry_bytes};

template <typename T>
void Copy(const std::atomic<T>& from, std::atomic<T>& to) {
  to.store(from.load());
}

void CopyLimits(const EncodingLimits& from, EncodingLimits& to) {
  constexpr std::atomic<int64_t> EncodingLimits::* kAll[] = {
      &EncodingLimits::hash_max_listpack_entries, &EncodingLimits::hash_max_listpack_value,
      &EncodingLimits::list_max_listpack_size,    &EncodingLimits::list_packed_threshold,
      &EncodingLimits::set_max_intset_entries,    &EncodingLimits::set_max_listpack_entries,
      &EncodingLimits::set_max_listpack_value,    &EncodingLimits::zset_max_listpack_entries,
      &EncodingLimits::zset_max_listpack_value,   &EncodingLimits::stream_node_max_bytes,
      &EncodingLimits::stream_node_max_entries};
  for (const auto limit : kAll) Copy(from.*limit, to.*limit);
}

}  // namespace

std::unique_ptr<Store> MakeAlike(Store& store) {
  auto alike = std::make_unique<Store>(StoreOptions{.shards = static_cast<int>(store.shards()),
                                                    .databases = store.databases(),
                                                    .table_per_slot = store.table_per_slot()});
  StoreSettings& to = alike->settings();
  Copy(store.settings().policy, to.policy);
  Copy(store.settings().lfu_log_factor, to.lfu_log_factor);
  Copy(store.settings().lfu_decay_minutes, to.lfu_decay_minutes);
  Copy(store.settings().keep_expired, to.keep_expired);
  CopyLimits(store.settings().encodings, to.encodings);
  return alike;
}

bool IsBeingSaved(Store& store) {
  for (size_t i = 0; i < store.shards(); ++i) {
    if (store.shard(static_cast<ShardIndex>(i)).snapshot != nullptr) return true;
  }
  return false;
}

void ReplaceContents(Store& store, const LockSet& locks, Store& with, UnixMillis now,
                     EffectSink& sink) {
  Keyspace(store, locks, sink, 0, now)
      .FlushDatabases(0, static_cast<DbIndex>(store.databases() - 1), FlushMode::kLazy);
  for (size_t i = 0; i < store.shards(); ++i) {
    Shard& shard = store.shard(static_cast<ShardIndex>(i));
    Shard& other = with.shard(static_cast<ShardIndex>(i));
    shard.saved_mark = other.saved_mark;  // As all entries are marked now.
    for (DbIndex db = 0; db < store.databases(); ++db) {
      if (other.dbs[db] == nullptr) continue;
      TouchReplaced(shard, db, other.dbs[db].get(), now);
      shard.dbs[db] = std::move(other.dbs[db]);
      for (const Counters counters : kCounters) {
        (shard.*counters)[db].Set((other.*counters)[db].get());
        (other.*counters)[db].Set(0);
      }
      ReportReplaced(shard, db, now, sink);
    }
  }
}

uint64_t Keyspace::FlushDatabases(DbIndex first, DbIndex last, FlushMode mode) {
  auto garbage = std::make_shared<std::vector<std::unique_ptr<ShardDb>>>();
  uint64_t removed = 0;
  for (size_t i = 0; i < store_.shards(); ++i) {
    Shard& shard = store_.shard(static_cast<ShardIndex>(i));
    for (DbIndex db = first; db <= last; ++db) {
      if (shard.dbs[db] == nullptr) continue;
      TouchReplaced(shard, db, nullptr, now_);
      removed += shard.keys[db].get();
      std::unique_ptr<ShardDb> part = std::move(shard.dbs[db]);
      if (shard.snapshot != nullptr && !part->walk().done) {
        shard.snapshot->Adopt(shard, std::move(part));
      } else {
        garbage->push_back(std::move(part));
      }
      shard.keys[db].Set(0);
      shard.keys_with_expiry[db].Set(0);
      shard.keys_with_member_expiry[db].Set(0);
      shard.entry_bytes[db].Set(0);
      ReportReplaced(shard, db, now_, sink_);
    }
  }
  if (mode == FlushMode::kLazy || (mode == FlushMode::kBySize && removed > kFreedInline)) {
    store_.reclaimer().Submit([garbage] { garbage->clear(); }, removed);
  } else {
    locks_.FreeAfterUnlock(std::move(garbage));
  }
  store_.flushes().fetch_add(1);
  sink_.OnFlush(first, last, removed);
  return removed;
}

void Keyspace::SwapDatabases(DbIndex a, DbIndex b) {
  if (a != b) {
    for (size_t i = 0; i < store_.shards(); ++i) {
      Shard& shard = store_.shard(static_cast<ShardIndex>(i));
      ExpireWatched(shard, a, InDatabase(b));
      ExpireWatched(shard, b, InDatabase(a));
      TouchReplaced(shard, a, shard.dbs[b].get(), now_);
      TouchReplaced(shard, b, shard.dbs[a].get(), now_);
      std::swap(shard.dbs[a], shard.dbs[b]);
      for (const Counters of : kCounters) {
        std::vector<Counter>& counters = shard.*of;
        const uint64_t of_a = counters[a].get();
        counters[a].Set(counters[b].get());
        counters[b].Set(of_a);
      }
      ReportReplaced(shard, a, now_, sink_);
      ReportReplaced(shard, b, now_, sink_);
    }
  }
  sink_.OnSwap(a, b);
}

}  // namespace henge::store
