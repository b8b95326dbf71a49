// SPDX-License-Identifier: Apache-2.0
// OwnKeys: what clients wrote to a follower that lets them (`replica-read-only no`). The leader
// knows nothing of these keys, so the follower itself deletes them when they expire.
//
// Noted by any worker under the keys' locks; expired on the first worker. The mutex is a leaf.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "base/types.h"
#include "persistence/effect_listener.h"

namespace henge::server {

class Node;

class OwnKeys {
 public:
  explicit OwnKeys(Node& node) : node_(node) {}
  void Note(std::span<const persistence::Effect> effects);
  // Deletes those that are due, and forgets those that have no deadline or are gone.
  // REQUIRES: the first worker's thread, no shard is locked.
  void Expire(UnixMillis now);
  void Clear();

 private:
  using Name = std::pair<DbIndex, std::string>;
  static constexpr size_t kMost = 1 << 20;
  bool IsStillWaiting(const Name& name, UnixMillis now);

  Node& node_;
  std::mutex mu_;
  absl::flat_hash_set<Name> names_;
};

}  // namespace henge::server
