// SPDX-License-Identifier: Apache-2.0
// Who is on this machine, and what that permits: protected mode, and the enable-… parameters that
// say no, yes or local. Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "commands/client_state.h"
#include "server/config/choices.h"
#include "server/config/settings.h"

namespace henge::server {

// Of an address as connections show it, "127.0.0.1:50000" or "[::1]:50000".
bool IsLoopback(std::string_view address);

// Why the client may not run a command that is flagged as protected; empty if it may.
std::string RefuseProtected(std::string_view command, const Settings& settings,
                            const commands::ClientState& client);

// Whether it may not touch the keyspace: a replica; and Redis counts those who monitor among them.
bool GetsStreamAlone(const commands::ClientState& client);

bool IsAllowed(ProtectedAction who, const commands::ClientState& client);

}  // namespace henge::server
