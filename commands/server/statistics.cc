// SPDX-License-Identifier: Apache-2.0
#include "commands/server/statistics.h"

#include "base/clock.h"
#include "commands/context.h"
#include "commands/help.h"
#include "commands/scripting/admission.h"
#include "commands/scripting/script_run.h"

namespace henge::commands {

void Info(CommandContext& ctx, ArgReader& args) {
  std::vector<std::string> sections;
  while (!args.empty()) sections.emplace_back(args.Next());
  ctx.reply.Verbatim("txt", ctx.services.stats().Info(sections));
}

void SlowlogGet(CommandContext& ctx, ArgReader& args) {
  if (args.left() > 1) return ctx.reply.Error(errors::SubcommandSyntax(ctx.argv[1], "slowlog"));
  int64_t count = 10;
  if (!args.empty()) {
    count = args.IntegerIn(-1, INT64_MAX, "ERR count should be greater than or equal to -1");
  }
  if (!args.Done()) return ctx.reply.Error(args.error());
  const auto entries = ctx.services.stats().Slowlog(count);
  ctx.reply.Array(entries.size());
  for (const SlowlogEntry& entry : entries) {
    ctx.reply.Array(6);
    ctx.reply.Integer(entry.id);
    ctx.reply.Integer(entry.unix_seconds);
    ctx.reply.Integer(entry.micros);
    ctx.reply.Array(entry.args.size());
    for (const std::string& arg : entry.args) ctx.reply.Bulk(arg);
    ctx.reply.Bulk(entry.client_address);
    ctx.reply.Bulk(entry.client_name);
  }
}

void SlowlogLen(CommandContext& ctx, ArgReader&) {
  ctx.reply.Integer(ctx.services.stats().SlowlogLength());
}

void SlowlogReset(CommandContext& ctx, ArgReader&) {
  ctx.services.stats().SlowlogReset();
  ctx.reply.Ok();
}

void SlowlogHelp(CommandContext& ctx, ArgReader&) {
  static constexpr std::string_view kLines[] = {
      "GET [<count>]",
      "    The newest entries (10 unless told, -1 for all): id, time, microseconds, arguments, "
      "client address, client name.",
      "LEN",
      "    How many entries there are.",
      "RESET",
      "    Forget them all."};
  ReplyHelp(ctx, "slowlog", kLines);
}

void Time(CommandContext& ctx, ArgReader&) {
  scripting::ScriptRun* script = scripting::ScriptOf(ctx);
  // In a script time stands still.
  const int64_t now_us =
      script != nullptr && script->time_us != 0 ? script->time_us : SystemClock().NowMicros();
  if (script != nullptr) script->time_us = now_us;
  ctx.reply.Array(2);
  ctx.reply.BulkInteger(now_us / 1'000'000);
  ctx.reply.BulkInteger(now_us % 1'000'000);
}

}  // namespace henge::commands
