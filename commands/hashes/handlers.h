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

// expire.cc
void HExpire(CommandContext& ctx, ArgReader& args);
void HPExpire(CommandContext& ctx, ArgReader& args);
void HExpireAt(CommandContext& ctx, ArgReader& args);
void HPExpireAt(CommandContext& ctx, ArgReader& args);
void HTtl(CommandContext& ctx, ArgReader& args);
void HPTtl(CommandContext& ctx, ArgReader& args);
void HExpireTime(CommandContext& ctx, ArgReader& args);
void HPExpireTime(CommandContext& ctx, ArgReader& args);
void HPersist(CommandContext& ctx, ArgReader& args);

// field_exchange.cc
void HGetEx(CommandContext& ctx, ArgReader& args);
void HSetEx(CommandContext& ctx, ArgReader& args);
void HGetDel(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
