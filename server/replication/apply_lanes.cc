// SPDX-License-Identifier: Apache-2.0
#include "server/replication/apply_lanes.h"

#include <pthread.h>

#include <string>

#include "base/clock.h"
#include "base/memory.h"
#include "server/node.h"

namespace henge::server {
namespace {

// So many units before its turn a unit's bucket is asked for; half as many, its entry.
constexpr size_t kAhead = 8;

// A hint is not worth waiting for: a shard that is busy is passed over.
template <class F>
void Hint(store::Store& store, const ApplyBatch& batch, uint32_t index, F hint) {
  const ApplyBatch::Unit& unit = batch.unit(index);
  if (unit.keys == 0) return;
  const store::Key& key = batch.KeysOf(unit).front();
  store::Shard& shard = store.shard(store.ShardOf(key.slot));
  if (!shard.mu.try_lock()) return;
  if (store::ShardDb* part = shard.dbs[unit.db].get()) hint(part->TableOf(key.slot), key.hash);
  shard.mu.unlock();
}

}  // namespace

ApplyLanes::Lane::Lane(Node& node)
    : stats(commands::CommandTable::Get().all().size()),
      effects(stats, node.effect_listener(),
              ChangeNews(node.news_wanted(), node.exchange(), node.tracking(),
                         pubsub::Exchange::kNoWorker),
              node.settings()),
      locks(node.store()),
      awakener(node, nullptr, locks, effects),
      applier(node, locks, effects, awakener) {}

void ApplyLanes::Lane::Run(Node& node, const ApplyBatch& batch) {
  store::Store& store = node.store();
  const UnixMillis now = SystemClock().NowMillis();
  applier.Begin(now);
  for (size_t i = 0; i < units.size(); ++i) {
    if (i + kAhead < units.size()) {
      Hint(store, batch, units[i + kAhead],
           [](const store::EntryTable& table, uint64_t hash) { table.Prefetch(hash); });
      Hint(store, batch, units[i + kAhead / 2],
           [](const store::EntryTable& table, uint64_t hash) { table.PrefetchItem(hash); });
    }
    applier.Apply(batch, batch.unit(units[i]));
  }
  if (awakener.unsettled()) awakener.Settle(now);
}

ApplyLanes::ApplyLanes(Node& node)
    : node_(node), limits_{.lanes = static_cast<size_t>(std::max(1, node.options().io_threads))} {}

ApplyLanes::~ApplyLanes() {
  ended_.store(true);
  for (const auto& lane : lanes_) {
    if (!lane->thread.joinable()) continue;
    lane->turn.fetch_add(2);  // Nothing is offered.
    lane->turn.notify_one();
    lane->thread.join();
  }
}

void ApplyLanes::MakeLanes() {
  for (size_t i = 0; i < limits_.lanes; ++i) lanes_.push_back(std::make_unique<Lane>(node_));
  made_.store(true, std::memory_order_release);
}

void ApplyLanes::StartThreads() {
  for (size_t i = 1; i < lanes_.size(); ++i) {
    Lane& lane = *lanes_[i];
    if (lane.thread.joinable()) continue;
    lane.thread = std::thread([this, &lane] { RunThread(lane); });
    pthread_setname_np(lane.thread.native_handle(), ("apply-" + std::to_string(i)).c_str());
  }
}

absl::Status ApplyLanes::Apply(const ApplyBatch& batch, uint64_t link) {
  std::call_once(making_, [this] { MakeLanes(); });
  std::vector<replication::ApplyStep> steps;
  replication::PlanSteps(batch.lanes(), limits_, steps);
  Replication& replication = node_.replication();
  for (const replication::ApplyStep& step : steps) {
    {
      const store::MomentGate::Work work(node_.store().moments());
      if (!replication.IsCurrent(link)) {
        return absl::CancelledError("it is not followed any more");
      }
      Run(batch, step);
      replication.Journal(batch.Bytes(step.first, step.count),
                          batch.Records(step.first, step.count),
                          batch.DbBehind(step.first, step.count));
    }
    node_.journaling().WakeReaders();
  }
  return absl::OkStatus();
}

void ApplyLanes::Run(const ApplyBatch& batch, const replication::ApplyStep& step) {
  if (step.side_by_side) return RunFaster(batch, step);
  Deal(batch, step, false);
  lanes_[0]->Run(node_, batch);
}

void ApplyLanes::RunFaster(const ApplyBatch& batch, const replication::ApplyStep& step) {
  const bool side_by_side = way_.Choose() == FasterWay::kSecond;
  const int64_t began = SystemClock().MonotonicMicros();
  Deal(batch, step, side_by_side);
  if (side_by_side) {
    RunSideBySide(batch);
  } else {
    lanes_[0]->Run(node_, batch);
  }
  way_.Took(SystemClock().MonotonicMicros() - began, step.count);
}

void ApplyLanes::Deal(const ApplyBatch& batch, const replication::ApplyStep& step,
                      bool side_by_side) {
  for (const auto& lane : lanes_) lane->units.clear();
  for (size_t i = step.first; i < step.first + step.count; ++i) {
    const size_t lane = side_by_side ? batch.lanes()[i] : 0;
    lanes_[lane]->units.push_back(static_cast<uint32_t>(i));
  }
}

void ApplyLanes::RunSideBySide(const ApplyBatch& batch) {
  StartThreads();
  batch_ = &batch;
  uint32_t others = 0;
  for (size_t i = 1; i < lanes_.size(); ++i) others += lanes_[i]->units.empty() ? 0 : 1;
  busy_.store(others, std::memory_order_relaxed);
  for (size_t i = 1; i < lanes_.size(); ++i) {
    if (lanes_[i]->units.empty()) continue;
    lanes_[i]->turn.fetch_add(1, std::memory_order_release);
    lanes_[i]->turn.notify_one();
  }
  lanes_[0]->Run(node_, batch);
  // A thread that has not come by now is not waited for: where cores are short it may be long.
  for (size_t i = 1; i < lanes_.size(); ++i) RunIfOffered(*lanes_[i]);
  while (const uint32_t left = busy_.load(std::memory_order_acquire)) busy_.wait(left);
}

// Odd: the lane's part is there for whoever comes first.
void ApplyLanes::RunIfOffered(Lane& lane) {
  uint32_t turn = lane.turn.load(std::memory_order_acquire);
  if (turn % 2 == 0 || !lane.turn.compare_exchange_strong(turn, turn + 1)) return;
  lane.Run(node_, *batch_);
  if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
}

void ApplyLanes::RunThread(Lane& lane) {
  const ThreadMemory memory;
  const store::MomentGate::Part part(node_.store().moments());
  while (!ended_.load()) {
    const uint32_t turn = lane.turn.load(std::memory_order_acquire);
    if (turn % 2 == 0) {
      lane.turn.wait(turn, std::memory_order_acquire);
    } else {
      RunIfOffered(lane);
    }
  }
}

}  // namespace henge::server
