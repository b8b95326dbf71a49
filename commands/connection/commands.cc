// SPDX-License-Identifier: Apache-2.0
#include "commands/command_table.h"

namespace henge::commands {

std::span<const CommandSpec> ConnectionCommands() { return {}; }

}  // namespace henge::commands
