// SPDX-License-Identifier: Apache-2.0
// Those of DEBUG's subcommands that look at data, or make some. Keys are found whether or not they
// have expired.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

void DebugObject(CommandContext& ctx, ArgReader& args);
void DebugListpack(CommandContext& ctx, ArgReader& args);
void DebugQuicklist(CommandContext& ctx, ArgReader& args);
void DebugPackedThreshold(CommandContext& ctx, ArgReader& args);
void DebugHtStats(CommandContext& ctx, ArgReader& args);
void DebugHtStatsKey(CommandContext& ctx, ArgReader& args);
void DebugDigest(CommandContext& ctx, ArgReader& args);
void DebugDigestValue(CommandContext& ctx, ArgReader& args);
void DebugPopulate(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
