// SPDX-License-Identifier: Apache-2.0
#include "commands/server/config.h"

#include <string>
#include <vector>

#include "commands/context.h"
#include "commands/help.h"

namespace henge::commands {
namespace {

constexpr size_t kWordsBefore = 2;  // CONFIG SET

void ReplyOkOr(CommandContext& ctx, const std::string& error) {
  error.empty() ? ctx.reply.Ok() : ctx.reply.Error(error);
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
  std::vector<ConfigService::NameValue> values;
  while (!args.empty()) {
    std::string name(args.Next());
    if (ctx.services.config().IsSecret(name)) ctx.Redact(args.position() + kWordsBefore);
    values.emplace_back(std::move(name), args.Next());
  }
  ReplyOkOr(ctx, ctx.services.config().Set(values, ctx.client));
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
