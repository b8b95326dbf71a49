// SPDX-License-Identifier: Apache-2.0
#include "store/expiry_cycle.h"

#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "base/clock.h"

namespace henge::store {

void ExpiryLag::Record(int64_t lag_ms) {
  const auto lag = static_cast<uint64_t>(std::max<int64_t>(0, lag_ms));
  buckets[std::min<size_t>(static_cast<size_t>(std::bit_width(lag)), kBuckets - 1)].Add();
  sum_ms.Add(lag);
  if (lag > max_ms.get()) max_ms.Set(lag);
}

bool ExpiryCycle::Run(UnixMillis now, uint64_t budget_us) {
  if (store_.settings().keep_expired.load(std::memory_order_relaxed)) return false;
  const uint64_t start = Ticks();
  bool more = true;
  bool in_time = true;
  while (more && in_time) {  // Round and round: no shard's backlog starves another's.
    more = false;
    for (ShardIndex i = shards_.first; i < shards_.end; ++i) more |= RunShard(i, now);
    ++rounds_;
    in_time = TicksToMicros(Ticks() - start) < budget_us;
  }
  if (more) time_limit_reached_.Add();
  lag_ms_.store(more ? LagMs(now) : 0, std::memory_order_relaxed);
  return more;
}

bool ExpiryCycle::RunShard(ShardIndex index, UnixMillis now) {
  Shard& shard = store_.shard(index);
  LockSet locks(store_);
  locks.AddShard(index);
  locks.Lock();
  size_t left = kBatch;
  bool rebuilding = false;
  for (size_t i = 0; i < shard.dbs.size() && left > 0; ++i) {
    const auto db = static_cast<DbIndex>((rounds_ + i) % shard.dbs.size());
    ShardDb* part = shard.dbs[db].get();
    if (part == nullptr || part->deadlines().records() == 0) continue;
    Keyspace keyspace(store_, locks, sink_, db, now);
    left -= ExpireBatch(*part, keyspace, left);
    if (!rebuilding) rebuilding = RebuildStep(shard, *part, db, locks, now);
  }
  return left < kBatch || rebuilding;
}

size_t ExpiryCycle::ExpireBatch(ShardDb& part, Keyspace& keyspace, size_t limit) {
  std::array<ExpiryRecord, kBatch> records;
  const size_t taken = part.deadlines().Take(keyspace.now(), std::span(records).first(limit));
  // Memory is on its way for all of them before the first is looked at.
  for (size_t i = 0; i < taken; ++i) {
    part.TableOf(records[i].slot()).Prefetch(records[i].hash_prefix());
  }
  for (size_t i = 0; i < taken; ++i) {
    part.TableOf(records[i].slot()).PrefetchItem(records[i].hash_prefix());
  }
  size_t members = kMemberBatch;
  for (size_t i = 0; i < taken; ++i) ExpireRecord(part, keyspace, records[i], members);
  return taken;
}

void ExpiryCycle::ExpireRecord(ShardDb& part, Keyspace& keyspace, ExpiryRecord record,
                               size_t& members) {
  // Of these somebody else says when they are over; until then they come up again.
  const bool hidden = store_.hidden().Has(record.slot());
  absl::InlinedVector<Entry*, 2> expired;
  absl::InlinedVector<Entry*, 2> with_expired_members;
  part.TableOf(record.slot()).VisitHashPrefix(record.hash_prefix(), [&](Entry* entry) {
    const UnixMillis due = entry->due();
    if (due == kNoExpiry) return;
    if (hidden && due < keyspace.now()) {
      part.deadlines().File(record, keyspace.now() + kKeptRetryMs, keyspace.now());
    } else if (entry->ExpiredAt(keyspace.now())) {
      expired.push_back(entry);
    } else if (due < keyspace.now() && keyspace.KeepsMembers(Key::Of(entry->key()), entry)) {
      part.deadlines().File(record, keyspace.now() + kKeptRetryMs, keyspace.now());
    } else if (due < keyspace.now()) {
      with_expired_members.push_back(entry);
    } else {
      part.deadlines().File(record, due, keyspace.now());
    }
  });
  for (Entry* entry : with_expired_members) {
    members -= keyspace.ExpireDueMembers(Key::Of(entry->key()), members);
    // What is left of the entry, if anything, is due later, or soon for the rest.
    part.TableOf(record.slot()).VisitHashPrefix(record.hash_prefix(), [&](Entry* left) {
      const UnixMillis due = left == entry ? left->due() : kNoExpiry;
      if (due == kNoExpiry) return;
      if (due < keyspace.now()) return part.deadlines().PutBack(record);
      part.deadlines().File(record, due, keyspace.now());
    });
  }
  for (Entry* entry : expired) {
    deletions_.Record(keyspace.now() - entry->expiry());
    keyspace.Expire(Key::Of(entry->key()));
  }
}

bool ExpiryCycle::RebuildStep(Shard& shard, ShardDb& part, DbIndex db, const LockSet& locks,
                              UnixMillis now) {
  Deadlines& deadlines = part.deadlines();
  if (!deadlines.rebuilding()) {
    const size_t live = shard.keys_with_expiry[db].get() + shard.keys_with_member_expiry[db].get();
    if (!deadlines.WantsRebuild(live, shard.keys[db].get())) return false;
    deadlines.BeginRebuild(now);
  }
  size_t walked = 0;
  while (deadlines.rebuild_table < part.tables().size()) {
    EntryTable& table = part.tables()[deadlines.rebuild_table];
    if (walked++ >= kRebuildBatch) return true;
    deadlines.rebuild_cursor =
        table.size() == 0 ? 0 : table.Scan(deadlines.rebuild_cursor, [&](Entry* entry) {
          ++walked;
          const UnixMillis due = entry->due();
          if (due == kNoExpiry) return;
          deadlines.File(ExpiryRecord::Of(Key::Of(entry->key())), due, now);
        });
    if (deadlines.rebuild_cursor == 0) ++deadlines.rebuild_table;
  }
  locks.FreeAfterUnlock(deadlines.FinishRebuild());
  return true;
}

int64_t ExpiryCycle::LagMs(UnixMillis now) {
  int64_t lag = 0;
  for (ShardIndex i = shards_.first; i < shards_.end; ++i) {
    LockSet locks(store_);
    locks.AddShard(i);
    locks.Lock();
    for (const auto& part : store_.shard(i).dbs) {
      if (part != nullptr) lag = std::max(lag, part->deadlines().LagMs(now));
    }
  }
  return lag;
}

}  // namespace henge::store
