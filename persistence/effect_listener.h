// SPDX-License-Identifier: Apache-2.0
// EffectListener: hears what the data went through, as commands that bring other data to the same
// state. The interface by which the floors above hand effects down to whoever keeps or sends them.
#pragma once

#include <span>
#include <string_view>

#include "base/types.h"

namespace henge::persistence {

// Instead of a slot: of what has no keys, or keys of several slots.
inline constexpr Slot kNoSlot = 0xffff;

// One deterministic command: absolute deadlines, chosen members, the arguments a follower can
// repeat.
struct Effect {
  DbIndex db;
  std::span<const std::string_view> words;
  std::string_view wire = {};  // The words as a RESP array, where somebody has them so; or empty.
};

class EffectListener {
 public:
  virtual ~EffectListener() = default;
  // The effects of one call, transaction or deletion: all of them or none. Called by any worker,
  // with the shards of all keys locked, so that for each shard the order of these calls is the
  // order of execution. The words are good during the call only. Quick: no I/O. Returns the LSN
  // behind the unit, where there are such. `slot`: that of all keys; kNoSlot for several, or none.
  virtual Lsn OnUnit(std::span<const Effect> effects, Slot slot) = 0;
};

}  // namespace henge::persistence
