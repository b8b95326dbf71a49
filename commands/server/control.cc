// SPDX-License-Identifier: Apache-2.0
#include "commands/server/control.h"

#include "commands/context.h"
#include "commands/scripting/script_host.h"

namespace henge::commands {

void Shutdown(CommandContext& ctx, ArgReader& args) {
  ControlService::ShutdownOptions options;
  bool abort = false;
  while (args.ok() && !args.empty()) {
    if (args.Accept("NOSAVE")) {
      options.no_save = true;
    } else if (args.Accept("SAVE")) {
      options.save = true;
    } else if (args.Accept("NOW")) {
      options.now = true;
    } else if (args.Accept("FORCE")) {
      options.force = true;
    } else if (args.Accept("ABORT")) {
      abort = true;
    } else {
      args.FailSyntax();
    }
  }
  const bool others = options.no_save || options.save || options.now || options.force;
  if ((abort && others) || (options.no_save && options.save)) args.FailSyntax();
  if (!args.Done()) return ctx.reply.Error(args.error());
  if (abort) {
    if (ctx.services.control().AbortShutdown()) return ctx.reply.Ok();
    return ctx.reply.Error("ERR No shutdown in progress.");
  }
  if (!options.no_save && ctx.services.scripting().Running()) {
    return ctx.reply.Error(ctx.services.scripting().BusyText());
  }
  ctx.services.control().Shutdown(ctx.client, options);
}

void Monitor(CommandContext& ctx, ArgReader&) {
  // What comes of it are no replies, and a transaction has room for a reply per command only.
  if (ctx.in_exec) return ctx.reply.Error("ERR MONITOR isn't allowed for DENY BLOCKING client");
  if (ctx.client.monitor.load(std::memory_order_relaxed)) return;
  ctx.services.clients().SetMonitor(ctx.client, true);
  ctx.reply.Ok();
}

}  // namespace henge::commands
