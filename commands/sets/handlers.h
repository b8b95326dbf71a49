// SPDX-License-Identifier: Apache-2.0
// Handlers of the set room. Their rows are in commands.cc.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

// members.cc
void SAdd(CommandContext& ctx, ArgReader& args);
void SRem(CommandContext& ctx, ArgReader& args);
void SIsMember(CommandContext& ctx, ArgReader& args);
void SMIsMember(CommandContext& ctx, ArgReader& args);
void SCard(CommandContext& ctx, ArgReader& args);
void SMembers(CommandContext& ctx, ArgReader& args);
void SMove(CommandContext& ctx, ArgReader& args);
void SScan(CommandContext& ctx, ArgReader& args);

// random.cc
void SPop(CommandContext& ctx, ArgReader& args);
void SRandMember(CommandContext& ctx, ArgReader& args);

// intersect.cc
void SInter(CommandContext& ctx, ArgReader& args);
void SInterCard(CommandContext& ctx, ArgReader& args);
void SInterStore(CommandContext& ctx, ArgReader& args);

// combine.cc
void SUnion(CommandContext& ctx, ArgReader& args);
void SUnionStore(CommandContext& ctx, ArgReader& args);
void SDiff(CommandContext& ctx, ArgReader& args);
void SDiffStore(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
