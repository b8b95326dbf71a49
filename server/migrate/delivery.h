// SPDX-License-Identifier: Apache-2.0
// What MIGRATE says to its target, and what becomes of it: one exchange over a TargetLink, which
// waits; a carrier's thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "commands/dump/key_move.h"
#include "server/migrate/target_link.h"

namespace henge::server {

struct Parcel {
  enum class Kind : uint8_t {
    kKey,
    kNewer,  // It was sent before, and has changed since.
    kGone,   // It was sent before, and is gone since.
  };
  Kind kind = Kind::kKey;
  const commands::KeyMove::Key* key = nullptr;
  bool arrived = false;  // The target said so.
};

// Sends all, and fills in what arrived. The error that the client is to be told, or empty. A link
// that breaks before anything was answered is opened once more: it may have been idle for long.
// `in_cluster`: the target takes keys of slots that it imports.
std::string Deliver(TargetLink& link, const commands::KeyMove& move, bool in_cluster,
                    std::span<Parcel> parcels);

}  // namespace henge::server
