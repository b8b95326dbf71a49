// SPDX-License-Identifier: Apache-2.0
// WAIT and WAITAOF: hold the client until its writes are as safe as it asks, or time is up.
#include <vector>

#include "commands/context.h"
#include "commands/keyspace/handlers.h"

namespace henge::commands {
namespace {

constexpr std::string_view kWaitOnFollower =
    "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a "
    "replica is configured to be writable (which is not the default) writes to replicas are just "
    "local and are not propagated.";
constexpr std::string_view kWaitAofOnFollower =
    "ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas "
    "are just local and are not propagated.";

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
  ReplicationService& replication = ctx.services.replication();
  if (replication.Follows()) return ctx.reply.Error(kWaitOnFollower);
  if (!args.Done()) return ctx.reply.Error(args.error());
  const int64_t there = replication.CountFollowers(ctx.client, /*durable=*/false);
  if (there >= replicas || ctx.in_exec) return ctx.reply.Integer(there);
  ctx.services.Block(ctx.client, timeout_ms,
                     [&replication, &client = ctx.client](BlockedReply& reply) {
                       if (!reply.by_error())
                         reply.Integer(replication.CountFollowers(client, false));
                     });
  replication.UnblockWhenReached(ctx.client, {.followers = replicas});
}

void WaitAof(CommandContext& ctx, ArgReader& args) {
  const int64_t local = args.Integer();
  if (args.ok() && (local < 0 || local > 1)) {
    args.Fail("ERR value is out of range, value must between 0 and 1");
  }
  const int64_t replicas = args.IntegerIn(0, INT64_MAX, errors::kNotPositive);
  const int64_t timeout_ms = ReadTimeout(ctx, args);
  if (!args.Done()) return ctx.reply.Error(args.error());
  ReplicationService& replication = ctx.services.replication();
  if (replication.Follows()) return ctx.reply.Error(kWaitAofOnFollower);
  if (local > 0 && !ctx.services.settings().append_only.load(std::memory_order_relaxed)) {
    return ctx.reply.Error(errors::kWaitAofWithoutFile);
  }
  PersistenceService& files = ctx.services.persistence();
  const auto synced = [&files](ClientState& client) {
    return int64_t{files.IsDurable(client) ? 1 : 0};
  };
  const auto there = [&replication](ClientState& client) {
    return replication.CountFollowers(client, /*durable=*/true);
  };
  if (ctx.in_exec || (there(ctx.client) >= replicas && synced(ctx.client) >= local)) {
    ctx.reply.Array(2);
    ctx.reply.Integer(synced(ctx.client));
    return ctx.reply.Integer(there(ctx.client));
  }
  ctx.services.Block(ctx.client, timeout_ms,
                     [synced, there, &client = ctx.client](BlockedReply& reply) {
                       if (!reply.by_error()) reply.Integers({synced(client), there(client)});
                     });
  replication.UnblockWhenReached(ctx.client,
                                 {.followers = replicas, .durable = true, .local = local > 0});
}

}  // namespace henge::commands
