// SPDX-License-Identifier: Apache-2.0
// Snapshots by command.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

void Save(CommandContext& ctx, ArgReader& args);
void BgSave(CommandContext& ctx, ArgReader& args);
void BgRewriteAof(CommandContext& ctx, ArgReader& args);
void LastSave(CommandContext& ctx, ArgReader& args);
void DebugReload(CommandContext& ctx, ArgReader& args);
void DebugLoadAof(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
