// SPDX-License-Identifier: Apache-2.0
// Handlers of the sorting room. Their rows are in commands.cc.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

// sort.cc
void Sort(CommandContext& ctx, ArgReader& args);
void SortReadOnly(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
