// SPDX-License-Identifier: Apache-2.0
#include "commands/help.h"

#include <string>

#include "base/strings.h"

namespace henge::commands {

void ReplyHelp(CommandContext& ctx, std::string_view container,
               std::span<const std::string_view> lines) {
  ctx.reply.Array(lines.size() + 3);
  ctx.reply.Simple(ToUpper(container) +
                   " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const std::string_view line : lines) ctx.reply.Simple(line);
  ctx.reply.Simple("HELP");
  ctx.reply.Simple("    Print this help.");
}

}  // namespace henge::commands
