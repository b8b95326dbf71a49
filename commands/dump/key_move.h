// SPDX-License-Identifier: Apache-2.0
// KeyMove: keys on their way to another server (MIGRATE), as one command took them: their values as
// payloads, of one moment. Services::MoveKeys sends them and answers the client.
//
//   under the keys' locks: the values as payloads ──> their writers are held back
//     ──> sent, acknowledged (no lock) ──> deleted, told as DEL ──> their writers go on
//
// So what the other server acknowledged is what was here when the key was deleted. Where a key
// changed all the same, by what no client's command did (it expired, was evicted or flushed), the
// other server is told of that before the key counts as moved.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "commands/services.h"
#include "store/keyspace.h"

namespace henge::commands {

struct KeyMove {
  std::string host;
  std::string port;        // As it was given.
  int64_t db = 0;          // There.
  int64_t timeout_ms = 0;  // Of each step without progress.
  bool copy = false;       // The keys stay here.
  bool replace = false;
  std::optional<std::string> user;  // AUTH2's.
  std::optional<std::string> password;
  struct Key {
    std::string name;
    std::string payload;
    UnixMillis expiry = kNoExpiry;  // Absolute.
  };
  std::vector<Key> keys;  // Those that are here, each once; not empty.
};

// A key as it is now, if it is here. REQUIRES: its shard is locked.
std::optional<KeyMove::Key> TakeForMove(store::Keyspace& keyspace, std::string_view name,
                                        const CommandSettings& settings);

}  // namespace henge::commands
