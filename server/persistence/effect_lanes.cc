// SPDX-License-Identifier: Apache-2.0
#include "server/persistence/effect_lanes.h"

#include <algorithm>
#include <utility>

#include "base/memory.h"
#include "server/node.h"

namespace henge::server {
namespace {

constexpr size_t kBatchItems = 256;
constexpr size_t kBatchesAhead = 8;
constexpr int kHereAfterRest = 64;
constexpr size_t kPrefetchAhead = 8;

}  // namespace

void EffectLanes::Batch::Clear() {
  items.clear();
  words.clear();
  keys.clear();
}

EffectLanes::EffectLanes(Node& node, int threads, const store::LockSet* held, Refused refused)
    : node_(node), held_(held), refused_(std::move(refused)), applier_(node, held) {
  for (int i = 0; i < threads; ++i) lanes_.push_back(std::make_unique<Lane>());
  for (const auto& lane : lanes_) {
    lane->thread = std::thread([this, &lane = *lane] { RunLane(lane); });
  }
}

EffectLanes::~EffectLanes() {
  Rest();
  for (const auto& lane : lanes_) {
    {
      const std::lock_guard lock(lane->mu);
      lane->ended = true;
    }
    lane->changed.notify_all();
    lane->thread.join();
  }
}

absl::Status EffectLanes::Add(std::span<const std::string_view> command, uint64_t offset) {
  keys_.clear();
  absl::StatusOr<EffectApplier::Call> call = applier_.Prepare(command, keys_);
  if (!call.ok()) return call.status();
  call->keys = keys_;
  call->db = db_;
  if (call->info->full_name == "select") {  // It touches no shard.
    RunHere(*call, offset);
    db_ = applier_.db();
    return absl::OkStatus();
  }
  const size_t lane = LaneOf(*call);
  if (lane == kNoLane) {
    Rest();
    here_ = kHereAfterRest;
  } else if (here_ > 0) {
    --here_;
  } else {
    Queue(*lanes_[lane], *call, offset);
    return absl::OkStatus();
  }
  RunHere(*call, offset);
  return absl::OkStatus();
}

size_t EffectLanes::LaneOf(const EffectApplier::Call& call) const {
  if (call.touches_all || call.keys.empty() || lanes_.empty()) return kNoLane;
  const auto lane_of = [this](const store::Key& key) {
    return node_.store().ShardOf(key.slot) % lanes_.size();
  };
  const size_t lane = lane_of(call.keys.front());
  const bool one = std::all_of(call.keys.begin(), call.keys.end(),
                               [&](const store::Key& key) { return lane_of(key) == lane; });
  return one ? lane : kNoLane;
}

void EffectLanes::RunHere(const EffectApplier::Call& call, uint64_t offset) {
  if (const absl::Status status = applier_.Run(call); !status.ok()) refused_(offset, status);
}

void EffectLanes::Queue(Lane& lane, const EffectApplier::Call& call, uint64_t offset) {
  Batch& batch = lane.next;
  batch.items.push_back({call.info, call.db, static_cast<uint32_t>(call.words.size()),
                         static_cast<uint32_t>(call.keys.size()), offset});
  batch.words.insert(batch.words.end(), call.words.begin(), call.words.end());
  batch.keys.insert(batch.keys.end(), call.keys.begin(), call.keys.end());
  resting_ = false;
  if (batch.items.size() >= kBatchItems) Push(lane);
}

void EffectLanes::Push(Lane& lane) {
  if (lane.next.items.empty()) return;
  {
    std::unique_lock lock(lane.mu);
    lane.changed.wait(lock, [&] { return lane.queue.size() < kBatchesAhead; });
    lane.queue.push_back(std::move(lane.next));
    lane.next = {};
    if (!lane.spare.empty()) {
      lane.next = std::move(lane.spare.back());
      lane.spare.pop_back();
    }
  }
  lane.changed.notify_all();
}

void EffectLanes::Rest() {
  if (std::exchange(resting_, true)) return;
  for (const auto& lane : lanes_) Push(*lane);
  for (const auto& lane : lanes_) {
    std::unique_lock lock(lane->mu);
    lane->changed.wait(lock, [&] { return lane->queue.empty() && !lane->working; });
  }
}

void EffectLanes::RunLane(Lane& lane) {
  const ThreadMemory memory;
  EffectApplier applier(node_, held_);
  std::unique_lock lock(lane.mu);
  while (true) {
    lane.changed.wait(lock, [&] { return !lane.queue.empty() || lane.ended; });
    if (lane.queue.empty()) return;
    Batch batch = std::move(lane.queue.front());
    lane.queue.pop_front();
    lane.working = true;
    lock.unlock();
    lane.changed.notify_all();
    RunBatch(applier, batch);
    batch.Clear();
    lock.lock();
    lane.spare.push_back(std::move(batch));
    lane.working = false;
    if (lane.queue.empty()) lane.changed.notify_all();
  }
}

void EffectLanes::RunBatch(EffectApplier& applier, const Batch& batch) {
  const std::span<const std::string_view> words(batch.words);
  const std::span<const store::Key> keys(batch.keys);
  size_t word = 0, key = 0, ahead = 0;
  for (size_t i = 0; i < batch.items.size(); ++i) {
    const Item& item = batch.items[i];
    for (; ahead < keys.size() && ahead < key + kPrefetchAhead; ++ahead) {
      Prefetch(keys[ahead], item.db);
    }
    const absl::Status status = applier.Run({.info = item.info,
                                             .words = words.subspan(word, item.words),
                                             .keys = keys.subspan(key, item.keys),
                                             .db = item.db});
    if (!status.ok()) refused_(item.offset, status);
    word += item.words;
    key += item.keys;
  }
}

// Without the shard's lock: only this lane changes the shard now.
void EffectLanes::Prefetch(const store::Key& key, DbIndex db) const {
  const store::Shard& shard = node_.store().shard(node_.store().ShardOf(key.slot));
  if (store::ShardDb* part = shard.dbs[db].get()) part->TableOf(key.slot).Prefetch(key.hash);
}

}  // namespace henge::server
