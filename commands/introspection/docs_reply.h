// SPDX-License-Identifier: Apache-2.0
// One command as COMMAND DOCS shows it. Pure functions over the table; any thread.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "commands/command_table.h"
#include "commands/syntax.h"
#include "proto/reply_writer.h"

namespace henge::commands {

// Summary, since, group, complexity, deprecation, history, arguments, subcommands.
void ReplyCommandDocs(proto::ReplyWriter& reply, const CommandInfo& info);

// The arguments of a command, parsed when they are first asked for.
const std::vector<Argument>& ArgumentsOf(const CommandInfo& info);

// "2.6.12 NX and XX; 6.2.0 GET" as (version, what came) pairs.
std::vector<std::pair<std::string_view, std::string_view>> ReadHistory(std::string_view history);

}  // namespace henge::commands
