// SPDX-License-Identifier: Apache-2.0
// Handlers of the string room's get_set.cc; their rows are in commands.cc.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

void Get(CommandContext& ctx, ArgReader& args);
void Set(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
