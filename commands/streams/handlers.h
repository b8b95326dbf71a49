// SPDX-License-Identifier: Apache-2.0
// Handlers of the streams room. Their rows are in commands.cc and group_commands.cc.
#pragma once

#include <span>

#include "commands/command_spec.h"

namespace henge::commands {

struct CommandContext;
class ArgReader;

// entries.cc
void XAdd(CommandContext& ctx, ArgReader& args);
void XTrim(CommandContext& ctx, ArgReader& args);
void XDel(CommandContext& ctx, ArgReader& args);
void XLen(CommandContext& ctx, ArgReader& args);
void XSetId(CommandContext& ctx, ArgReader& args);

// ranges.cc
void XRange(CommandContext& ctx, ArgReader& args);
void XRevRange(CommandContext& ctx, ArgReader& args);

// read.cc, read_group.cc
void XRead(CommandContext& ctx, ArgReader& args);
void XReadGroup(CommandContext& ctx, ArgReader& args);

// groups.cc
void XGroupCreate(CommandContext& ctx, ArgReader& args);
void XGroupCreateConsumer(CommandContext& ctx, ArgReader& args);
void XGroupDelConsumer(CommandContext& ctx, ArgReader& args);
void XGroupDestroy(CommandContext& ctx, ArgReader& args);
void XGroupHelp(CommandContext& ctx, ArgReader& args);
void XGroupSetId(CommandContext& ctx, ArgReader& args);

// pending.cc
void XAck(CommandContext& ctx, ArgReader& args);
void XPending(CommandContext& ctx, ArgReader& args);

// claim.cc
void XClaim(CommandContext& ctx, ArgReader& args);
void XAutoClaim(CommandContext& ctx, ArgReader& args);

// info.cc
void XInfoConsumers(CommandContext& ctx, ArgReader& args);
void XInfoGroups(CommandContext& ctx, ArgReader& args);
void XInfoHelp(CommandContext& ctx, ArgReader& args);
void XInfoStream(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
