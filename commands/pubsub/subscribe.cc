// SPDX-License-Identifier: Apache-2.0
// SUBSCRIBE and its kin: each name is answered by a push of its own.
#include <optional>
#include <string>

#include "commands/context.h"
#include "commands/pubsub/handlers.h"
#include "pubsub/exchange.h"

namespace henge::commands {
namespace {

using pubsub::Kind;

// How many subscriptions the answers count: shard channels are counted by themselves.
int64_t Counted(const pubsub::Subscriber& subscriber, Kind kind) {
  if (kind == Kind::kShardChannel) return static_cast<int64_t>(subscriber.count(kind));
  return static_cast<int64_t>(subscriber.count(Kind::kChannel) + subscriber.count(Kind::kPattern));
}

void Tell(CommandContext& ctx, std::string_view what, std::optional<std::string_view> name,
          Kind kind) {
  ctx.reply.Push(3);
  ctx.reply.Bulk(what);
  name ? ctx.reply.Bulk(*name) : ctx.reply.Null();
  ctx.reply.Integer(Counted(*ctx.client.subscriber, kind));
}

void SubscribeTo(CommandContext& ctx, ArgReader& args, Kind kind, std::string_view word) {
  while (!args.empty()) {
    const std::string_view name = args.Next();
    ctx.services.exchange().Subscribe(*ctx.client.subscriber, kind, name);
    Tell(ctx, word, name, kind);
  }
  CountSubscriptions(ctx.client);
}

void Leave(CommandContext& ctx, Kind kind, std::string_view name, std::string_view word) {
  ctx.services.exchange().Unsubscribe(*ctx.client.subscriber, kind, name);
  Tell(ctx, word, name, kind);
}

void UnsubscribeFrom(CommandContext& ctx, ArgReader& args, Kind kind, std::string_view word) {
  pubsub::Subscriber& subscriber = *ctx.client.subscriber;
  if (!args.empty()) {
    while (!args.empty()) Leave(ctx, kind, args.Next(), word);
  } else if (subscriber.count(kind) == 0) {
    Tell(ctx, word, std::nullopt, kind);
  } else {
    for (const std::string& name : ctx.services.exchange().NamesOf(subscriber, kind)) {
      Leave(ctx, kind, name, word);
    }
  }
  CountSubscriptions(ctx.client);
}

}  // namespace

void CountSubscriptions(ClientState& client) {
  const auto count = [&](Kind kind) { return static_cast<int>(client.subscriber->count(kind)); };
  client.channels.store(count(Kind::kChannel), std::memory_order_relaxed);
  client.patterns.store(count(Kind::kPattern), std::memory_order_relaxed);
  client.shard_channels.store(count(Kind::kShardChannel), std::memory_order_relaxed);
}

void UnsubscribeFromAll(CommandContext& ctx) {
  ctx.services.exchange().UnsubscribeAll(*ctx.client.subscriber);
  CountSubscriptions(ctx.client);
}

void Subscribe(CommandContext& ctx, ArgReader& args) {
  SubscribeTo(ctx, args, Kind::kChannel, "subscribe");
}

void Unsubscribe(CommandContext& ctx, ArgReader& args) {
  UnsubscribeFrom(ctx, args, Kind::kChannel, "unsubscribe");
}

void PatternSubscribe(CommandContext& ctx, ArgReader& args) {
  SubscribeTo(ctx, args, Kind::kPattern, "psubscribe");
}

void PatternUnsubscribe(CommandContext& ctx, ArgReader& args) {
  UnsubscribeFrom(ctx, args, Kind::kPattern, "punsubscribe");
}

void ShardSubscribe(CommandContext& ctx, ArgReader& args) {
  // The older commands may, as they always could.
  if (ctx.in_exec) {
    return ctx.reply.Error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
  }
  SubscribeTo(ctx, args, Kind::kShardChannel, "ssubscribe");
}

void ShardUnsubscribe(CommandContext& ctx, ArgReader& args) {
  UnsubscribeFrom(ctx, args, Kind::kShardChannel, "sunsubscribe");
}

}  // namespace henge::commands
