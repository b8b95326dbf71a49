// SPDX-License-Identifier: Apache-2.0
// Handlers of the dump room: a value out of the keyspace as a payload, and back. Their rows are in
// commands.cc.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "commands/command_spec.h"

namespace henge::commands {

struct CommandContext;
class ArgReader;

void Dump(CommandContext& ctx, ArgReader& args);
void Restore(CommandContext& ctx, ArgReader& args);
void Migrate(CommandContext& ctx, ArgReader& args);
void RefineMigrateKeys(std::span<const std::string_view> argv, std::vector<KeyPosition>& found);

}  // namespace henge::commands
