// SPDX-License-Identifier: Apache-2.0
#include "store/keyspace.h"

#include <cmath>

#include "base/numbers.h"
#include "base/random.h"
#include "store/access_clock.h"
#include "store/hash/hash.h"

namespace henge::store {
namespace {

// A key was looked for in vain: no change, but an event.
constexpr Event kMiss{static_cast<EventClass>('m'), "keymiss"};

}  // namespace

// --- Finding ------------------------------------------------------------------------------------

Entry* Keyspace::Peek(const Key& key) {
  EntryTable* table = TableFor(key);
  if (table == nullptr) return nullptr;
  Entry* entry = table->Find(key.bytes, key.hash);
  if (entry == nullptr || DropIfExpired(key, entry)) return nullptr;
  return entry;
}

Entry* Keyspace::Find(const Key& key) {
  Entry* entry = Peek(key);
  if (entry != nullptr) Stamp(entry);
  return entry;
}

Entry* Keyspace::Read(const Key& key) {
  Entry* entry = Peek(key);
  ShardStats& stats = ShardOf(key).stats;
  if (entry == nullptr) {
    stats.misses.Add();
    sink_.OnEvent(db_, key, kMiss);
    return nullptr;
  }
  stats.hits.Add();
  if (!no_touch_) Stamp(entry);
  return entry;
}

Entry* Keyspace::Inspect(const Key& key) {
  Entry* entry = Peek(key);
  ShardStats& stats = ShardOf(key).stats;
  (entry == nullptr ? stats.misses : stats.hits).Add();
  if (entry == nullptr) sink_.OnEvent(db_, key, kMiss);
  return entry;
}

void Keyspace::Stamp(Entry* entry) {
  const uint32_t stamp = TouchedAccess(store_.settings(), entry->access(), now_);
  if (stamp != entry->access()) entry->set_access(stamp);  // Spares the cache line a write.
}

void Keyspace::Expire(const Key& key) {
  Entry* entry = Detach(key, Leaving::kForGood);
  // The key's bytes may be a view into the entry (the expiry cycle's are): report before freeing.
  ShardOf(key).stats.expired.Add();
  Report(key, events::kExpired, Change::kDeleted);
  DisposeDetached(key, entry);
}

void Keyspace::Dispose(Entry* entry) {
  if (entry->FreeEffort() <= kInlineFreeEffort) return Entry::Free(entry);
  store_.reclaimer().Submit([entry] { Entry::Free(entry); }, 1);
}

void Keyspace::DisposeDetached(const Key& key, Entry* entry) {
  Shard& shard = ShardOf(key);
  if (!IsHeld(shard, entry)) return Dispose(entry);
  shard.snapshot->AdoptEntry(shard, *shard.dbs[db_], entry);
}

Entry* Keyspace::Supersede(Entry* old, Entry* entry) {
  entry->set_access(old->access());
  Dispose(old);
  return entry;
}

bool Keyspace::Evict(const Key& key) {
  Entry* entry = Detach(key, Leaving::kForGood);
  if (entry == nullptr) return false;
  ShardOf(key).stats.evicted.Add();
  Report(key, events::kEvicted, Change::kDeleted);
  DisposeDetached(key, entry);
  return true;
}

void Keyspace::Report(const Key& key, const Event& event, Change change) {
  Shard& shard = ShardOf(key);
  if (event.touches && !shard.watches.empty()) shard.watches.Touch(db_, key.bytes);
  sink_.OnEffect(db_, key, event, change);
  if (shard.waits.empty() || (!event.wakes && change == Change::kModified)) return;
  if (shard.waits.Concerns(db_, key.bytes, change == Change::kDeleted)) {
    sink_.OnReady(db_, key.bytes);
  }
}

// --- Changing -----------------------------------------------------------------------------------

template <class F>
void Keyspace::Upsert(const Key& key, const Event& event, F remake, const bool* changed) {
  Shard& shard = ShardOf(key);
  ShardDb& part = store_.Database(shard, db_);
  EntryTable& table = part.TableOf(key.slot);
  const auto position = table.FindPosition(key.bytes, key.hash);
  Entry* old = position ? table.At(position) : nullptr;
  if (old != nullptr && ExpiredNow(old)) {
    Expire(key);  // Also where such keys are kept: what is not seen may not be written over.
    old = nullptr;
  }
  const bool had_expiry = old != nullptr && old->has_expiry();
  const bool had_member_expiry = old != nullptr && old->member_deadline() != kNoExpiry;
  const UnixMillis old_due = old != nullptr ? old->due() : kNoExpiry;
  if (old != nullptr) {
    shard.entry_bytes[db_].Sub(old->MemoryBytes());
    SaveIfDue(shard, part, old);
  }
  Entry* entry = remake(old);
  entry->set_mark(shard.saved_mark);
  shard.entry_bytes[db_].Add(entry->MemoryBytes());
  if (old == nullptr) {
    // A value that only changed its name or database keeps its stamp.
    if (entry->access() == 0) entry->set_access(FreshAccess(store_.settings(), now_));
    table.Insert(entry, key.hash);
    shard.keys[db_].Add();
  } else if (entry != old) {
    table.Replace(position, entry);
  }
  if (had_expiry != entry->has_expiry()) {
    entry->has_expiry() ? shard.keys_with_expiry[db_].Add() : shard.keys_with_expiry[db_].Sub();
  }
  if (had_member_expiry != (entry->member_deadline() != kNoExpiry)) {
    Counter& count = shard.keys_with_member_expiry[db_];
    had_member_expiry ? count.Sub() : count.Add();
  }
  if (const UnixMillis due = entry->due(); due != kNoExpiry && due != old_due) {
    part.deadlines().Note(key, due, old_due, now_);
  }
  if (changed != nullptr && !*changed) return;
  Report(key, event, old == nullptr ? Change::kCreated : Change::kModified);
}

Entry* Keyspace::Detach(const Key& key, Leaving leaving) {
  ShardDb* part = PartFor(key);
  Entry* entry = part == nullptr ? nullptr : part->TableOf(key.slot).Erase(key.bytes, key.hash);
  if (entry == nullptr) return nullptr;
  Shard& shard = ShardOf(key);
  if (leaving == Leaving::kToBeKept || !IsHeld(shard, entry)) SaveIfDue(shard, *part, entry);
  shard.entry_bytes[db_].Sub(entry->MemoryBytes());
  shard.keys[db_].Sub();
  if (entry->has_expiry()) shard.keys_with_expiry[db_].Sub();
  if (entry->member_deadline() != kNoExpiry) shard.keys_with_member_expiry[db_].Sub();
  return entry;
}

void Keyspace::SetString(const Key& key, std::string_view value, UnixMillis expiry,
                         const Event& event) {
  Upsert(key, event, [&](Entry* old) {
    if (old == nullptr) return Entry::NewString(key.bytes, value, expiry);
    old->set_access(TouchedAccess(store_.settings(), old->access(), now_));
    if (old->FreeEffort() > kInlineFreeEffort) {
      return Supersede(old, Entry::NewString(key.bytes, value, expiry));
    }
    return Entry::Overwrite(old, value, expiry);
  });
}

void Keyspace::SetBlob(const Key& key, BlobRef value, UnixMillis expiry, const Event& event) {
  Upsert(key, event, [&](Entry* old) {
    Entry* entry = Entry::NewBlob(key.bytes, std::move(value), expiry);
    return old == nullptr ? entry : Supersede(old, entry);
  });
}

void Keyspace::SetInteger(const Key& key, int64_t value, const Event& event) {
  Upsert(key, event, [&](Entry* old) {
    if (old != nullptr && old->is_integer()) {
      old->set_integer(value);
      return old;
    }
    Entry* entry = Entry::NewInteger(key.bytes, value, old == nullptr ? kNoExpiry : old->expiry());
    return old == nullptr ? entry : Supersede(old, entry);
  });
}

Keyspace::Sum Keyspace::AddInteger(const Key& key, int64_t delta, const Event& event) {
  ShardDb* part = PartFor(key);
  Entry* old = part == nullptr ? nullptr : part->TableOf(key.slot).Find(key.bytes, key.hash);
  if (old != nullptr && ExpiredNow(old)) old = nullptr;
  std::optional<int64_t> value = 0;
  if (old != nullptr) {
    if (old->type() != Type::kString) return {Sum::Outcome::kOtherType};
    value = old->is_integer() ? old->integer() : ParseInt64(old->bytes());
    Stamp(old);
  }
  if (!value) return {Sum::Outcome::kNotInteger};
  Sum sum{Sum::Outcome::kDone};
  if (__builtin_add_overflow(*value, delta, &sum.value)) return {Sum::Outcome::kOverflow};
  if (old != nullptr && old->is_integer()) {  // The usual case: nothing moves.
    SaveIfDue(ShardOf(key), *part, old);
    old->set_integer(sum.value);
    Report(key, event, Change::kModified);
  } else {
    SetInteger(key, sum.value, event);
  }
  return sum;
}

void Keyspace::SetStringKeepExpiry(const Key& key, std::string_view value, const Event& event,
                                   bool encode_integers) {
  Upsert(key, event, [&](Entry* old) {
    if (old == nullptr) return Entry::NewString(key.bytes, value, kNoExpiry, encode_integers);
    if (old->FreeEffort() > kInlineFreeEffort) {
      return Supersede(old, Entry::NewString(key.bytes, value, old->expiry(), encode_integers));
    }
    return Entry::Overwrite(old, value, old->expiry(), encode_integers);
  });
}

void Keyspace::EditString(const Key& key, size_t size, const Event& event,
                          absl::FunctionRef<bool(char*)> edit) {
  bool changed = true;
  const auto remake = [&](Entry* old) {
    const bool resized = old == nullptr || old->StringSize() != size;
    Entry* entry = old != nullptr ? old : Entry::NewString(key.bytes, "", kNoExpiry, false);
    entry = Entry::ResizeString(entry, size);
    changed = edit(entry->WritableBytes()) || resized;
    return entry;
  };
  Upsert(key, event, remake, &changed);
}

void Keyspace::ReplaceString(const Key& key, size_t size, const Event& event,
                             absl::FunctionRef<void(char*)> fill) {
  Upsert(key, event, [&](Entry* old) {
    Entry* entry = Entry::NewString(key.bytes, "", kNoExpiry, false);
    entry = Entry::ResizeString(entry, size);
    fill(entry->WritableBytes());
    return old == nullptr ? entry : Supersede(old, entry);
  });
}

void Keyspace::Insert(const Key& key, Entry* entry) {
  Shard& shard = ShardOf(key);
  ShardDb& part = store_.Database(shard, db_);
  entry->set_mark(shard.saved_mark);
  entry->set_access(FreshAccess(store_.settings(), now_));
  part.TableOf(key.slot).Insert(entry, key.hash);
  shard.keys[db_].Add();
  shard.entry_bytes[db_].Add(entry->MemoryBytes());
  const UnixMillis due = entry->due();
  if (due == kNoExpiry) return;
  if (entry->has_expiry()) shard.keys_with_expiry[db_].Add();
  if (entry->member_deadline() != kNoExpiry) shard.keys_with_member_expiry[db_].Add();
  part.deadlines().Note(key, due, kNoExpiry, now_);
}

void Keyspace::MembersDueChanged(const Key& key, const Entry* entry, UnixMillis members_before,
                                 UnixMillis due_before) {
  Shard& shard = ShardOf(key);
  const bool had = members_before != kNoExpiry;
  const bool has = entry->member_deadline() != kNoExpiry;
  if (had != has) {
    Counter& count = shard.keys_with_member_expiry[db_];
    had ? count.Sub() : count.Add();
  }
  const UnixMillis due = entry->due();
  if (due != kNoExpiry && due != due_before) {
    store_.Database(shard, db_).deadlines().Note(key, due, due_before, now_);
  }
}

size_t Keyspace::ExpireMembers(const Key& key,
                               absl::FunctionRef<void(Entry&, std::vector<std::string>&)> take) {
  if (KeepsExpired()) return 0;
  ShardDb* part = PartFor(key);
  Entry* entry = part->TableOf(key.slot).Find(key.bytes, key.hash);
  Shard& shard = ShardOf(key);
  const size_t before = entry->MemoryBytes();
  const UnixMillis members_due = entry->member_deadline();
  const UnixMillis due = entry->due();
  std::vector<std::string> names;
  if (IsHeld(shard, entry)) return 0;
  SaveIfDue(shard, *part, entry);
  take(*entry, names);
  if (names.empty()) return 0;
  shard.entry_bytes[db_].Add(entry->MemoryBytes() - before);  // Modulo 2^64: it has shrunk.
  if (entry->member_deadline() != members_due) MembersDueChanged(key, entry, members_due, due);
  shard.stats.expired_members.Add(names.size());
  if (!shard.watches.empty()) shard.watches.Touch(db_, key.bytes);
  const bool emptied = entry->IsEmptyCollection();
  if (emptied) Detach(key);
  sink_.OnMembersExpired(db_, key, events::kHashExpired, names, emptied);
  if (emptied) Dispose(entry);
  return names.size();
}

size_t Keyspace::ExpireDueMembers(const Key& key, size_t limit) {
  return ExpireMembers(key, [&](Entry& entry, std::vector<std::string>& names) {
    Hash(entry, store_.settings().encodings, now_).DeleteExpired(limit, names);
  });
}

bool Keyspace::SetCollection(const Key& key, Entry* value, const Event& event) {
  if (value->IsEmptyCollection()) {
    Entry::Free(value);
    return Delete(key, events::kDel);
  }
  Upsert(key, event, [&](Entry* old) { return old == nullptr ? value : Supersede(old, value); });
  return true;
}

void Keyspace::Put(const Key& key, OwnedEntry entry, const Event& event) {
  Upsert(key, event, [&](Entry* old) {
    if (old != nullptr) Dispose(old);
    return entry.release();
  });
}

bool Keyspace::Delete(const Key& key, const Event& event) {
  if (Peek(key) == nullptr) return false;
  Entry* entry = Detach(key, Leaving::kForGood);
  Report(key, event, Change::kDeleted);
  DisposeDetached(key, entry);
  return true;
}

void Keyspace::SetExpiry(const Key& key, Entry* entry, UnixMillis at, const Event& event) {
  (void)entry;
  Upsert(key, event, [&](Entry* old) { return Entry::SetExpiry(old, at); });
}

void Keyspace::Rename(const Key& from, const Key& to) {
  Entry* value = Detach(from);
  if (Entry* replaced = Detach(to, Leaving::kForGood)) DisposeDetached(to, replaced);
  Report(from, events::kRenameFrom, Change::kDeleted);
  Upsert(to, events::kRenameTo,
         [&](Entry*) { return Entry::Rebuild(value, to.bytes, value->expiry()); });
}

void Keyspace::CopyTo(Keyspace& target, const Key& from, const Key& to) {
  Entry* source = Peek(from);
  if (Entry* replaced = target.Detach(to, Leaving::kForGood)) target.DisposeDetached(to, replaced);
  target.Upsert(to, events::kCopyTo, [&](Entry*) {
    Entry* copy = Entry::Copy(source, to.bytes, source->expiry());
    copy->set_access(FreshAccess(store_.settings(), now_));
    return copy;
  });
}

void Keyspace::MoveTo(Keyspace& target, const Key& key) {
  Entry* entry = Detach(key);
  Report(key, events::kMoveFrom, Change::kDeleted);
  target.Upsert(key, events::kMoveTo, [&](Entry*) { return entry; });
}

// --- Walking ------------------------------------------------------------------------------------

std::optional<std::string> Keyspace::RandomKey() {
  Random& random = ThreadRandom();
  uint64_t left = store_.KeyCount(db_);
  // Tries enough shards, weighted by their counts, to pass over keys that have expired meanwhile.
  for (int attempt = 0; left > 0 && attempt < 100; ++attempt) {
    uint64_t rank = random.Below(left);
    for (size_t i = 0; i < store_.shards(); ++i) {
      const auto index = static_cast<ShardIndex>(i);
      const uint64_t keys = store_.shard(index).keys[db_].get();
      if (rank >= keys) {
        rank -= keys;
        continue;
      }
      const ShardGuard guard(store_, locks_, index);
      ShardDb* part = store_.shard(index).dbs[db_].get();
      if (part == nullptr) break;
      for (EntryTable& table : part->tables()) {
        if (rank >= table.size()) {
          rank -= table.size();
          continue;
        }
        Entry* entry = table.RandomItem(random);
        if (entry == nullptr) break;
        const Key key = Key::Of(entry->key());
        if (!store_.hidden().Has(key.slot) && !DropIfExpired(key, entry)) {
          return std::string(entry->key());
        }
        break;
      }
      break;
    }
    left = store_.KeyCount(db_);
  }
  return std::nullopt;
}

uint64_t Keyspace::Count() {
  uint64_t hidden = 0;
  store_.hidden().ForEach([&](Slot slot) { hidden += CountInSlot(slot); });
  const uint64_t all = store_.KeyCount(db_);
  return all - std::min(all, hidden);
}

uint64_t Keyspace::CountInSlot(Slot slot) {
  uint64_t count = 0;
  if (store_.table_per_slot()) {
    const ShardIndex index = store_.ShardOf(slot);
    const ShardGuard guard(store_, locks_, index);
    ShardDb* part = store_.shard(index).dbs[db_].get();
    return part == nullptr ? 0 : part->TableOf(slot).size();
  }
  ForEachInSlot(slot, [&](Entry*) {
    ++count;
    return true;
  });
  return count;
}

}  // namespace henge::store
