// SPDX-License-Identifier: Apache-2.0
#include "commands/server/modules.h"

#include <string_view>

#include "commands/context.h"
#include "commands/help.h"

namespace henge::commands {

void ModuleList(CommandContext& ctx, ArgReader&) { ctx.reply.Array(0); }

void ModuleLoad(CommandContext& ctx, ArgReader&) {
  ctx.reply.Error("ERR Error loading the extension. Please check the server logs.");
}

void ModuleUnload(CommandContext& ctx, ArgReader&) {
  ctx.reply.Error("ERR Error unloading module: no such module with that name");
}

void ModuleHelp(CommandContext& ctx, ArgReader&) {
  static constexpr std::string_view kLines[] = {
      "LIST",
      "    List the modules that are loaded: there are none.",
      "LOAD <path> [<arg> ...]",
      "    Refused: Henge loads no modules.",
      "LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]",
      "    Refused, as LOAD is.",
      "UNLOAD <name>",
      "    Refused, as there is nothing to unload.",
  };
  ReplyHelp(ctx, "module", kLines);
}

}  // namespace henge::commands
