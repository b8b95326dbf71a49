// SPDX-License-Identifier: Apache-2.0
// The HyperLogLog room's handlers; commands.cc has their rows.
#pragma once

#include "commands/command_spec.h"

namespace henge::commands {

// registers.cc
void PfAdd(CommandContext& ctx, ArgReader& args);
void PfCount(CommandContext& ctx, ArgReader& args);
void PfMerge(CommandContext& ctx, ArgReader& args);
// inspection.cc
void PfDebug(CommandContext& ctx, ArgReader& args);
void PfSelfTest(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
