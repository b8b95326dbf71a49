// SPDX-License-Identifier: Apache-2.0
// Handlers of MEMORY: what keys and the server as a whole cost.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

void MemoryUsage(CommandContext& ctx, ArgReader& args);
void MemoryStats(CommandContext& ctx, ArgReader& args);
void MemoryDoctor(CommandContext& ctx, ArgReader& args);
void MemoryPurge(CommandContext& ctx, ArgReader& args);
void MemoryMallocStats(CommandContext& ctx, ArgReader& args);
void MemoryHelp(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
