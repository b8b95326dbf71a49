// SPDX-License-Identifier: Apache-2.0
// Handlers for whole values of several keys: MGET, MSET, MSETNX.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

void MGet(CommandContext& ctx, ArgReader& args);
void MSet(CommandContext& ctx, ArgReader& args);
void MSetNx(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
