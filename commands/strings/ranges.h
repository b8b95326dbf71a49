// SPDX-License-Identifier: Apache-2.0
// Handlers for parts of a string: APPEND, GETRANGE, SETRANGE.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

void Append(CommandContext& ctx, ArgReader& args);
void GetRange(CommandContext& ctx, ArgReader& args);
void SetRange(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
