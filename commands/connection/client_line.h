// SPDX-License-Identifier: Apache-2.0
// A client as CLIENT LIST and CLIENT INFO show it, and its type as their filters name it.
// Any thread; reads only what ClientState lets others see.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "commands/client_state.h"
#include "commands/context.h"

namespace henge::commands {

enum class ClientType : uint8_t { kNormal, kMaster, kReplica, kPubsub };

ClientType TypeOf(const ClientState& client);
// "normal", "master", "replica" or the older "slave", "pubsub"; any case.
std::optional<ClientType> ParseClientType(std::string_view word);

// Appends `client`'s line, newline included. For the client that `asked`, the command it is
// executing is counted as what its query buffer holds.
void AppendClientLine(const ClientState& client, const CommandContext& asked, std::string& out);

// The same for the log, which nobody asked for.
void AppendClientLine(const ClientState& client, const DebugSettings& debug, UnixMillis now,
                      std::string& out);

// Whether a name or library attribute can stand in such a line: printable ASCII without spaces.
bool FitsClientLine(std::string_view text);

}  // namespace henge::commands
