// SPDX-License-Identifier: Apache-2.0
// LCS: the longest common subsequence of two strings.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

void Lcs(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
