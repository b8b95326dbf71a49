// SPDX-License-Identifier: Apache-2.0
// The sorted-set room's handlers; commands.cc has their rows.
#pragma once

namespace henge::commands {

class ArgReader;
struct CommandContext;

// add.cc
void ZAdd(CommandContext& ctx, ArgReader& args);
void ZIncrBy(CommandContext& ctx, ArgReader& args);
// look_up.cc
void ZCard(CommandContext& ctx, ArgReader& args);
void ZCount(CommandContext& ctx, ArgReader& args);
void ZLexCount(CommandContext& ctx, ArgReader& args);
void ZMScore(CommandContext& ctx, ArgReader& args);
void ZRank(CommandContext& ctx, ArgReader& args);
void ZRevRank(CommandContext& ctx, ArgReader& args);
void ZScan(CommandContext& ctx, ArgReader& args);
void ZScore(CommandContext& ctx, ArgReader& args);
// range.cc
void ZRange(CommandContext& ctx, ArgReader& args);
void ZRangeByLex(CommandContext& ctx, ArgReader& args);
void ZRangeByScore(CommandContext& ctx, ArgReader& args);
void ZRangeStore(CommandContext& ctx, ArgReader& args);
void ZRevRange(CommandContext& ctx, ArgReader& args);
void ZRevRangeByLex(CommandContext& ctx, ArgReader& args);
void ZRevRangeByScore(CommandContext& ctx, ArgReader& args);
// remove.cc
void ZRem(CommandContext& ctx, ArgReader& args);
void ZRemRangeByLex(CommandContext& ctx, ArgReader& args);
void ZRemRangeByRank(CommandContext& ctx, ArgReader& args);
void ZRemRangeByScore(CommandContext& ctx, ArgReader& args);
// pop.cc
void BZMPop(CommandContext& ctx, ArgReader& args);
void BZPopMax(CommandContext& ctx, ArgReader& args);
void BZPopMin(CommandContext& ctx, ArgReader& args);
void ZMPop(CommandContext& ctx, ArgReader& args);
void ZPopMax(CommandContext& ctx, ArgReader& args);
void ZPopMin(CommandContext& ctx, ArgReader& args);
// combine.cc
void ZDiff(CommandContext& ctx, ArgReader& args);
void ZDiffStore(CommandContext& ctx, ArgReader& args);
void ZInter(CommandContext& ctx, ArgReader& args);
void ZInterCard(CommandContext& ctx, ArgReader& args);
void ZInterStore(CommandContext& ctx, ArgReader& args);
void ZUnion(CommandContext& ctx, ArgReader& args);
void ZUnionStore(CommandContext& ctx, ArgReader& args);
// random_member.cc
void ZRandMember(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
