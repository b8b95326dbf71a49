// SPDX-License-Identifier: Apache-2.0
// SCRIPT: the cache of scripts.
#include "commands/help.h"
#include "commands/scripting/engine.h"
#include "commands/scripting/handlers.h"

namespace henge::commands {

void ScriptLoad(CommandContext& ctx, ArgReader& args) {
  scripting::Engine* engine = ctx.services.scripting().EngineOf(ctx.client);
  if (engine == nullptr) return ctx.reply.Error("ERR Scripts can't be loaded here");
  const auto* compiled = engine->scripts.OfSource(args.Next(), ctx.reply);
  if (compiled != nullptr) ctx.reply.Bulk(compiled->script->sha);
}

void ScriptExists(CommandContext& ctx, ArgReader& args) {
  const scripting::ScriptCache& cache = ctx.services.scripting().cache();
  ctx.reply.Array(args.left());
  while (!args.empty()) ctx.reply.Integer(cache.Find(args.Next()) != nullptr ? 1 : 0);
}

void ScriptFlush(CommandContext& ctx, ArgReader& args) {
  // Either way it is done at once, but for what each worker lets go of soon.
  if (args.left() > 1 || (!args.empty() && !args.Accept("SYNC") && !args.Accept("ASYNC"))) {
    return ctx.reply.Error("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
  }
  ctx.services.scripting().FlushScripts();
  ctx.reply.Ok();
}

void ScriptKill(CommandContext& ctx, ArgReader&) {
  const std::string_view refusal = ctx.services.scripting().Kill(true);
  refusal.empty() ? ctx.reply.Ok() : ctx.reply.Error(refusal);
}

void ScriptDebug(CommandContext& ctx, ArgReader& args) {
  if (args.Accept("NO")) return ctx.reply.Ok();
  if (args.Accept("YES") || args.Accept("SYNC")) {
    return ctx.reply.Error("ERR Henge has no debugger for scripts");
  }
  ctx.reply.Error("ERR Use SCRIPT DEBUG YES/SYNC/NO");
}

void ScriptHelp(CommandContext& ctx, ArgReader&) {
  static constexpr std::string_view kLines[] = {
      "DEBUG (YES|SYNC|NO)",
      "    Sets the debug mode of the scripts that follow.",
      "EXISTS <sha1> [<sha1> ...]",
      "    Tells which of the scripts are in the cache.",
      "FLUSH [ASYNC|SYNC]",
      "    Empties the cache. Clients that count on it must load their scripts again.",
      "KILL",
      "    Ends the script that runs.",
      "LOAD <script>",
      "    Puts a script into the cache without running it.",
  };
  ReplyHelp(ctx, "SCRIPT", kLines);
}

}  // namespace henge::commands
