// SPDX-License-Identifier: Apache-2.0
#include "server/slots/slot_intake.h"

#include <chrono>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/memory.h"
#include "server/node.h"

namespace henge::server {
namespace {

constexpr int64_t kMostBulk = int64_t{1} << 30;  // Of one word: what RESP's parser takes at most.
constexpr auto kRoomPause = std::chrono::milliseconds(1);

}  // namespace

SlotIntake::SlotIntake(Node& node, const cluster::SlotBits& slots, std::string migration)
    : node_(node),
      slots_(slots),
      migration_(std::move(migration)),
      flushes_(node.store().flushes().load()),
      reader_(kMostBulk),
      locks_(node.store()),
      applier_(node, &locks_) {}

absl::Status SlotIntake::Take(std::string_view bytes) {
  const store::StoreSettings& settings = node_.store().settings();
  const uint64_t limit = settings.max_memory.load(std::memory_order_relaxed);
  const bool evicts = settings.policy.load() != store::EvictionPolicy::kNoEviction;
  if (limit != 0 && !evicts && UsedMemory() > limit) {
    return absl::ResourceExhaustedError("the target is out of memory");
  }
  while (!node_.journaling().has_room()) std::this_thread::sleep_for(kRoomPause);
  reader_.Add(bytes);
  replication::StreamUnit unit;
  absl::Status status;
  while (status.ok()) {
    const auto next = reader_.Next(unit);
    if (!next.ok()) return next.status();
    if (!*next) break;
    status = Prepare(unit);
    if (status.ok()) status = Apply();
  }
  node_.journaling().WakeReaders();
  return status;
}

absl::Status SlotIntake::Check() const {
  if (node_.store().flushes().load() != flushes_) {
    return absl::AbortedError("the target's data was flushed");
  }
  if (reader_.pending() != 0) return absl::DataLossError("a command is not whole");
  return absl::OkStatus();
}

absl::Status SlotIntake::Prepare(const replication::StreamUnit& unit) {
  calls_.clear();
  keys_.clear();
  effects_.clear();
  for (const replication::StreamUnit::Command& command : unit.commands) {
    const std::span<const std::string_view> words = unit.argv(command);
    const size_t first = keys_.size();
    const auto call = applier_.Prepare(words, keys_);
    if (!call.ok()) return call.status();
    if (call->info->full_name == "select") continue;
    if (call->touches_all || keys_.size() == first) {
      return absl::InvalidArgumentError("the source sent a command without keys: " +
                                        std::string(call->info->full_name));
    }
    calls_.push_back({*call, first, keys_.size() - first});
    effects_.push_back({0, words, {}});
  }
  for (const store::Key& key : keys_) {
    if (!slots_.test(key.slot)) {
      return absl::InvalidArgumentError("the source sent a key of another slot");
    }
  }
  return absl::OkStatus();
}

absl::Status SlotIntake::MayTake() const {
  if (node_.replication().part() != GroupPart::kLeads || node_.replication().refuses_writes()) {
    return absl::AbortedError("the target leads no more");
  }
  // Once the migration is over somebody deletes what has come, and looks for it but once.
  if (node_.cluster()->topology()->FindMigration(migration_) == nullptr) {
    return absl::CancelledError("the migration is over");
  }
  if (node_.store().flushes().load() != flushes_) {
    return absl::AbortedError("the target's data was flushed");
  }
  return absl::OkStatus();
}

absl::Status SlotIntake::Apply() {
  if (calls_.empty()) return absl::OkStatus();
  for (const store::Key& key : keys_) locks_.Add(key.slot);
  locks_.Lock();
  absl::Status status = MayTake();
  applier_.set_now(SystemClock().NowMillis());
  for (Call& one : calls_) {
    if (!status.ok()) break;
    one.call.keys = std::span(keys_).subspan(one.first_key, one.keys);
    status = applier_.Run(one.call);
  }
  persistence::EffectListener* listener = node_.effect_listener().load(std::memory_order_relaxed);
  if (status.ok() && listener != nullptr) {
    Slot slot = keys_.front().slot;
    for (const store::Key& key : keys_) slot = key.slot == slot ? slot : persistence::kNoSlot;
    lsn_ = listener->OnUnit(effects_, slot);
  }
  locks_.Unlock();
  ++units_;
  return status;
}

}  // namespace henge::server
