// SPDX-License-Identifier: Apache-2.0
// Handlers of the keyspace room: what works on keys of every type, and on whole databases. Their
// rows are in commands.cc.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

// keys.cc
void Del(CommandContext& ctx, ArgReader& args);
void Exists(CommandContext& ctx, ArgReader& args);
void Touch(CommandContext& ctx, ArgReader& args);
void Type(CommandContext& ctx, ArgReader& args);
void Rename(CommandContext& ctx, ArgReader& args);
void RenameNx(CommandContext& ctx, ArgReader& args);
void Copy(CommandContext& ctx, ArgReader& args);
void Move(CommandContext& ctx, ArgReader& args);

// expire.cc
void Expire(CommandContext& ctx, ArgReader& args);
void ExpireAt(CommandContext& ctx, ArgReader& args);
void PExpire(CommandContext& ctx, ArgReader& args);
void PExpireAt(CommandContext& ctx, ArgReader& args);
void Ttl(CommandContext& ctx, ArgReader& args);
void PTtl(CommandContext& ctx, ArgReader& args);
void ExpireTime(CommandContext& ctx, ArgReader& args);
void PExpireTime(CommandContext& ctx, ArgReader& args);
void Persist(CommandContext& ctx, ArgReader& args);

// walk.cc
void Keys(CommandContext& ctx, ArgReader& args);
void Scan(CommandContext& ctx, ArgReader& args);
void RandomKey(CommandContext& ctx, ArgReader& args);
void DbSize(CommandContext& ctx, ArgReader& args);

// object.cc
void ObjectEncoding(CommandContext& ctx, ArgReader& args);
void ObjectFreq(CommandContext& ctx, ArgReader& args);
void ObjectHelp(CommandContext& ctx, ArgReader& args);
void ObjectIdleTime(CommandContext& ctx, ArgReader& args);
void ObjectRefCount(CommandContext& ctx, ArgReader& args);

// databases.cc
void FlushAll(CommandContext& ctx, ArgReader& args);
void FlushDb(CommandContext& ctx, ArgReader& args);
void SwapDb(CommandContext& ctx, ArgReader& args);

// wait.cc
void Wait(CommandContext& ctx, ArgReader& args);
void WaitAof(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
