// SPDX-License-Identifier: Apache-2.0
// Handlers that act on the server as a whole: SHUTDOWN, ROLE, MONITOR.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

void Shutdown(CommandContext& ctx, ArgReader& args);
void Monitor(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
