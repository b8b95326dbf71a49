// SPDX-License-Identifier: Apache-2.0
// SlotIntake: what a migration's source sends, into the store and the journal of the target, a unit
// in one step under the locks of its keys. So the target's followers and its append-only file get
// it as any write.
//
// Keys exist until the source says that they have expired. Clients, caches and subscribers hear
// nothing: the slots are not theirs yet. One thread, which is none of the workers.
#pragma once

#include <absl/status/status.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "cluster/slots/slot_fate.h"
#include "persistence/effect_listener.h"
#include "replication/unit_reader.h"
#include "server/persistence/effect_applier.h"
#include "store/store.h"

namespace henge::server {

class Node;

class SlotIntake {
 public:
  SlotIntake(Node& node, const cluster::SlotBits& slots, std::string migration);

  // Bytes of commands, in any pieces. An error: nothing of what comes is of use any more.
  absl::Status Take(std::string_view bytes);
  // Whether what was taken is all of it, and still there. OK: nothing is half taken.
  absl::Status Check() const;
  // The LSN behind what was taken.
  Lsn lsn() const { return lsn_; }
  uint64_t units() const { return units_; }

 private:
  struct Call {
    EffectApplier::Call call;
    size_t first_key;
    size_t keys;
  };
  absl::Status Prepare(const replication::StreamUnit& unit);
  absl::Status Apply();
  absl::Status MayTake() const;  // REQUIRES: the keys' shards are locked.

  Node& node_;
  const cluster::SlotBits slots_;
  const std::string migration_;
  const uint64_t flushes_;
  replication::UnitReader reader_;
  store::LockSet locks_;
  EffectApplier applier_;
  Lsn lsn_ = 0;
  uint64_t units_ = 0;
  // Of the unit under way.
  std::vector<Call> calls_;
  std::vector<store::Key> keys_;
  std::vector<persistence::Effect> effects_;
};

}  // namespace henge::server
