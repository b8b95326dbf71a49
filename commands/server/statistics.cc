// SPDX-License-Identifier: Apache-2.0
#include "commands/server/statistics.h"

#include <array>

#include "base/clock.h"
#include "commands/command_table.h"
#include "commands/context.h"
#include "commands/help.h"

namespace henge::commands {

void Info(CommandContext& ctx, ArgReader& args) {
  std::vector<std::string> sections;
  while (!args.empty()) sections.emplace_back(args.Next());
  ctx.reply.Verbatim("txt", ctx.services.stats().Info(sections));
}

void SlowlogGet(CommandContext& ctx, ArgReader& args) {
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
  static constexpr std::array<std::string_view, 6> kLines = {
      "GET [<count>]",
      "    The newest entries (10 unless told, -1 for all): id, time, microseconds, arguments, "
      "client address, client name.",
      "LEN",
      "    How many entries there are.",
      "RESET",
      "    Forget them all."};
  ReplyHelp(ctx, "slowlog", kLines);
}

void LatencyHistogramOf(CommandContext& ctx, ArgReader& args) {
  std::vector<std::pair<std::string_view, LatencyHistogram>> found;
  const auto add = [&](const CommandInfo& info) {
    if (auto histogram = ctx.services.stats().CommandLatency(info.full_name)) {
      found.emplace_back(info.full_name, std::move(*histogram));
    }
  };
  const CommandTable& table = CommandTable::Get();
  if (args.empty()) {
    for (const CommandInfo& info : table.all()) add(info);
  }
  while (!args.empty()) {
    const CommandInfo* info = table.Find(args.Next());
    if (info == nullptr) continue;
    add(*info);
    if (info->spec->subcommands.empty()) continue;
    for (const CommandInfo& sub : table.all()) {
      if (sub.container == info->spec) add(sub);
    }
  }
  ctx.reply.Map(found.size());
  for (const auto& [name, histogram] : found) {
    ctx.reply.Bulk(name);
    ctx.reply.Map(2);
    ctx.reply.Bulk("calls");
    ctx.reply.Integer(static_cast<int64_t>(histogram.calls));
    ctx.reply.Bulk("histogram_usec");
    ctx.reply.Map(histogram.cumulative.size());
    for (const auto& [bound, count] : histogram.cumulative) {
      ctx.reply.Integer(static_cast<int64_t>(bound));
      ctx.reply.Integer(static_cast<int64_t>(count));
    }
  }
}

void Time(CommandContext& ctx, ArgReader&) {
  const int64_t now_us = SystemClock().NowMicros();
  ctx.reply.Array(2);
  ctx.reply.BulkInteger(now_us / 1'000'000);
  ctx.reply.BulkInteger(now_us % 1'000'000);
}

}  // namespace henge::commands
