// SPDX-License-Identifier: Apache-2.0
// Handlers of the dump room: a value out of the keyspace as a payload, and back. Their rows are in
// commands.cc.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

void Dump(CommandContext& ctx, ArgReader& args);
void Restore(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
