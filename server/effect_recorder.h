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
// A key that expired or was evicted is a DEL of its own, before the call that found it; fields of
// a hash that expired are an HDEL.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/call_effects.h"
#include "persistence/effect_listener.h"
#include "server/command_stats.h"
#include "server/ready_keys.h"
#include "store/event.h"

namespace henge::server {

class EffectRecorder final : public store::EffectSink {
 public:
  // `listener` may be null; it outlives this.
  EffectRecorder(ExecutionStats& stats, persistence::EffectListener* listener)
      : stats_(stats), listener_(listener) {}

  void OnEffect(DbIndex db, const store::Key& key, const store::Event& event,
                store::Change change) override;
  void OnMembersExpired(DbIndex db, const store::Key& key, const store::Event& event,
                        std::span<const std::string> members, bool emptied) override;
  void OnFlush(DbIndex first, DbIndex last, uint64_t keys) override;
  void OnSwap(DbIndex a, DbIndex b) override;
  void OnReady(DbIndex db, std::string_view key) override { ready_.Add(db, key); }
  ReadyKeys& ready() { return ready_; }

  // Whether anyone listens.
  bool wanted() const { return listener_ != nullptr; }
  // Changes that calls made, so far: a call that leaves it as it was has no effect.
  uint64_t changes() const { return changes_; }

  // What happens until CloseUnit is told as one. Outside, each deletion is a unit.
  void OpenUnit() { in_unit_ = true; }
  void EndCall(DbIndex db, std::span<const std::string_view> argv,
               const commands::CallEffects& effects);
  void CloseUnit();

 private:
  struct Pending {
    DbIndex db;
    commands::CallEffects::Command words;
  };
  void Add(DbIndex db, commands::CallEffects::Command words);

  ExecutionStats& stats_;
  persistence::EffectListener* listener_;
  ReadyKeys ready_;
  uint64_t changes_ = 0;
  bool in_unit_ = false;
  std::vector<Pending> pending_;
};

}  // namespace henge::server
