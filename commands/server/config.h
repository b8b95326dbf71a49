// SPDX-License-Identifier: Apache-2.0
// Handlers of CONFIG's subcommands.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

void ConfigGet(CommandContext& ctx, ArgReader& args);
void ConfigSet(CommandContext& ctx, ArgReader& args);
void ConfigRewrite(CommandContext& ctx, ArgReader& args);
void ConfigResetStat(CommandContext& ctx, ArgReader& args);
void ConfigHelp(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
