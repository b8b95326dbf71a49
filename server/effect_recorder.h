// SPDX-License-Identifier: Apache-2.0
// EffectRecorder: where every mutation is reported, and the one place from which consequences are
// drawn. One per worker, on its thread.
//
// It gathers the effects of a *unit* (a call, a whole EXEC, a key that expired by itself) and hands
// them to the node's listener, if it has one, while the unit's locks are still held:
//
//   OpenUnit ── calls: handler runs, OnEffect… ── EndCall ── … ── CloseUnit ── unlock
//
// A call that changed something is an effect as it was sent, unless its CallEffects say otherwise.
// A key that expired or was evicted is a DEL (or UNLINK) of its own, before the call that found it;
// fields of a hash that expired are an HDEL.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/call_effects.h"
#include "commands/services.h"
#include "persistence/effect_listener.h"
#include "server/command_stats.h"
#include "server/pubsub/change_news.h"
#include "server/ready_keys.h"
#include "store/event.h"

namespace henge::server {

class EffectRecorder final : public store::EffectSink {
 public:
  // Who listens may change, to null and back, while all shards are locked.
  EffectRecorder(ExecutionStats& stats, const std::atomic<persistence::EffectListener*>& listener,
                 ChangeNews news, const commands::CommandSettings& settings)
      : stats_(stats), listener_(listener), news_(news), settings_(settings) {}

  void OnEffect(DbIndex db, const store::Key& key, const store::Event& event,
                store::Change change) override;
  void OnEvent(DbIndex db, const store::Key& key, const store::Event& event) override {
    if (news_.wanted()) news_.OnEvent(db, key, event);
  }
  void OnMembersExpired(DbIndex db, const store::Key& key, const store::Event& event,
                        std::span<const std::string> members, bool emptied) override;
  void OnFlush(DbIndex first, DbIndex last, uint64_t keys) override;
  void OnSwap(DbIndex a, DbIndex b) override;
  void OnReady(DbIndex db, std::string_view key) override { ready_.Add(db, key); }
  ReadyKeys& ready() { return ready_; }
  ChangeNews& news() { return news_; }

  ExecutionStats& stats() { return stats_; }

  // Whether anyone listens. REQUIRES: a shard is locked.
  bool wanted() const { return !muted_ && listener_.load(std::memory_order_relaxed) != nullptr; }
  // While what is done was told elsewhere: by a leader.
  void set_muted(bool muted) { muted_ = muted; }
  // The LSN behind the last unit that was told here; 0 before the first.
  Lsn last_lsn() const { return last_lsn_; }
  // Changes that calls made, so far: a call that leaves it as it was has no effect.
  uint64_t changes() const { return changes_; }

  // A call that changed something. Views: good until the unit is closed, or, if the words `go`,
  // during EndCall only.
  struct Call {
    DbIndex db;
    std::span<const std::string_view> argv;
    std::span<const store::Key> keys;  // All that it names.
    std::string_view wire = {};        // As it came, if that is how it would be encoded.
    bool words_go = false;
    bool names_not_all = false;  // It may have come to other keys, too.
  };
  // What happens until CloseUnit is told as one. Outside, each deletion is a unit.
  void OpenUnit() { in_unit_ = true; }
  void EndCall(const Call& call, const commands::CallEffects& effects);
  void CloseUnit() {
    in_unit_ = false;
    if (!told_.empty()) Tell();
  }

 private:
  struct Told {
    DbIndex db;
    std::span<const std::string_view> words;  // If they stay until the unit is closed;
    size_t first_copy;                        // else in copied_words_.
    size_t copies;
    std::string_view wire;
  };
  void AddCopy(DbIndex db, const commands::CallEffects::Command& words);
  void NoteSlot(Slot slot) {
    slot_ = has_slot_ && slot_ != slot ? persistence::kNoSlot : slot;
    has_slot_ = true;
  }
  void Tell();

  ExecutionStats& stats_;
  const std::atomic<persistence::EffectListener*>& listener_;
  ChangeNews news_;
  const commands::CommandSettings& settings_;
  ReadyKeys ready_;
  uint64_t changes_ = 0;
  bool in_unit_ = false;
  bool muted_ = false;
  Lsn last_lsn_ = 0;
  // The unit so far: effects, and those words that nobody else keeps. Empty between units, but
  // their memory stays. The slot is that of all keys so far.
  std::vector<Told> told_;
  std::vector<std::string_view> copied_words_;
  std::deque<std::string> copies_;
  std::vector<persistence::Effect> unit_;
  Slot slot_ = persistence::kNoSlot;
  bool has_slot_ = false;
};

}  // namespace henge::server
