// SPDX-License-Identifier: Apache-2.0
// The handlers of the sentinel room. InGroup<F> makes a command's handler of F; OfGroup<F> also
// reads the group's name and answers the error for any other.
#pragma once

#include "commands/context.h"
#include "commands/sentinel/service.h"

namespace henge::commands {

template <void (*F)(CommandContext&, SentinelService&, ArgReader&)>
void InGroup(CommandContext& ctx, ArgReader& args) {
  SentinelService* group = ctx.services.sentinel();
  if (group == nullptr) return ctx.reply.Error(errors::UnknownCommand(ctx.argv[0], args));
  F(ctx, *group, args);
}

template <void (*F)(CommandContext&, const GroupPicture&, ArgReader&)>
void OfGroup(CommandContext& ctx, ArgReader& args) {
  SentinelService* group = ctx.services.sentinel();
  if (group == nullptr) return ctx.reply.Error(errors::UnknownCommand(ctx.argv[0], args));
  const GroupPicture picture = group->Look();
  if (args.Next() != picture.name || picture.leader() == nullptr) {
    return ctx.reply.Error("ERR No such master with that name");
  }
  F(ctx, picture, args);
}

// Who there is (describe.cc).
void SentinelMasters(CommandContext& ctx, SentinelService& group, ArgReader& args);
void SentinelMaster(CommandContext& ctx, const GroupPicture& group, ArgReader& args);
void SentinelReplicas(CommandContext& ctx, const GroupPicture& group, ArgReader& args);
void SentinelSentinels(CommandContext& ctx, const GroupPicture& group, ArgReader& args);

// Who leads, and whether that can change (questions.cc).
void SentinelGetMasterAddr(CommandContext& ctx, SentinelService& group, ArgReader& args);
void SentinelIsMasterDown(CommandContext& ctx, SentinelService& group, ArgReader& args);
void SentinelCkQuorum(CommandContext& ctx, const GroupPicture& group, ArgReader& args);
void SentinelMyId(CommandContext& ctx, SentinelService& group, ArgReader& args);
void SentinelPendingScripts(CommandContext& ctx, SentinelService& group, ArgReader& args);
void SentinelFailover(CommandContext& ctx, SentinelService& group, ArgReader& args);
void SentinelFixed(CommandContext& ctx, SentinelService& group, ArgReader& args);
void SentinelHelp(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
