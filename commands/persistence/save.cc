// SPDX-License-Identifier: Apache-2.0
#include "commands/context.h"
#include "commands/persistence/handlers.h"

namespace henge::commands {
namespace {

constexpr std::string_view kSaving = "ERR Background save already in progress";

}  // namespace

void Save(CommandContext& ctx, ArgReader&) {
  // The reply follows when the file is there; nobody else waits.
  if (!ctx.services.persistence().Save(ctx.client)) ctx.reply.Error(kSaving);
}

namespace {

void CancelSave(CommandContext& ctx) {
  using Cancelled = PersistenceService::SaveCancelled;
  switch (ctx.services.persistence().CancelSave()) {
    case Cancelled::kRunning:
      return ctx.reply.Simple("Background saving cancelled");
    case Cancelled::kScheduled:
      return ctx.reply.Simple("Scheduled background saving cancelled");
    case Cancelled::kNothing:
      return ctx.reply.Error("ERR Background saving is currently not in progress or scheduled");
  }
}

}  // namespace

void BgSave(CommandContext& ctx, ArgReader& args) {
  const bool later = args.Accept("SCHEDULE");
  const bool cancel = !later && args.Accept("CANCEL");
  if (!args.empty()) args.FailSyntax();
  if (!args.Done()) return ctx.reply.Error(args.error());
  if (cancel) return CancelSave(ctx);
  PersistenceService& files = ctx.services.persistence();
  if (files.Rewriting() && !later && !ctx.in_exec) {
    return ctx.reply.Error(
        "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE "
        "in "
        "order to schedule a BGSAVE whenever possible.");
  }
  if (ctx.in_exec || files.Rewriting()) {  // What else the transaction does belongs to it.
    files.StartSave(/*later=*/true);
    return ctx.reply.Simple("Background saving scheduled");
  }
  if (!files.StartSave(/*later=*/false)) return ctx.reply.Error(kSaving);
  ctx.reply.Simple("Background saving started");
}

void BgRewriteAof(CommandContext& ctx, ArgReader&) {
  switch (ctx.services.persistence().StartRewrite()) {
    case PersistenceService::RewriteStart::kStarted:
      return ctx.reply.Simple("Background append only file rewriting started");
    case PersistenceService::RewriteStart::kScheduled:
      return ctx.reply.Simple("Background append only file rewriting scheduled");
    case PersistenceService::RewriteStart::kBusy:
      return ctx.reply.Error("ERR Background append only file rewriting already in progress");
  }
}

void LastSave(CommandContext& ctx, ArgReader&) {
  ctx.reply.Integer(ctx.services.persistence().LastSave());
}

void DebugReload(CommandContext& ctx, ArgReader& args) {
  PersistenceService::ReloadOptions options;
  while (!args.empty()) {
    if (args.Accept("NOSAVE")) {
      options.save = false;
    } else if (args.Accept("NOFLUSH")) {
      options.flush = false;
    } else if (args.Accept("MERGE")) {
      options.merge = true;
    } else {
      return ctx.reply.Error(
          "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
    }
  }
  const std::string error = ctx.services.persistence().Reload(ctx, options);
  if (error.empty()) return ctx.reply.Ok();
  ctx.reply.Error(error);
}

void DebugLoadAof(CommandContext& ctx, ArgReader&) {
  const std::string error = ctx.services.persistence().LoadAppendOnlyFile(ctx);
  if (error.empty()) return ctx.reply.Ok();
  ctx.reply.Error(error);
}

}  // namespace henge::commands
