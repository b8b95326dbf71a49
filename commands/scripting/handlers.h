// SPDX-License-Identifier: Apache-2.0
// The handlers of the scripting room; see commands.cc.
#pragma once

#include "commands/context.h"

namespace henge::commands {

void Eval(CommandContext& ctx, ArgReader& args);  // And EVAL_RO.
void EvalSha(CommandContext& ctx, ArgReader& args);

void FunctionCall(CommandContext& ctx, ArgReader& args);  // FCALL and FCALL_RO.

void FunctionDelete(CommandContext& ctx, ArgReader& args);
void FunctionDump(CommandContext& ctx, ArgReader& args);
void FunctionFlush(CommandContext& ctx, ArgReader& args);
void FunctionHelp(CommandContext& ctx, ArgReader& args);
void FunctionKill(CommandContext& ctx, ArgReader& args);
void FunctionList(CommandContext& ctx, ArgReader& args);
void FunctionLoad(CommandContext& ctx, ArgReader& args);
void FunctionRestore(CommandContext& ctx, ArgReader& args);
void FunctionStats(CommandContext& ctx, ArgReader& args);

void ScriptLoad(CommandContext& ctx, ArgReader& args);
void ScriptExists(CommandContext& ctx, ArgReader& args);
void ScriptFlush(CommandContext& ctx, ArgReader& args);
void ScriptKill(CommandContext& ctx, ArgReader& args);
void ScriptDebug(CommandContext& ctx, ArgReader& args);
void ScriptHelp(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
