// SPDX-License-Identifier: Apache-2.0
// HELP of a container: the lines Redis's containers open and close with, ours between.
#pragma once

#include <span>
#include <string_view>

#include "commands/context.h"

namespace henge::commands {

// `lines` alternate between a subcommand's form and its (indented) explanation.
void ReplyHelp(CommandContext& ctx, std::string_view container,
               std::span<const std::string_view> lines);

}  // namespace henge::commands
