// SPDX-License-Identifier: Apache-2.0
#include "server/replication/apply_batch.h"

#include <algorithm>

#include "base/numbers.h"
#include "base/strings.h"
#include "server/node.h"

namespace henge::server {

using replication::kEveryLane;
using replication::Lane;

namespace {

bool IsSelect(const commands::CommandInfo& info) { return info.full_name == "select"; }

}  // namespace

void ApplyBatch::Begin(DbIndex db, size_t lanes) {
  db_ = db;
  lane_count_ = lanes;
  calls_.clear();
  words_.clear();
  keys_.clear();
  units_.clear();
  lanes_.clear();
  bytes_.clear();
  records_.clear();
}

absl::Status ApplyBatch::Add(const replication::StreamUnit& stream) {
  absl::Status status;
  const DbIndex before = db_;
  Unit unit{.first_call = static_cast<uint32_t>(calls_.size()),
            .calls = 0,
            .first_key = static_cast<uint32_t>(keys_.size()),
            .keys = 0,
            .db = before,
            .every_shard = false};
  for (const replication::StreamUnit::Command& command : stream.commands) {
    const std::span<const std::string_view> words = stream.argv(command);
    const auto first_key = static_cast<uint32_t>(keys_.size());
    const auto call = preparer_.Prepare(words, keys_);
    if (!call.ok()) {
      status = call.status();
      continue;
    }
    if (IsSelect(*call->info)) Select(words);
    calls_.push_back({call->info, static_cast<uint32_t>(words_.size()),
                      static_cast<uint32_t>(words.size()), first_key,
                      static_cast<uint32_t>(keys_.size()) - first_key, db_, call->touches_all});
    words_.insert(words_.end(), words.begin(), words.end());
    unit.every_shard = unit.every_shard || call->touches_all;
  }
  unit.calls = static_cast<uint32_t>(calls_.size()) - unit.first_call;
  unit.keys = static_cast<uint32_t>(keys_.size()) - unit.first_key;
  unit.db = db_;
  const bool control = replication::IsControl(stream);
  // A record says what is selected where it begins, if it does not select that itself.
  const bool selects = !stream.words.empty() && EqualsIgnoreCase(stream.words[0], "SELECT");
  records_.push_back(
      {stream.bytes.size(),
       {selects ? db_ : before, control ? persistence::kControlSlot : SlotOf(unit)}});
  lanes_.push_back(LaneOf(unit));
  bytes_.push_back(stream.bytes);
  units_.push_back(unit);
  return status;
}

void ApplyBatch::Select(std::span<const std::string_view> words) {
  const std::optional<int64_t> db = words.size() == 2 ? ParseInt64(words[1]) : std::nullopt;
  if (db && *db >= 0 && *db < node_.store().databases()) db_ = static_cast<DbIndex>(*db);
}

// That to which all keys belong; words between nodes are nobody's.
Lane ApplyBatch::LaneOf(const Unit& unit) const {
  if (unit.every_shard) return kEveryLane;
  for (size_t i = unit.first_call; i < calls_.size(); ++i) {
    const commands::CommandInfo& info = *calls_[i].info;
    const bool alone = info.full_name == "ping" || info.full_name == "replconf";
    if (calls_[i].keys == 0 && !IsSelect(info) && !alone) return kEveryLane;
  }
  if (unit.keys == 0) return 0;
  const auto lane_of = [this](const store::Key& key) {
    return static_cast<Lane>(node_.store().ShardOf(key.slot) % lane_count_);
  };
  const std::span<const store::Key> keys = KeysOf(unit);
  const Lane lane = lane_of(keys.front());
  const bool one = std::all_of(keys.begin() + 1, keys.end(),
                               [&](const store::Key& key) { return lane_of(key) == lane; });
  return one ? lane : kEveryLane;
}

Slot ApplyBatch::SlotOf(const Unit& unit) const {
  return unit.keys == 1 ? keys_.back().slot : persistence::kNoSlot;
}

EffectApplier::Call ApplyBatch::CallOf(const Unit& unit, size_t i) const {
  const Call& call = calls_[unit.first_call + i];
  return {.info = call.info,
          .words = std::span(words_).subspan(call.first_word, call.words),
          .keys = std::span(keys_).subspan(call.first_key, call.keys),
          .db = call.db,
          .touches_all = call.touches_all};
}

std::string_view ApplyBatch::Bytes(size_t first, size_t count) const {
  const char* begin = bytes_[first].data();
  const std::string_view last = bytes_[first + count - 1];
  return {begin, static_cast<size_t>(last.data() + last.size() - begin)};
}

}  // namespace henge::server
