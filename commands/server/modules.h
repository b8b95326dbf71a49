// SPDX-License-Identifier: Apache-2.0
// Handlers of MODULE. Henge loads no modules: it says so as Redis says that it could not, so that
// tools which look for modules go on.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

void ModuleList(CommandContext& ctx, ArgReader& args);
void ModuleLoad(CommandContext& ctx, ArgReader& args);  // LOADEX, too.
void ModuleUnload(CommandContext& ctx, ArgReader& args);
void ModuleHelp(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
