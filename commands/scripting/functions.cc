// SPDX-License-Identifier: Apache-2.0
// FCALL, FCALL_RO and FUNCTION.
#include <fmt/format.h>

#include "base/glob.h"
#include "commands/help.h"
#include "commands/scripting/admission.h"
#include "commands/scripting/engine.h"
#include "commands/scripting/handlers.h"
#include "persistence/api.h"

namespace henge::commands {
namespace {

using scripting::FunctionEngine;
using scripting::Library;
using scripting::LibraryRef;
using scripting::LibraryRegistry;
using scripting::ScriptRun;

LibraryRegistry& Libraries(CommandContext& ctx) { return ctx.services.scripting().libraries(); }

// Tells of a change of the libraries, which is none of the keys.
void Changed(CommandContext& ctx) { ctx.effects.Always(); }

}  // namespace

void FunctionCall(CommandContext& ctx, ArgReader& args) {
  const std::string_view name = args.Next();
  scripting::Engine* engine = ctx.services.scripting().EngineOf(ctx.client);
  if (engine == nullptr) return ctx.reply.Error("ERR Functions can't be called here");
  const FunctionEngine::Callable* callable = engine->functions.Find(name, ctx.reply);
  if (callable == nullptr) return;
  const auto arguments =
      scripting::ReadScriptArguments(ctx, args, "ERR Bad number of keys provided");
  if (!arguments) return;
  ScriptRun run{ctx, callable->function->name};
  run.eval = false;
  if (!scripting::Admit(run, callable->function->flags, *arguments)) return;
  engine->functions.Run(run, *callable, *arguments);
}

void FunctionLoad(CommandContext& ctx, ArgReader& args) {
  auto on_collision = LibraryRegistry::OnCollision::kRefuse;
  while (args.left() > 1) {
    if (!args.Accept("REPLACE")) {
      return ctx.reply.Error(fmt::format("ERR Unknown option given: {}", args.Next()));
    }
    on_collision = LibraryRegistry::OnCollision::kReplace;
  }
  if (args.empty()) return ctx.reply.Error("ERR Function code is missing");
  // What is replayed has been loaded before, however long that took.
  const bool limited = ctx.client.id != 0;
  const auto library = FunctionEngine::Examine(ctx.services.scripting(), args.Next(), limited);
  if (!library.ok()) return ctx.reply.Error(Std(library.status().message()));
  if (on_collision == LibraryRegistry::OnCollision::kRefuse &&
      Libraries(ctx).Has((*library)->name)) {
    return ctx.reply.Error(fmt::format("ERR Library '{}' already exists", (*library)->name));
  }
  const std::string refusal = Libraries(ctx).Add({*library}, on_collision);
  if (!refusal.empty()) return ctx.reply.Error(refusal);
  Changed(ctx);
  ctx.reply.Bulk((*library)->name);
}

void FunctionDelete(CommandContext& ctx, ArgReader& args) {
  if (!Libraries(ctx).Delete(args.Next())) return ctx.reply.Error("ERR Library not found");
  Changed(ctx);
  ctx.reply.Ok();
}

void FunctionFlush(CommandContext& ctx, ArgReader& args) {
  if (args.left() > 1) return ctx.reply.Error(errors::SubcommandSyntax(ctx.argv[1], "function"));
  if (!args.empty() && !args.Accept("SYNC") && !args.Accept("ASYNC")) {
    return ctx.reply.Error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
  }
  Libraries(ctx).Flush();
  Changed(ctx);
  ctx.reply.Ok();
}

namespace {

void ReplyFunction(proto::ReplyWriter& reply, const scripting::Function& function) {
  reply.Map(3);
  reply.Bulk("name");
  reply.Bulk(function.name);
  reply.Bulk("description");
  function.description ? reply.Bulk(*function.description) : reply.Null();
  reply.Bulk("flags");
  size_t count = 0;
  for (uint32_t i = 0; i < scripting::kNamedScriptFlags; ++i) count += function.flags >> i & 1;
  reply.Set(count);
  for (uint32_t i = 0; i < scripting::kNamedScriptFlags; ++i) {
    if ((function.flags >> i & 1) != 0) reply.Simple(scripting::ScriptFlagName(1u << i));
  }
}

}  // namespace

void FunctionList(CommandContext& ctx, ArgReader& args) {
  bool with_code = false;
  std::optional<std::string_view> pattern;
  while (!args.empty()) {
    if (!with_code && args.Accept("WITHCODE")) {
      with_code = true;
    } else if (!pattern && args.Accept("LIBRARYNAME")) {
      if (args.empty()) return ctx.reply.Error("ERR library name argument was not given");
      pattern = args.Next();
    } else {
      return ctx.reply.Error(fmt::format("ERR Unknown argument {}", args.Next()));
    }
  }
  std::vector<LibraryRef> libraries = Libraries(ctx).All();
  if (pattern) {
    std::erase_if(libraries, [&](const LibraryRef& library) {
      return !GlobMatch(*pattern, library->name, /*ignore_case=*/true);
    });
  }
  ctx.reply.Array(libraries.size());
  for (const LibraryRef& library : libraries) {
    ctx.reply.Map(with_code ? 4 : 3);
    ctx.reply.Bulk("library_name");
    ctx.reply.Bulk(library->name);
    ctx.reply.Bulk("engine");
    ctx.reply.Bulk("LUA");
    ctx.reply.Bulk("functions");
    ctx.reply.Array(library->functions.size());
    for (const scripting::Function& function : library->functions) {
      ReplyFunction(ctx.reply, function);
    }
    if (!with_code) continue;
    ctx.reply.Bulk("library_code");
    ctx.reply.Bulk(library->code);
  }
}

void FunctionStats(CommandContext& ctx, ArgReader&) {
  const auto running = ctx.services.scripting().Running();
  if (running && running->script) {
    return ctx.reply.Error(
        "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.");
  }
  ctx.reply.Map(2);
  ctx.reply.Bulk("running_script");
  if (!running) {
    ctx.reply.Null();
  } else {
    ctx.reply.Map(3);
    ctx.reply.Bulk("name");
    ctx.reply.Bulk(running->name);
    ctx.reply.Bulk("command");
    ctx.reply.Array(running->command.size());
    for (const std::string& word : running->command) ctx.reply.Bulk(word);
    ctx.reply.Bulk("duration_ms");
    ctx.reply.Integer(running->ms);
  }
  ctx.reply.Bulk("engines");
  ctx.reply.Map(1);
  ctx.reply.Bulk("LUA");
  ctx.reply.Map(2);
  ctx.reply.Bulk("libraries_count");
  ctx.reply.Integer(static_cast<int64_t>(Libraries(ctx).libraries()));
  ctx.reply.Bulk("functions_count");
  ctx.reply.Integer(static_cast<int64_t>(Libraries(ctx).functions()));
}

void FunctionKill(CommandContext& ctx, ArgReader&) {
  const std::string_view refusal = ctx.services.scripting().Kill(false);
  refusal.empty() ? ctx.reply.Ok() : ctx.reply.Error(refusal);
}

void FunctionDump(CommandContext& ctx, ArgReader&) {
  std::vector<std::string_view> codes;
  const std::vector<LibraryRef> libraries = Libraries(ctx).All();
  for (const LibraryRef& library : libraries) codes.push_back(library->code);
  const CommandSettings& settings = ctx.services.settings();
  ctx.reply.Bulk(persistence::DumpFunctions(
      codes, {.version = static_cast<int>(settings.rdb_version.load(std::memory_order_relaxed)),
              .compress = settings.rdb_compression.load(std::memory_order_relaxed)}));
}

void FunctionRestore(CommandContext& ctx, ArgReader& args) {
  const std::string_view payload = args.Next();
  if (args.left() > 1) return ctx.reply.Error(errors::SubcommandSyntax(ctx.argv[1], "function"));
  const bool flush = args.Accept("FLUSH");
  const bool replace = !flush && args.Accept("REPLACE");
  if (!flush && !replace && !args.empty() && !args.Accept("APPEND")) {
    return ctx.reply.Error(
        "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.");
  }
  const auto unsealed = persistence::Unseal(payload);
  if (!unsealed) return ctx.reply.Error(errors::kDumpSeal);
  const auto codes = persistence::LoadFunctions(unsealed->value);
  if (!codes.ok()) return ctx.reply.Error(Std(codes.status().message()));
  std::vector<LibraryRef> libraries;
  LibraryRegistry alone;
  for (const std::string& code : *codes) {
    const auto library = FunctionEngine::Examine(ctx.services.scripting(), code, false);
    if (!library.ok()) return ctx.reply.Error(Std(library.status().message()));
    libraries.push_back(*library);
    const std::string refusal = alone.Add({*library}, LibraryRegistry::OnCollision::kRefuse);
    if (!refusal.empty()) return ctx.reply.Error(refusal);
  }
  if (flush) {
    Libraries(ctx).ReplaceAll(libraries);
  } else {
    const std::string refusal =
        Libraries(ctx).Add(libraries, replace ? LibraryRegistry::OnCollision::kReplace
                                              : LibraryRegistry::OnCollision::kRefuse);
    if (!refusal.empty()) return ctx.reply.Error(refusal);
  }
  Changed(ctx);
  ctx.reply.Ok();
}

void FunctionHelp(CommandContext& ctx, ArgReader&) {
  static constexpr std::string_view kLines[] = {
      "DELETE <LIBRARY NAME>",
      "    Deletes a library and its functions.",
      "DUMP",
      "    Gives all libraries as a payload for FUNCTION RESTORE.",
      "FLUSH [ASYNC|SYNC]",
      "    Deletes all libraries.",
      "KILL",
      "    Ends the function that runs.",
      "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
      "    Tells of all libraries: their names and functions, and their code on demand.",
      "LOAD [REPLACE] <FUNCTION CODE>",
      "    Makes a library of code, whose first line names it: #!lua name=mylib",
      "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
      "    Loads the libraries of a payload. What is there already:",
      "    * FLUSH: goes.",
      "    * APPEND: stays, and a library of the same name makes the command fail (default).",
      "    * REPLACE: makes way where the name is the same.",
      "STATS",
      "    Tells which function runs now, and what each engine holds.",
  };
  ReplyHelp(ctx, "FUNCTION", kLines);
}

}  // namespace henge::commands
