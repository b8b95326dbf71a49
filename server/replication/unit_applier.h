// SPDX-License-Identifier: Apache-2.0
// UnitApplier: does again what a leader did: a unit in one step, under the locks of all its keys,
// and into this node's journal under the same locks, as it came.
//
// One per worker, on its thread. Subscribers, caches and those who wait for keys hear of it as of
// any change.
#pragma once

#include <absl/status/status.h>

#include <vector>

#include "replication/unit_reader.h"
#include "server/awakener.h"
#include "server/effect_recorder.h"
#include "server/persistence/effect_applier.h"

namespace henge::server {

class Node;

class UnitApplier {
 public:
  UnitApplier(Node& node, store::LockSet& locks, EffectRecorder& effects, Awakener& awakener);

  // The database that the stream has selected.
  void Select(DbIndex db) { calls_.Select(db); }
  DbIndex db() const { return calls_.db(); }

  // False: the stream is not the one that is followed any more, and nothing was done. An error:
  // the unit makes no sense here; what of it could be done is done, so that offsets go on.
  struct Outcome {
    bool current = true;
    absl::Status status;
  };
  Outcome Apply(const replication::StreamUnit& unit, uint64_t link);

 private:
  void Count(const commands::CommandInfo& info, uint64_t ticks, bool failed);

  Node& node_;
  store::LockSet& locks_;
  EffectRecorder& effects_;
  Awakener& awakener_;
  EffectApplier calls_;
  // Of the unit under way.
  std::vector<EffectApplier::Call> prepared_;
  std::vector<std::pair<size_t, size_t>> spans_;
  std::vector<store::Key> keys_;
};

}  // namespace henge::server
