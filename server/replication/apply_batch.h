// SPDX-License-Identifier: Apache-2.0
// ApplyBatch: units of a leader's stream, ready to be applied: which commands they are, in which
// database, on which keys, and by which lane.
//
// What is selected is worked out here, so that lanes need not know of each other. Its words are
// views of the stream's bytes. One thread fills it; then several may read.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "persistence/journal/journal.h"
#include "replication/apply_plan.h"
#include "replication/unit_reader.h"
#include "server/persistence/effect_applier.h"

namespace henge::server {

class Node;

class ApplyBatch {
 public:
  struct Unit {
    uint32_t first_call;
    uint32_t calls;
    uint32_t first_key;
    uint32_t keys;
    DbIndex db;  // Selected behind it.
    bool every_shard;
  };

  explicit ApplyBatch(Node& node) : node_(node), preparer_(node) {}

  // Empties it; `db` is selected, and units are for so many lanes.
  void Begin(DbIndex db, size_t lanes);
  // Its bytes follow those of the unit before. An error: some of it makes no sense here, and will
  // not be done.
  absl::Status Add(const replication::StreamUnit& unit);

  size_t size() const { return units_.size(); }
  const Unit& unit(size_t i) const { return units_[i]; }
  std::span<const replication::Lane> lanes() const { return lanes_; }
  std::span<const store::Key> KeysOf(const Unit& unit) const {
    return std::span(keys_).subspan(unit.first_key, unit.keys);
  }
  EffectApplier::Call CallOf(const Unit& unit, size_t i) const;
  // Of units in a row: for the journal, and what is selected behind them.
  std::string_view Bytes(size_t first, size_t count) const;
  std::span<const persistence::Journal::EncodedRecord> Records(size_t first, size_t count) const {
    return std::span(records_).subspan(first, count);
  }
  DbIndex DbBehind(size_t first, size_t count) const { return units_[first + count - 1].db; }

 private:
  struct Call {
    const commands::CommandInfo* info;
    uint32_t first_word;
    uint32_t words;
    uint32_t first_key;
    uint32_t keys;
    DbIndex db;
    bool touches_all;
  };
  void Select(std::span<const std::string_view> words);
  replication::Lane LaneOf(const Unit& unit) const;
  Slot SlotOf(const Unit& unit) const;

  Node& node_;
  EffectApplier preparer_;
  size_t lane_count_ = 1;
  DbIndex db_ = 0;
  std::vector<Call> calls_;
  std::vector<std::string_view> words_;
  std::vector<store::Key> keys_;
  std::vector<Unit> units_;
  std::vector<replication::Lane> lanes_;
  std::vector<std::string_view> bytes_;
  std::vector<persistence::Journal::EncodedRecord> records_;
};

}  // namespace henge::server
