// SPDX-License-Identifier: Apache-2.0
// KeyMover: MIGRATE from the moment that the values are taken to the reply.
//
//   worker: Move ── keys are watched, their writers held ──> carrier: Deliver (no lock, may wait)
//   worker: Settle, under the keys' locks
//     ├─ arrived, unchanged ──> deleted here, told as DEL; its writers go on
//     ├─ arrived, and changed since ──> sent again as it is now, or its deletion is
//     └─ did not arrive ──> stays; its writers go on
//
// While a key is on its way, commands that may write it wait, as they would for a snapshot. What
// changes keys without naming them (expiry, eviction, FLUSHALL, scripts that reach further than
// they said) is not held; the watch shows it.
//
// The client is parked; whether it is still there makes no difference to the keys.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/context.h"
#include "commands/dump/key_move.h"
#include "server/migrate/carriers.h"

namespace henge::server {

class Node;

class KeyMover {
 public:
  explicit KeyMover(Node& node) : node_(node) {}

  // The client's worker, while the keys' shards are locked.
  void Move(commands::CommandContext& ctx, commands::KeyMove move);

  // Whether any key is on its way.
  bool active() const { return count_.load(std::memory_order_relaxed) != 0; }
  // REQUIRES, for both: the key's shard is locked.
  bool IsMoving(DbIndex db, std::string_view key) const;
  // Calls `resume` when the key is on its way no longer. REQUIRES: it is.
  void Await(DbIndex db, std::string_view key, std::function<void()> resume);

  size_t targets() const { return carriers_.targets(); }
  // When no worker runs any more.
  void Stop() { carriers_.Stop(); }

 private:
  struct Trip;
  using TripPtr = std::shared_ptr<Trip>;
  using Resumes = std::vector<std::function<void()>>;
  using Name = std::pair<DbIndex, std::string>;

  void Hold(Trip& trip);
  // REQUIRES: the keys' shards are locked.
  void Release(Trip& trip, size_t item, Resumes& resumes);
  void Send(const TripPtr& trip);
  // The trip's worker.
  void Settle(const TripPtr& trip);
  std::vector<std::string_view> SettleLocked(Trip& trip, store::Keyspace& keyspace,
                                             Resumes& resumes);
  void TakeAgain(Trip& trip, size_t item, store::Keyspace& keyspace);
  void Finish(const TripPtr& trip, Lsn lsn);

  Node& node_;
  Carriers carriers_;
  std::atomic<size_t> count_{0};
  mutable std::mutex mutex_;  // A leaf.
  std::map<Name, Resumes> moving_;
};

}  // namespace henge::server
