// SPDX-License-Identifier: Apache-2.0
// What a handler is given: its client, where to reply, the keyspace under the locks it needs, and
// the services of the server. Lives for one command.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "commands/arg_reader.h"
#include "commands/call_effects.h"
#include "commands/client_state.h"
#include "commands/command_spec.h"
#include "commands/errors.h"
#include "commands/services.h"
#include "proto/reply_writer.h"
#include "store/keyspace.h"

namespace henge::commands {

struct CommandContext {
  ClientState& client;
  proto::ReplyWriter& reply;
  store::Keyspace&
      keyspace;  // The client's selected database; keyspace.now() is the command's time.
  Services& services;
  const CommandSpec& spec;
  std::span<const std::string_view> argv;  // With the name (and container).
  bool in_exec = false;                    // Running inside EXEC: may not block.
  CallEffects effects = {};                // What the journal says of the call.
  bool retry = false;    // On behalf of a client that waits; `client` is its shadow then.
  bool blocked = false;  // The client was parked: no reply was written.

  // Secrets among the arguments, which the slow log and MONITOR do not show. `index` counts in
  // argv.
  void Redact(size_t index) { redacted |= uint64_t{1} << std::min(index, kRedactable); }
  bool IsRedacted(size_t index) const {
    return (redacted >> std::min(index, kRedactable) & 1) != 0;
  }
  static constexpr size_t kRedactable = 63;  // All from there on share a bit.
  uint64_t redacted = 0;
};

}  // namespace henge::commands
