// SPDX-License-Identifier: Apache-2.0
// Waiting for keys: who is blocked until a key is there, in the order they came. One WaitRegistry
// per shard, used under the shard's lock; a Waiter is shared by the queues of all its keys.
//
//   shard 1: (db, a) -> W1, W2          a waiter's state is changed by compare-and-swap alone,
//   shard 7: (db, b) -> W2, W3          since its keys may lie in shards that others have locked
//
//              Claim                 Finish
//   kWaiting ----------> kClaimed ------------> kDone      whoever claims it serves it, once;
//      ^  |                |   \ another's Claim  ^        who meets it claimed leaves a note.
//      |  | End    PutBack |    v                 |
//      |  +----------------|- kClaimedMissed -----+        PutBack says whether there was a note:
//      |                   v    |                          then what was missed must be looked for
//      +------------------------+ PutBack                  again, with all locks.
//
// Who claims holds the locks it needs already and takes no other until Finish or PutBack, so that
// End (a timeout, CLIENT UNBLOCK, a closed connection) may wait for that. A waiter that is done can
// remain in queues of shards that its ender did not hold: it is passed over there, and removed by
// who meets it or by its owner.
#pragma once

#include <atomic>
#include <deque>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/counter.h"
#include "base/strings.h"
#include "base/types.h"
#include "store/entry.h"
#include "store/key.h"

namespace henge::store {

class Waiter;

// A waiter's place in one queue.
struct WaitPlace {
  std::string name;  // The key's.
  uint64_t hash = 0;
  Slot slot = 0;
  std::list<std::shared_ptr<Waiter>>::iterator at{};  // Under the shard's lock, while queued.
  std::atomic<bool> queued{false};                    // Changed under the shard's lock.

  Key key() const { return {name, hash, slot}; }
};

class Waiter {
 public:
  enum class State : uint32_t { kWaiting, kClaimed, kClaimedMissed, kDone };

  // What it waits for: keys of that type. `wakes_without_key`: their absence will do, too.
  Waiter(DbIndex db, std::span<const Key> keys, Type type, bool wakes_without_key);
  virtual ~Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  DbIndex db() const { return db_; }
  Type type() const { return type_; }
  bool wakes_without_key() const { return wakes_without_key_; }
  std::deque<WaitPlace>& places() { return places_; }  // One for each key, in the call's order.
  bool done() const { return state_.load(std::memory_order_acquire) == State::kDone; }
  State state() const { return state_.load(std::memory_order_acquire); }

  // Any thread. True: the waiter is the caller's, until Finish or PutBack.
  bool Claim();
  void Finish();   // REQUIRES: claimed by the caller.
  bool PutBack();  // REQUIRES: the same. Whether another wanted to claim it meanwhile.
  // Any thread: ends the waiting, where no one has served it; waits for who is about to. False: it
  // was done before.
  bool End();

 private:
  const DbIndex db_;
  const Type type_;
  const bool wakes_without_key_;
  std::deque<WaitPlace> places_;
  std::atomic<State> state_{State::kWaiting};
};

// REQUIRES, for every call but the counts: the shard's lock.
class WaitRegistry {
 public:
  using Queue = std::list<std::shared_ptr<Waiter>>;

  bool empty() const { return lines_.empty(); }
  // Takes the last place in the queue; does nothing when the waiter's other place is the last.
  void Add(const std::shared_ptr<Waiter>& waiter, WaitPlace& place);
  // Leaves the queue; does nothing when that has happened.
  void Remove(const Waiter& waiter, WaitPlace& place);
  // Whether the change of a key, or its end, may end a wait.
  bool Concerns(DbIndex db, std::string_view key, bool deleted) const;
  // Null when nobody waits. Valid until the queue is empty, or another begins.
  Queue* Find(DbIndex db, std::string_view key);
  // How many in the queue wake_without_key.
  size_t WakingWithoutKey(DbIndex db, std::string_view key) const;
  // Visits every key of a database that is waited for: fn(key).
  template <class F>
  void ForEachKey(DbIndex db, F fn) const {
    for (const auto& [name, line] : lines_) {
      if (DbOf(name) == db) fn(std::string_view(name).substr(sizeof(DbIndex)));
    }
  }

  // Any thread: keys that are waited for, and those whose absence is.
  size_t keys() const { return keys_.get(); }
  size_t keys_wanted_absent() const { return keys_wanted_absent_.get(); }

 private:
  struct Line {
    Queue waiters;
    size_t waking_without_key = 0;
  };
  using Lines = StringMap<Line>;  // Keyed by the database's two bytes and the key.
  static DbIndex DbOf(std::string_view name);

  Lines lines_;
  Counter keys_;
  Counter keys_wanted_absent_;
};

}  // namespace henge::store
