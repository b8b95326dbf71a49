// SPDX-License-Identifier: Apache-2.0
// Handlers for numbers kept in strings: INCR, DECR and their relatives.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

void Incr(CommandContext& ctx, ArgReader& args);
void Decr(CommandContext& ctx, ArgReader& args);
void IncrBy(CommandContext& ctx, ArgReader& args);
void DecrBy(CommandContext& ctx, ArgReader& args);
void IncrByFloat(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
