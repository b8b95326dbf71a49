// SPDX-License-Identifier: Apache-2.0
// Keyspace::Modify, a template; included by keyspace.h only.
#pragma once

#include "store/keyspace.h"

namespace henge::store {

template <class F>
Keyspace::Modified Keyspace::Modify(const Key& key, Type type, IfAbsent absent, const Event& event,
                                    F change) {
  ShardDb* part = PartFor(key);
  Entry* entry = part == nullptr ? nullptr : part->TableOf(key.slot).Find(key.bytes, key.hash);
  if (entry != nullptr && ExpiredNow(entry)) {
    // Also where such keys are kept: what is not seen may not be written over.
    if (absent == IfAbsent::kCreate || !KeepsExpired()) Expire(key);
    entry = nullptr;
  }
  if (entry == nullptr) {
    if (absent == IfAbsent::kLeave) return Modified::kAbsent;
    entry = Entry::NewCollection(key.bytes, type);
    if (!change(*entry) || entry->IsEmptyCollection()) {
      Entry::Free(entry);
      return Modified::kDone;
    }
    Insert(key, entry);
    Report(key, event, Change::kCreated);
    return Modified::kDone;
  }
  if (entry->type() != type) return Modified::kOtherType;
  Stamp(entry);
  Shard& shard = ShardOf(key);
  Counter& bytes = shard.entry_bytes[db_];
  const size_t before = entry->ObjectMemoryBytes();
  const UnixMillis members_due = entry->member_deadline();
  const UnixMillis due = entry->due();
  SaveIfDue(shard, *part, entry);
  const bool changed = change(*entry);
  bytes.Add(entry->ObjectMemoryBytes() - before);  // Modulo 2^64: it may have shrunk.
  if (entry->member_deadline() != members_due) MembersDueChanged(key, entry, members_due, due);
  if (!changed) return Modified::kDone;
  Report(key, event, Change::kModified);
  if (entry->IsEmptyCollection()) Delete(key, events::kDel.Uncounted());
  return Modified::kDone;
}

}  // namespace henge::store
