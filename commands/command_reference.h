// SPDX-License-Identifier: Apache-2.0
// docs/reference/commands.md out of the rows: what `henge-server --command-reference` prints. Any
// thread.
#pragma once

#include <span>
#include <string>

#include "commands/command_table.h"

namespace henge::commands {

// Markdown: a section for each group that has commands, a table row for each command, sorted by
// name. A container that does nothing by itself has only its subcommands' rows.
std::string CommandReference(std::span<const CommandInfo> infos);

}  // namespace henge::commands
