// SPDX-License-Identifier: Apache-2.0
// DEBUG: what test suites and developers ask of a server and users should not. Permitted by
// enable-debug-command only.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

void Debug(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
