// SPDX-License-Identifier: Apache-2.0
// The rows of the connection room.
#include <array>

#include "base/strings.h"
#include "commands/command_table.h"
#include "commands/context.h"
#include "commands/transactions/watch.h"

namespace henge::commands {
namespace {

void Ping(CommandContext& ctx, ArgReader& args) {
  if (args.left() > 1) return ctx.reply.Error(errors::WrongArity("ping"));
  args.empty() ? ctx.reply.Simple("PONG") : ctx.reply.Bulk(args.Next());
}

void Echo(CommandContext& ctx, ArgReader& args) { ctx.reply.Bulk(args.Next()); }

void Select(CommandContext& ctx, ArgReader& args) {
  const int64_t db = args.IntegerOr(errors::kInvalidDbIndex);
  if (!args.Done()) return ctx.reply.Error(args.error());
  if (ctx.services.cluster() != nullptr && db != 0) {
    return ctx.reply.Error("ERR SELECT is not allowed in cluster mode");
  }
  if (db < 0 || db >= ctx.keyspace.store().databases()) {
    return ctx.reply.Error(errors::kDbIndexOutOfRange);
  }
  ctx.client.db.store(static_cast<DbIndex>(db), std::memory_order_relaxed);
  ctx.reply.Ok();
}

void Quit(CommandContext& ctx, ArgReader&) {
  ctx.client.close_after_reply = true;
  ctx.reply.Ok();
}

constexpr std::array kCommands = {
    CommandSpec{.name = "ping",
                .arity = -1,
                .flags = kFast,
                .group = Group::kConnection,
                .since = "1.0.0",
                .complexity = "O(1)",
                .summary = "Answers PONG, or its argument.",
                .syntax = "[message]",
                .tips = "request_policy:all_shards response_policy:all_succeeded",
                .handler = Ping},
    CommandSpec{.name = "echo",
                .arity = 2,
                .flags = kFast,
                .group = Group::kConnection,
                .since = "1.0.0",
                .complexity = "O(1)",
                .summary = "Answers its argument.",
                .syntax = "message",
                .handler = Echo},
    CommandSpec{.name = "select",
                .arity = 2,
                .flags = kLoading | kStale | kFast,
                .group = Group::kConnection,
                .since = "1.0.0",
                .complexity = "O(1)",
                .summary = "Changes the connection's database.",
                .syntax = "index",
                .handler = Select},
    CommandSpec{
        .name = "quit",
        .arity = -1,
        .flags = kAllowBusy | kNoScript | kLoading | kStale | kFast | kNoAuth | kRunsInMulti,
        .group = Group::kConnection,
        .since = "1.0.0",
        .complexity = "O(1)",
        .summary = "Closes the connection after the reply.",
        .handler = Quit},
};
static_assert(SpecsAreSound(kCommands));

}  // namespace

std::span<const CommandSpec> ConnectionCommands() { return kCommands; }

}  // namespace henge::commands
