// SPDX-License-Identifier: Apache-2.0
// What a mutation reports about itself. Every mutator of the keyspace takes the event that it is
// (Redis's keyspace-notification name and class), so that no caller can forget to report, and hands
// it to the `EffectSink`: the one place from which WATCH, notifications, tracking, the dirty count
// and the wake-up of blocked clients follow.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/types.h"

namespace henge::store {

struct Key;

// The letters of `notify-keyspace-events`.
enum class EventClass : char {
  kGeneric = 'g',
  kString = '$',
  kList = 'l',
  kSet = 's',
  kHash = 'h',
  kSortedSet = 'z',
  kStream = 't',
  kExpired = 'x',
  kEvicted = 'e',
  kModule = 'd',
};

// A change without a name is told to nobody who asked for names; all else follows from it.
struct Event {
  EventClass event_class;
  std::string_view name;  // Empty: nobody is notified.
  // Whether WATCH takes notice. Redis has changes that it does not see: of what consumers of a
  // stream have read.
  bool touches = true;
  // Whether it is a change of its own for INFO's rdb_changes_since_last_save, or the rest of one:
  // the end of a key that was emptied, the other half of LMOVE.
  bool counts = true;
  // Whether who waits for the key looks at it. A key that comes or goes is always looked at.
  bool wakes = true;

  constexpr Event Uncounted() const {
    Event event = *this;
    event.counts = false;
    return event;
  }
};

enum class Change : uint8_t { kCreated, kModified, kDeleted };

class EffectSink {
 public:
  virtual ~EffectSink() = default;
  // Called with the key's shard locked, once per mutation, in order of execution. `key` is valid
  // during the call only.
  virtual void OnEffect(DbIndex db, const Key& key, const Event& event, Change change) = 0;
  // A second event of the change just reported, and no change of its own: SET with a deadline is a
  // "set" and an "expire".
  virtual void OnEvent(DbIndex db, const Key& key, const Event& event) {
    (void)db, (void)key, (void)event;
  }
  // The change just reported, or one of the whole database, may end a wait for the key: there are
  // some (store/wait.h). Called with the key's shard locked.
  virtual void OnReady(DbIndex db, std::string_view key) { (void)db, (void)key; }
  // Members of a collection were deleted for their age, which is `event`; `emptied` says whether
  // the key went with them. Called with the key's shard locked, before the members' names are gone.
  virtual void OnMembersExpired(DbIndex db, const Key& key, const Event& event,
                                std::span<const std::string> members, bool emptied) {
    (void)db, (void)key, (void)event, (void)members, (void)emptied;
  }
  // Databases first … last were emptied of `keys` keys. Called with every shard locked.
  virtual void OnFlush(DbIndex first, DbIndex last, uint64_t keys) {
    (void)first, (void)last, (void)keys;
  }
  // Two databases changed places. Called with every shard locked.
  virtual void OnSwap(DbIndex a, DbIndex b) { (void)a, (void)b; }
};

namespace events {
inline constexpr Event kSet{EventClass::kString, "set"};
inline constexpr Event kAppend{EventClass::kString, "append"};
inline constexpr Event kSetRange{EventClass::kString, "setrange"};
inline constexpr Event kSetBit{EventClass::kString, "setbit"};
inline constexpr Event kPfAdd{EventClass::kString, "pfadd"};
inline constexpr Event kIncrBy{EventClass::kString, "incrby"};
inline constexpr Event kDecrBy{EventClass::kString, "decrby"};
inline constexpr Event kIncrByFloat{EventClass::kString, "incrbyfloat"};
inline constexpr Event kUntold{EventClass::kGeneric, ""};
inline constexpr Event kDel{EventClass::kGeneric, "del"};
inline constexpr Event kExpire{EventClass::kGeneric, "expire"};
inline constexpr Event kPersist{EventClass::kGeneric, "persist"};
inline constexpr Event kRenameFrom{EventClass::kGeneric, "rename_from"};
inline constexpr Event kRenameTo{EventClass::kGeneric, "rename_to"};
inline constexpr Event kMoveFrom{EventClass::kGeneric, "move_from"};
inline constexpr Event kMoveTo{EventClass::kGeneric, "move_to"};
inline constexpr Event kCopyTo{EventClass::kGeneric, "copy_to"};
inline constexpr Event kRestore{EventClass::kGeneric, "restore"};
inline constexpr Event kHashExpired{EventClass::kHash, "hexpired"};
inline constexpr Event kExpired{EventClass::kExpired, "expired"};
inline constexpr Event kEvicted{EventClass::kEvicted, "evicted"};
}  // namespace events

}  // namespace henge::store
