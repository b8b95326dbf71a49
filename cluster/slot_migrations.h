// SPDX-License-Identifier: Apache-2.0
// What commands ask of slots that move at once: CLUSTER MIGRATESLOTS, CANCELSLOTMIGRATIONS and
// GETSLOTMIGRATIONS. Implemented in server/slots/. Any thread; no call waits for anything.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/types.h"
#include "cluster/topology.h"

namespace henge::cluster {

// Some slots of this node's, to be given to another.
struct SlotOrder {
  NodeId target;
  std::vector<SlotRange> slots;  // In any order; sound.
};

enum class SlotMigrationState : uint8_t {
  kQueued,       // Behind another of this node's.
  kPreparing,    // The cluster is told, the target gets ready.
  kSnapshot,     // What the slots held at one moment is sent,
  kStreaming,    // then what has changed since;
  kPaused,       // the last of it, while writers wait;
  kHandingOver,  // the cluster is asked to move the slots.
  kSuccess,
  kCancelled,
  kFailed,
};

// One, as this node has seen it.
struct SlotMigrationReport {
  std::string name;
  bool imports = false;
  std::vector<SlotRange> slots;
  NodeId source;
  NodeId target;
  UnixMillis created = 0;
  UnixMillis updated = 0;
  UnixMillis acknowledged = 0;  // When the target last said what it has.
  SlotMigrationState state = SlotMigrationState::kQueued;
  std::string message;       // Why it failed.
  uint64_t keys = 0;         // Of the node, that the snapshot walks over, of the slots or not;
  uint64_t walked_keys = 0;  // and has walked over.
  uint64_t sent_bytes = 0;
  uint64_t remaining_bytes = 0;  // Of the journal, not sent yet.
  int64_t pause_micros = 0;      // How long writers waited at the end.
};

struct SlotMigrationCounts {
  uint64_t succeeded = 0;
  uint64_t failed = 0;
  uint64_t cancelled = 0;
  uint64_t active = 0;
  uint64_t imports = 0;       // Under way.
  uint64_t moved_slots = 0;   // Given away.
  uint64_t dropped_keys = 0;  // Deleted because their slot is another's.
  uint64_t sent_bytes = 0;    // By all of them, those under way among them.
  uint64_t received_bytes = 0;
  int64_t last_pause_micros = 0;
};

class SlotMigrations {
 public:
  virtual ~SlotMigrations() = default;
  // All of them, or none: then the error's text.
  virtual std::string Start(std::vector<SlotOrder> orders) = 0;
  // Ends those under way that this node gives.
  virtual void CancelAll() = 0;
  // The newest first.
  virtual std::vector<SlotMigrationReport> Report() const = 0;
  virtual SlotMigrationCounts counts() const = 0;
  // The one that this node is giving; its name is empty if there is none.
  virtual SlotMigrationReport UnderWay() const = 0;
};

}  // namespace henge::cluster
