// SPDX-License-Identifier: Apache-2.0
// The handlers of the hash room.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

// fields.cc
void HSet(CommandContext& ctx, ArgReader& args);
void HMSet(CommandContext& ctx, ArgReader& args);
void HSetNx(CommandContext& ctx, ArgReader& args);
void HGet(CommandContext& ctx, ArgReader& args);
void HMGet(CommandContext& ctx, ArgReader& args);
void HDel(CommandContext& ctx, ArgReader& args);
void HExists(CommandContext& ctx, ArgReader& args);
void HLen(CommandContext& ctx, ArgReader& args);
void HStrLen(CommandContext& ctx, ArgReader& args);

// counters.cc
void HIncrBy(CommandContext& ctx, ArgReader& args);
void HIncrByFloat(CommandContext& ctx, ArgReader& args);

// walk.cc
void HGetAll(CommandContext& ctx, ArgReader& args);
void HKeys(CommandContext& ctx, ArgReader& args);
void HVals(CommandContext& ctx, ArgReader& args);
void HScan(CommandContext& ctx, ArgReader& args);
void HRandField(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
