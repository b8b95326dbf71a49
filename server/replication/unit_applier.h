// SPDX-License-Identifier: Apache-2.0
// UnitApplier: does again what a leader did: a unit in one step, under the locks of all its keys.
//
// One per lane (apply_lanes.h), for one thread at a time. Subscribers, caches and those who wait
// for keys hear of it as of any change. The journal is the caller's business.
#pragma once

#include "server/awakener.h"
#include "server/effect_recorder.h"
#include "server/persistence/effect_applier.h"
#include "server/replication/apply_batch.h"

namespace henge::server {

class Node;

class UnitApplier {
 public:
  UnitApplier(Node& node, store::LockSet& locks, EffectRecorder& effects, Awakener& awakener);

  // What the units to come take for the time.
  void Begin(UnixMillis now);
  // What of it can't be done is noted, and the rest is done, so that offsets go on.
  void Apply(const ApplyBatch& batch, const ApplyBatch::Unit& unit);

 private:
  void Count(const commands::CommandInfo& info, bool failed);

  Node& node_;
  store::LockSet& locks_;
  EffectRecorder& effects_;
  Awakener& awakener_;
  EffectApplier calls_;
  UnixMillis now_ = 0;
  uint64_t last_ticks_ = 0;
};

}  // namespace henge::server
