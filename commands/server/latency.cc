// SPDX-License-Identifier: Apache-2.0
#include "commands/server/latency.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "commands/command_table.h"
#include "commands/context.h"
#include "commands/help.h"
#include "commands/server/latency_report.h"

namespace henge::commands {
namespace {

int64_t NowSeconds() { return SystemClock().NowMillis() / 1000; }

const LatencySeries* FindEvent(const LatencyPicture& picture, std::string_view event) {
  const auto found = std::find_if(picture.series.begin(), picture.series.end(),
                                  [event](const auto& series) { return series.event == event; });
  return found == picture.series.end() ? nullptr : &*found;
}

}  // namespace

void LatencyLatest(CommandContext& ctx, ArgReader&) {
  const LatencyPicture picture = ctx.services.stats().Latency();
  ctx.reply.Array(picture.series.size());
  for (const LatencySeries& series : picture.series) {
    ctx.reply.Array(4);
    ctx.reply.Bulk(series.event);
    ctx.reply.Integer(series.samples.back().unix_seconds);
    ctx.reply.Integer(series.samples.back().ms);
    ctx.reply.Integer(series.max_ms);
  }
}

void LatencyHistory(CommandContext& ctx, ArgReader& args) {
  const LatencyPicture picture = ctx.services.stats().Latency();
  const LatencySeries* series = FindEvent(picture, args.Next());
  if (series == nullptr) return ctx.reply.Array(0);
  ctx.reply.Array(series->samples.size());
  for (const LatencySample& sample : series->samples) {
    ctx.reply.Array(2);
    ctx.reply.Integer(sample.unix_seconds);
    ctx.reply.Integer(sample.ms);
  }
}

void LatencyResetEvents(CommandContext& ctx, ArgReader& args) {
  int64_t forgotten = 0;
  if (args.empty()) forgotten = ctx.services.stats().LatencyReset({});
  while (!args.empty()) {
    const std::string_view event = args.Next();
    if (!event.empty()) forgotten += ctx.services.stats().LatencyReset(event);
  }
  ctx.reply.Integer(forgotten);
}

void LatencyGraph(CommandContext& ctx, ArgReader& args) {
  const std::string_view event = args.Next();
  const LatencyPicture picture = ctx.services.stats().Latency();
  const LatencySeries* series = FindEvent(picture, event);
  if (series == nullptr) {
    return ctx.reply.Error("ERR No samples available for event '" + std::string(event) + "'");
  }
  ctx.reply.Verbatim("txt", LatencyGraphText(*series, NowSeconds()));
}

void LatencyDoctor(CommandContext& ctx, ArgReader&) {
  ctx.reply.Verbatim("txt", LatencyDoctorText(ctx.services.stats().Latency(), NowSeconds()));
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

void LatencyHelp(CommandContext& ctx, ArgReader&) {
  static constexpr std::string_view kLines[] = {
      "DOCTOR",
      "    Judge what the latency monitor saw and tell what may help.",
      "GRAPH <event>",
      "    Draw the event's latencies.",
      "HISTORY <event>",
      "    Show the event's samples: time and milliseconds.",
      "LATEST",
      "    Show the newest sample of each event.",
      "RESET [<event> ...]",
      "    Forget the samples of these events, or of all.",
      "HISTOGRAM [<command> ...]",
      "    Show how the latencies of these commands, or of all, are distributed.",
  };
  ReplyHelp(ctx, "latency", kLines);
}

}  // namespace henge::commands
