// SPDX-License-Identifier: Apache-2.0
// Handlers that show what the server measures of itself: INFO, SLOWLOG, TIME.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

void Info(CommandContext& ctx, ArgReader& args);
void SlowlogGet(CommandContext& ctx, ArgReader& args);
void SlowlogLen(CommandContext& ctx, ArgReader& args);
void SlowlogReset(CommandContext& ctx, ArgReader& args);
void SlowlogHelp(CommandContext& ctx, ArgReader& args);
void Time(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
