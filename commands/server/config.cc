// SPDX-License-Identifier: Apache-2.0
#include "commands/server/config.h"

#include <string>
#include <vector>

#include "commands/cluster/outcome.h"
#include "commands/context.h"
#include "commands/help.h"

namespace henge::commands {
namespace {

constexpr size_t kWordsBefore = 2;  // CONFIG SET
// For the others to agree on what a node tells of itself; those who don't by then hear of it later.
constexpr int64_t kAnnouncePatienceMs = 500;

void ReplyOkOr(CommandContext& ctx, const std::string& error) {
  error.empty() ? ctx.reply.Ok() : ctx.reply.Error(error);
}

void Announce(CommandContext& ctx) {
  ConfigService& config = ctx.services.config();
  cluster::ClusterView* view = ctx.services.cluster();
  if (view == nullptr || ctx.in_exec) {
    config.Announce([](const absl::Status&) {});
    return ctx.reply.Ok();
  }
  ReplyWhenDone(
      ctx, *view, [&](cluster::ProposalDone done) { config.Announce(std::move(done)); },
      [](const absl::Status&) { return Answer{.text = "OK"}; }, kAnnouncePatienceMs);
}

}  // namespace

void ConfigGet(CommandContext& ctx, ArgReader& args) {
  std::vector<std::string> patterns;
  while (!args.empty()) patterns.emplace_back(args.Next());
  const auto values = ctx.services.config().Get(patterns);
  ctx.reply.Map(values.size());
  for (const auto& [name, value] : values) {
    ctx.reply.Bulk(name);
    ctx.reply.Bulk(value);
  }
}

void ConfigSet(CommandContext& ctx, ArgReader& args) {
  if (args.left() % 2 != 0) return ctx.reply.Error(errors::kSyntax);
  ConfigService& config = ctx.services.config();
  std::vector<ConfigService::NameValue> values;
  bool announced = false;
  while (!args.empty()) {
    std::string name(args.Next());
    if (config.IsSecret(name)) ctx.Redact(args.position() + kWordsBefore);
    announced = announced || config.IsAnnounced(name);
    values.emplace_back(std::move(name), args.Next());
  }
  const std::string error = config.Set(values, ctx.client);
  announced&& error.empty() ? Announce(ctx) : ReplyOkOr(ctx, error);
}

void ConfigRewrite(CommandContext& ctx, ArgReader&) {
  ReplyOkOr(ctx, ctx.services.config().Rewrite());
}

void ConfigResetStat(CommandContext& ctx, ArgReader&) {
  ctx.services.config().ResetStats();
  ctx.reply.Ok();
}

void ConfigHelp(CommandContext& ctx, ArgReader&) {
  static constexpr std::string_view kLines[] = {
      "GET <pattern> [<pattern> ...]",
      "    Show the parameters whose names match a pattern.",
      "SET <parameter> <value> [<parameter> <value> ...]",
      "    Set parameters, all or none.",
      "RESETSTAT",
      "    Set the counters that INFO shows to zero.",
      "REWRITE",
      "    Write the parameters to the configuration file.",
  };
  ReplyHelp(ctx, "CONFIG", kLines);
}

}  // namespace henge::commands
