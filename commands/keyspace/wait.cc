// SPDX-License-Identifier: Apache-2.0
// WAIT and WAITAOF: hold the client until its writes are as safe as it asks, or time is up.
#include <vector>

#include "commands/context.h"
#include "commands/keyspace/handlers.h"

namespace henge::commands {
namespace {

int64_t ReadTimeout(CommandContext& ctx, ArgReader& args) {
  const int64_t timeout_ms = args.IntegerOr("ERR timeout is not an integer or out of range");
  if (args.ok() && timeout_ms < 0) args.Fail("ERR timeout is negative");
  if (args.ok() && timeout_ms > INT64_MAX - ctx.keyspace.now()) {
    args.Fail("ERR timeout is out of range");
  }
  return timeout_ms;
}

}  // namespace

void Wait(CommandContext& ctx, ArgReader& args) {
  const int64_t replicas = args.Integer();
  const int64_t timeout_ms = ReadTimeout(ctx, args);
  if (!args.Done()) return ctx.reply.Error(args.error());
  if (replicas <= 0 || ctx.in_exec) return ctx.reply.Integer(0);
  ctx.services.Block(ctx.client, timeout_ms, [](BlockedReply& reply) {
    if (!reply.by_error()) reply.Integer(0);
  });
}

void WaitAof(CommandContext& ctx, ArgReader& args) {
  const int64_t local = args.Integer();
  if (args.ok() && (local < 0 || local > 1)) {
    args.Fail("ERR value is out of range, value must between 0 and 1");
  }
  const int64_t replicas = args.IntegerIn(0, INT64_MAX, errors::kNotPositive);
  const int64_t timeout_ms = ReadTimeout(ctx, args);
  if (!args.Done()) return ctx.reply.Error(args.error());
  if (local > 0 && !ctx.services.settings().append_only.load(std::memory_order_relaxed)) {
    return ctx.reply.Error(
        "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
  }
  PersistenceService& files = ctx.services.persistence();
  const auto synced = [&files](ClientState& client) {
    return int64_t{files.IsDurable(client) ? 1 : 0};
  };
  if (ctx.in_exec || (replicas == 0 && local <= synced(ctx.client))) {
    ctx.reply.Array(2);
    ctx.reply.Integer(synced(ctx.client));
    return ctx.reply.Integer(0);
  }
  ctx.services.Block(ctx.client, timeout_ms, [synced, &client = ctx.client](BlockedReply& reply) {
    if (!reply.by_error()) reply.Integers({synced(client), 0});
  });
  if (replicas == 0) files.UnblockWhenDurable(ctx.client);
}

}  // namespace henge::commands
