// SPDX-License-Identifier: Apache-2.0
// EVAL, EVALSHA and their read-only forms.
#include "commands/scripting/admission.h"
#include "commands/scripting/engine.h"
#include "commands/scripting/handlers.h"

namespace henge::commands {
namespace {

using scripting::ScriptEngine;
using scripting::ScriptRun;

using Finder = const ScriptEngine::Compiled* (ScriptEngine::*)(std::string_view,
                                                               proto::ReplyWriter&);

void RunScript(CommandContext& ctx, ArgReader& args, Finder find) {
  const std::string_view what = args.Next();
  const auto arguments = scripting::ReadScriptArguments(ctx, args, errors::kNotInteger);
  if (!arguments) return;
  scripting::Engine* engine = ctx.services.scripting().EngineOf(ctx.client);
  if (engine == nullptr) return ctx.reply.Error("ERR Scripts can't be run here");
  const ScriptEngine::Compiled* compiled = (engine->scripts.*find)(what, ctx.reply);
  if (compiled == nullptr) return;
  const scripting::Script& script = *compiled->script;
  ScriptRun run{ctx, script.sha};
  if (!scripting::Admit(run, script.flags, *arguments)) return;
  engine->scripts.Run(run, *compiled, *arguments);
}

}  // namespace

void Eval(CommandContext& ctx, ArgReader& args) { RunScript(ctx, args, &ScriptEngine::OfSource); }
void EvalSha(CommandContext& ctx, ArgReader& args) {
  RunScript(ctx, args, &ScriptEngine::OfDigest);
}

}  // namespace henge::commands
