// SPDX-License-Identifier: Apache-2.0
// Keyspace: one database as one command sees it, under the locks the command holds.
//
// Made per command (or per transaction); cheap. Finding honours expiry: a key past its deadline
// reads as absent and is deleted on sight. Every mutator takes the event it is and reports it to
// the sink, so no caller can forget; the mutators are also where counts, memory and the expiry
// index are kept.
//
// REQUIRES, for every call: the lock of the key's shard. An Entry* is valid until the next
// mutation.
#pragma once

#include <absl/functional/function_ref.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "store/event.h"
#include "store/key.h"
#include "store/snapshot_walk.h"
#include "store/store.h"

namespace henge::store {

// Who frees what a flush throws out: the reclaimer, this thread once the locks are released, or
// whichever suits the amount.
enum class FlushMode : uint8_t { kLazy, kEager, kBySize };

class Keyspace {
 public:
  Keyspace(Store& store, const LockSet& locks, EffectSink& sink, DbIndex db, UnixMillis now)
      : store_(store), locks_(locks), sink_(sink), now_(now), db_(db) {}

  Store& store() { return store_; }
  const LockSet& locks() const { return locks_; }
  DbIndex db() const { return db_; }
  UnixMillis now() const { return now_; }
  // What members' deadlines are compared with to tell whether they may be seen.
  UnixMillis visible_now() const { return sees_expired_ ? 0 : now_; }
  // The same locks and moment, another database (SELECT in a transaction, MOVE, COPY … DB).
  Keyspace InDatabase(DbIndex db) const {
    Keyspace other = *this;
    other.db_ = db;
    return other;
  }
  void set_no_touch(bool no_touch) { no_touch_ = no_touch; }  // CLIENT NO-TOUCH
  // For serving who waits: keys of shards that are not held read as absent.
  void set_only_held(bool only_held) { only_held_ = only_held; }
  // For applying a leader's effects: a key exists until the leader says that it has expired.
  void set_sees_expired(bool sees_expired) { sees_expired_ = sees_expired; }

  // --- Finding --------------------------------------------------------------------------------
  Entry* Read(const Key& key);     // For the client: counts a hit or miss, stamps the access.
  Entry* Find(const Key& key);     // For a write: stamps the access, counts nothing.
  Entry* Inspect(const Key& key);  // Counts, doesn't stamp (TTL, TYPE, EXISTS …).
  Entry* Peek(const Key& key);     // Neither (OBJECT, conditions of writes).
  bool Exists(const Key& key) { return Peek(key) != nullptr; }

  // The same for commands on one type: what is there and is of another type isn't returned.
  struct Typed {
    Entry* entry = nullptr;
    bool other_type = false;
    explicit operator bool() const { return entry != nullptr; }
    Entry* operator->() const { return entry; }
  };
  Typed ReadAs(const Key& key, Type type) { return AsType(Read(key), type); }
  Typed FindAs(const Key& key, Type type) { return AsType(Find(key), type); }
  Typed PeekAs(const Key& key, Type type) { return AsType(Peek(key), type); }

  // --- Collections ------------------------------------------------------------------------------
  enum class IfAbsent : uint8_t { kCreate, kLeave };
  enum class Modified : uint8_t { kDone, kAbsent, kOtherType };
  // Hands `change(Entry&)` the collection of `type` at `key`, made empty if it is absent and
  // `absent` says so, by one look-up. `change` returns whether it changed anything; then `event`
  // (which `change` may still set) is reported. A collection left empty is deleted, which is a
  // "del" event after the first. A new one is stored only if it isn't empty and was changed.
  // `change` may not touch the keyspace.
  template <class F>
  Modified Modify(const Key& key, Type type, IfAbsent absent, const Event& event, F change);
  // Puts a value made by Entry::NewCollection(key.bytes, …) where anything or nothing was; an empty
  // one deletes what is there, with "del". Returns whether anything changed.
  bool SetCollection(const Key& key, Entry* value, const Event& event);

  // Puts an entry of any type, made for this key elsewhere, where anything or nothing was: with its
  // own deadline and access stamp.
  void Put(const Key& key, OwnedEntry entry, const Event& event);

  // Lets `take(Entry&, names)` delete expired members of the collection at `key` and name them,
  // then reports them and deletes the key if it is left empty. Nothing happens where deleting what
  // has expired is left to another, or must wait for a snapshot. Returns how many there were.
  // REQUIRES: the key is there; its bytes may be the entry's own.
  size_t ExpireMembers(const Key& key,
                       absl::FunctionRef<void(Entry&, std::vector<std::string>&)> take);

  // Up to `limit` of those whose time is up, the earliest first.
  size_t ExpireDueMembers(const Key& key, size_t limit);
  // Whether a snapshot keeps members that have expired for now. REQUIRES: the key is there.
  bool KeepsMembers(const Key& key, const Entry* entry) { return IsHeld(ShardOf(key), entry); }

  // --- Strings --------------------------------------------------------------------------------
  // Replaces whatever is there. `expiry` is absolute or kNoExpiry.
  void SetString(const Key& key, std::string_view value, UnixMillis expiry, const Event& event);
  void SetBlob(const Key& key, BlobRef value, UnixMillis expiry, const Event& event);
  // Keeps an existing key's deadline.
  void SetInteger(const Key& key, int64_t value, const Event& event);
  struct Sum {
    enum class Outcome : uint8_t { kDone, kOtherType, kNotInteger, kOverflow };
    Outcome outcome;
    int64_t value = 0;
  };
  // Adds to an integer, an absent one counting as zero, and keeps the deadline. In place, by one
  // look-up, where the value is integer-encoded. Nothing changes unless kDone.
  Sum AddInteger(const Key& key, int64_t delta, const Event& event);
  void SetStringKeepExpiry(const Key& key, std::string_view value, const Event& event,
                           bool encode_integers = true);
  // Hands `edit` the string's bytes, resized to `size` (new bytes zero), created if absent. The
  // caller has checked the type. `event` is reported when `edit` returns true or the size has
  // changed.
  void EditString(const Key& key, size_t size, const Event& event,
                  absl::FunctionRef<bool(char*)> edit);
  // Replaces whatever is there, deadline included, by a string of `size` bytes, zero until `fill`
  // has written them.
  void ReplaceString(const Key& key, size_t size, const Event& event,
                     absl::FunctionRef<void(char*)> fill);

  // Reports another event of the mutation just made; see EffectSink::OnEvent.
  void AddEvent(const Key& key, const Event& event) { sink_.OnEvent(db_, key, event); }

  // --- Keys -----------------------------------------------------------------------------------
  bool Delete(const Key& key, const Event& event);
  // The key's time is up: deletes it with event "expired". REQUIRES: it exists. The key's bytes
  // may be the entry's own.
  void Expire(const Key& key);
  // Deletes the key with event "evicted"; false if there is none. The key's bytes as in Expire.
  bool Evict(const Key& key);
  // REQUIRES: `entry` is what Find or Peek returned for `key`.
  void SetExpiry(const Key& key, Entry* entry, UnixMillis at,
                 const Event& event);  // kNoExpiry: none
  // Moves the value (with its deadline) over whatever `to` holds. REQUIRES: `from` exists.
  void Rename(const Key& from, const Key& to);
  // Duplicates `from` here as `to` in `target`, replacing what is there. REQUIRES: `from` exists.
  void CopyTo(Keyspace& target, const Key& from, const Key& to);
  // Moves `key` to the same name in `target`. REQUIRES: exists here, absent there.
  void MoveTo(Keyspace& target, const Key& key);

  // --- Whole databases; REQUIRE: every shard locked ---------------------------------------------
  // Empties databases first … last; returns how many keys there were. Watches of keys that existed
  // are touched.
  uint64_t FlushDatabases(DbIndex first, DbIndex last, FlushMode mode);
  // Exchanges two databases. Watches of keys that exist in either are touched.
  void SwapDatabases(DbIndex a, DbIndex b);

  // --- Walking: these lock what the command does not hold already, a shard at a time -----------
  // Any live key, or none. Locks by itself.
  std::optional<std::string> RandomKey();
  // One step of SCAN: calls fn(entry) with live entries; returns the next cursor, 0 at the end.
  // Deletes the expired ones it meets.
  // Each entry present throughout an iteration is returned exactly once.
  template <class F>
  uint64_t Scan(uint64_t cursor, size_t at_least, F fn);
  // Every live entry, shard by shard.
  template <class F>
  void ForEach(F fn);
  // Keys that are not hidden, expired ones included. Locks by itself where some are.
  uint64_t Count();
  // Live keys of one slot (cluster mode has a table per slot).
  uint64_t CountInSlot(Slot slot);
  template <class F>
  void ForEachInSlot(Slot slot, F fn);  // fn returns false to stop.

 private:
  bool IsHidden(ShardIndex shard, size_t ordinal) const;
  static constexpr size_t kInlineFreeEffort = 64;  // Allocations, as Redis's lazy-free threshold.

  Shard& ShardOf(const Key& key) { return store_.shard(store_.ShardOf(key.slot)); }
  ShardDb* PartFor(const Key& key) {
    if (only_held_ && !locks_.Holds(store_.ShardOf(key.slot))) return nullptr;
    return ShardOf(key).dbs[db_].get();
  }
  EntryTable* TableFor(const Key& key) {
    ShardDb* part = PartFor(key);
    return part == nullptr ? nullptr : &part->TableOf(key.slot);
  }
  static Typed AsType(Entry* entry, Type type) {
    if (entry == nullptr || entry->type() == type) return {entry};
    return {nullptr, true};
  }
  bool ExpiredNow(const Entry* entry) const { return !sees_expired_ && entry->ExpiredAt(now_); }
  // Whether deleting what has expired is left to another: the leader, or a later time (CLIENT
  // PAUSE).
  bool KeepsExpired() const {
    return store_.settings().keep_expired.load(std::memory_order_relaxed) ||
           store_.settings().frozen_until.load(std::memory_order_relaxed) > now_;
  }
  // Deletes the key if it is past its deadline and such keys are ours to delete. Returns whether a
  // client may not see it.
  bool DropIfExpired(const Key& key, const Entry* entry) {
    if (!ExpiredNow(entry)) return false;
    if (!KeepsExpired() && !store_.hidden().Has(key.slot)) Expire(key);
    return true;
  }
  void Stamp(Entry* entry);
  void Report(const Key& key, const Event& event, Change change);
  // Runs `remake(old)` (old is null when absent) and keeps what it returns in the table, with the
  // counts, memory and expiry index that follow. Reports, unless `changed` says that there is
  // nothing to tell.
  template <class F>
  void Upsert(const Key& key, const Event& event, F remake, const bool* changed = nullptr);
  // Keeps counts and the expiry index true when a collection's members got other deadlines.
  void MembersDueChanged(const Key& key, const Entry* entry, UnixMillis members_before,
                         UnixMillis due_before);
  // To be called before an entry of the part changes or leaves it.
  void SaveIfDue(Shard& shard, const ShardDb& part, Entry* entry) {
    if (shard.snapshot == nullptr || entry->mark() == shard.saved_mark) return;
    shard.snapshot->SaveNow(shard, part, *entry);
  }
  // Whether a snapshot is to save the entry before it changes, and would do so piece by piece.
  static bool IsHeld(const Shard& shard, const Entry* entry) {
    return shard.snapshot != nullptr && shard.snapshot->IsHeld(shard, *entry);
  }
  // Keeps an entry that is new to the table. REQUIRES: its key is absent.
  void Insert(const Key& key, Entry* entry);
  // Takes the entry out of the table and the counts; the caller owns it. With kForGood it may still
  // be unsaved, and must go to DisposeDetached.
  enum class Leaving : uint8_t { kToBeKept, kForGood };
  Entry* Detach(const Key& key, Leaving leaving = Leaving::kToBeKept);
  // Frees a detached entry, on the reclaimer's thread if it would take long.
  void Dispose(Entry* entry);
  // The same; if the snapshot wants it, the snapshot does so.
  void DisposeDetached(const Key& key, Entry* entry);
  // Disposes of `old`; returns `entry`, which takes its place.
  Entry* Supersede(Entry* old, Entry* entry);

  Store& store_;
  const LockSet& locks_;
  EffectSink& sink_;
  UnixMillis now_;
  DbIndex db_;
  bool no_touch_ = false;
  bool sees_expired_ = false;
  bool only_held_ = false;
};

}  // namespace henge::store

#include "store/keyspace_modify.h"
#include "store/keyspace_walk.h"
