// SPDX-License-Identifier: Apache-2.0
// EffectLanes: does again what a log tells, on several threads, so that each shard sees its
// commands in the log's order.
//
//   caller ── Add ──> which lane? ──┬──> lane 0: shards 0, 2, 4 …   a queue of batches, a thread
//                                   ├──> lane 1: shards 1, 3, 5 …
//                                   └──> several lanes, no key, all keys: all lanes come to rest,
//                                        then the caller runs it itself
//
// A unit of several commands (MULTI … EXEC) is not kept together: nobody looks at the store before
// the log is at its end. Behind a command that needed rest the caller runs some more by itself, so
// that a log full of such costs what one thread would cost.
//
// One caller. While lanes are at work nobody else changes the store.
#pragma once

#include <absl/status/status.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "server/persistence/effect_applier.h"

namespace henge::server {

class EffectLanes {
 public:
  // A command that its handler refused, and the offset it was added with. From any lane's thread.
  using Refused = std::function<void(uint64_t offset, const absl::Status& status)>;

  // Without threads the caller does it all. `held` as for EffectApplier.
  EffectLanes(Node& node, int threads, const store::LockSet* held, Refused refused);
  // Rests.
  ~EffectLanes();
  EffectLanes(const EffectLanes&) = delete;
  EffectLanes& operator=(const EffectLanes&) = delete;

  // The command's bytes must stay until Rest. An error is about this command, which is unknown or
  // malformed.
  absl::Status Add(std::span<const std::string_view> command, uint64_t offset);
  // Returns when all that was added is done.
  void Rest();
  // A new file begins: in database 0.
  void SelectFirst() { db_ = 0; }

 private:
  struct Item {
    const commands::CommandInfo* info;
    DbIndex db;
    uint32_t words;  // How many, and of keys.
    uint32_t keys;
    uint64_t offset;
  };
  // Items, and the words and keys of all of them in a row.
  struct Batch {
    std::vector<Item> items;
    std::vector<std::string_view> words;
    std::vector<store::Key> keys;
    void Clear();
  };
  struct Lane {
    Batch next;  // The caller's.
    std::mutex mu;
    std::condition_variable changed;
    std::deque<Batch> queue;
    std::vector<Batch> spare;
    bool working = false;
    bool ended = false;
    std::thread thread;
  };
  static constexpr size_t kNoLane = SIZE_MAX;

  // The one lane to which all keys belong.
  size_t LaneOf(const EffectApplier::Call& call) const;
  void Queue(Lane& lane, const EffectApplier::Call& call, uint64_t offset);
  void Push(Lane& lane);
  void RunHere(const EffectApplier::Call& call, uint64_t offset);
  void RunLane(Lane& lane);
  void RunBatch(EffectApplier& applier, const Batch& batch);
  void Prefetch(const store::Key& key, DbIndex db) const;

  Node& node_;
  const store::LockSet* const held_;
  const Refused refused_;
  EffectApplier applier_;  // The caller's.
  std::vector<store::Key> keys_;
  DbIndex db_ = 0;
  int here_ = 0;  // So many more are run by the caller.
  bool resting_ = true;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace henge::server
