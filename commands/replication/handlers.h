// SPDX-License-Identifier: Apache-2.0
// Leaders and followers by command: what operators say, and what followers say to their leader.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

void ReplicaOf(CommandContext& ctx, ArgReader& args);
void Role(CommandContext& ctx, ArgReader& args);
void Psync(CommandContext& ctx, ArgReader& args);
void Failover(CommandContext& ctx, ArgReader& args);
void Sync(CommandContext& ctx, ArgReader& args);
void ReplConf(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
