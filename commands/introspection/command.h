// SPDX-License-Identifier: Apache-2.0
// Handlers of COMMAND: what the server's commands are, told from their rows.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

void CommandAll(CommandContext& ctx, ArgReader& args);
void CommandCount(CommandContext& ctx, ArgReader& args);
void CommandList(CommandContext& ctx, ArgReader& args);
void CommandInfoOf(CommandContext& ctx, ArgReader& args);
void CommandDocs(CommandContext& ctx, ArgReader& args);
void CommandGetKeys(CommandContext& ctx, ArgReader& args);
void CommandGetKeysAndFlags(CommandContext& ctx, ArgReader& args);
void CommandHelp(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
