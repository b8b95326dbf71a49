// SPDX-License-Identifier: Apache-2.0
// Handlers of client-side caching: CLIENT TRACKING, CACHING, GETREDIR, TRACKINGINFO.
#pragma once

#include <string>

#include "commands/client_state.h"

namespace henge::commands {

struct CommandContext;
class ArgReader;

void ClientTracking(CommandContext& ctx, ArgReader& args);
void ClientCaching(CommandContext& ctx, ArgReader& args);
void ClientGetRedir(CommandContext& ctx, ArgReader& args);
void ClientTrackingInfo(CommandContext& ctx, ArgReader& args);

// Where the client's invalidations go: -1 when it does not track, 0: to itself.
int64_t RedirectionOf(const ClientState& client);

}  // namespace henge::commands
