// SPDX-License-Identifier: Apache-2.0
// What is checked before a script or function runs.
#pragma once

#include <optional>
#include <string_view>

#include "commands/context.h"
#include "commands/scripting/interpreter.h"
#include "commands/scripting/script_run.h"

namespace henge::commands::scripting {

// Reads `numkeys key … arg …`; `not_a_number` is the error's text where numkeys is none. Replies
// and returns nothing where they are wrong.
std::optional<Interpreter::Arguments> ReadScriptArguments(CommandContext& ctx, ArgReader& args,
                                                          std::string_view not_a_number);

// The script or function that makes the call; null if none does.
ScriptRun* ScriptOf(CommandContext& ctx);
inline bool InScript(CommandContext& ctx) { return ScriptOf(ctx) != nullptr; }

// Whether a script with these flags may run now, called as it is: if so, `run` says what it may do.
// Replies if not.
bool Admit(ScriptRun& run, uint32_t flags, const Interpreter::Arguments& arguments);

}  // namespace henge::commands::scripting
