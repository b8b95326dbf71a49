// SPDX-License-Identifier: Apache-2.0
// ApplyLanes: a leader's units into the store, on several threads where they are of different
// shards, and their bytes into the journal, in order and as they came.
//
//   link's thread ── a step (apply_plan.h), the gate of moments held ───────────────────┐
//     deals ─┬─ lane 0: shards 0, 2, 4 …  itself   ─┬─ joins ── bytes into the journal ─┘
//            └─ lane 1: shards 1, 3, 5 …  a thread ─┘
//
// Each unit is one step under all its shards' locks, so nobody sees half of it. A shard has its
// units in the leader's order; units of different shards that follow each other closely may be seen
// in another one. Who locks every shard waits for the end of a step (store::MomentGate): what it
// sees is what the journal has.
//
// As many lanes as there are workers; their threads need nothing but shards, so a worker may wait
// for a step. They begin with the first step that is worth it.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "replication/apply_plan.h"
#include "server/awakener.h"
#include "server/command_stats.h"
#include "server/effect_recorder.h"
#include "server/replication/apply_batch.h"
#include "server/replication/faster_way.h"
#include "server/replication/unit_applier.h"
#include "store/store.h"

namespace henge::server {

class Node;

class ApplyLanes {
 public:
  explicit ApplyLanes(Node& node);
  ~ApplyLanes();
  ApplyLanes(const ApplyLanes&) = delete;
  ApplyLanes& operator=(const ApplyLanes&) = delete;

  size_t size() const { return limits_.lanes; }
  // Returns when all of it is applied and journaled; kCancelled: `link` is not followed any more,
  // and the rest was not. Several links' threads may come at once.
  absl::Status Apply(const ApplyBatch& batch, uint64_t link);
  // Any thread: visit(const ExecutionStats&) for each lane.
  template <class F>
  void ForEachStats(F visit) const {
    if (!made_.load(std::memory_order_acquire)) return;
    for (const auto& lane : lanes_) visit(std::as_const(lane->stats));
  }

 private:
  struct Lane {
    explicit Lane(Node& node);
    void Run(Node& node, const ApplyBatch& batch);

    ExecutionStats stats;
    EffectRecorder effects;
    store::LockSet locks;
    Awakener awakener;
    UnitApplier applier;
    std::vector<uint32_t> units;    // Of the step, that are its own.
    std::atomic<uint32_t> turn{0};  // Odd: there is a part that nobody has taken.
    std::thread thread;
  };

  void MakeLanes();
  // REQUIRES, of all: the gate is held.
  void StartThreads();
  void Run(const ApplyBatch& batch, const replication::ApplyStep& step);
  // By one thread or by several, whichever has been faster.
  void RunFaster(const ApplyBatch& batch, const replication::ApplyStep& step);
  void Deal(const ApplyBatch& batch, const replication::ApplyStep& step, bool side_by_side);
  void RunSideBySide(const ApplyBatch& batch);
  void RunIfOffered(Lane& lane);
  void RunThread(Lane& lane);

  Node& node_;
  replication::ApplyLimits limits_;
  std::once_flag making_;
  std::atomic<bool> made_{false};
  std::vector<std::unique_ptr<Lane>> lanes_;
  FasterWay way_;                      // Guarded by the gate.
  const ApplyBatch* batch_ = nullptr;  // Of the step under way.
  std::atomic<uint32_t> busy_{0};      // Threads that are at it.
  std::atomic<bool> ended_{false};
};

}  // namespace henge::server
