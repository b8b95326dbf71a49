// SPDX-License-Identifier: Apache-2.0
// PUBLISH, SPUBLISH, and what PUBSUB tells.
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "commands/context.h"
#include "commands/help.h"
#include "commands/pubsub/handlers.h"
#include "pubsub/exchange.h"

namespace henge::commands {
namespace {

using pubsub::Exchange;
using pubsub::Kind;

void PublishTo(CommandContext& ctx, ArgReader& args, Kind kind) {
  const std::string_view channel = args.Next();
  const std::string_view message = args.Next();
  const pubsub::Subscriber* self = ctx.client.subscriber;
  const int worker = self == nullptr ? Exchange::kNoWorker : self->worker();
  ctx.reply.Integer(ctx.services.exchange().Publish(worker, kind, channel, message));
  if (kind == Kind::kChannel) ctx.services.exchange().PublishToPeers(channel, message);
  // In a cluster every node hears of a channel's messages that way, followers too.
  const bool shard = kind == Kind::kShardChannel;
  if (!shard && ctx.services.cluster() != nullptr) return;
  ctx.services.replication().Publish(shard ? "SPUBLISH" : "PUBLISH", channel, message);
}

void ListChannels(CommandContext& ctx, ArgReader& args, Kind kind, std::string_view name) {
  if (args.left() > 1) return ctx.reply.Error(errors::SubcommandSyntax(name, "pubsub"));
  std::optional<std::string_view> pattern;
  if (!args.empty()) pattern = args.Next();
  const std::vector<std::string> channels = ctx.services.exchange().Channels(kind, pattern);
  ctx.reply.Array(channels.size());
  for (const std::string& channel : channels) ctx.reply.Bulk(channel);
}

void CountEach(CommandContext& ctx, ArgReader& args, Kind kind) {
  ctx.reply.Array(args.left() * 2);
  while (!args.empty()) {
    const std::string_view channel = args.Next();
    ctx.reply.Bulk(channel);
    ctx.reply.Integer(static_cast<int64_t>(ctx.services.exchange().Subscribers(kind, channel)));
  }
}

}  // namespace

void Publish(CommandContext& ctx, ArgReader& args) { PublishTo(ctx, args, Kind::kChannel); }

void ShardPublish(CommandContext& ctx, ArgReader& args) {
  PublishTo(ctx, args, Kind::kShardChannel);
}

void PubsubChannels(CommandContext& ctx, ArgReader& args) {
  ListChannels(ctx, args, Kind::kChannel, ctx.argv[1]);
}

void PubsubShardChannels(CommandContext& ctx, ArgReader& args) {
  ListChannels(ctx, args, Kind::kShardChannel, ctx.argv[1]);
}

void PubsubNumSub(CommandContext& ctx, ArgReader& args) { CountEach(ctx, args, Kind::kChannel); }

void PubsubShardNumSub(CommandContext& ctx, ArgReader& args) {
  CountEach(ctx, args, Kind::kShardChannel);
}

void PubsubNumPat(CommandContext& ctx, ArgReader&) {
  ctx.reply.Integer(static_cast<int64_t>(ctx.services.exchange().Names(Kind::kPattern)));
}

void PubsubHelp(CommandContext& ctx, ArgReader&) {
  static constexpr auto kLines = std::to_array<std::string_view>({
      "CHANNELS [<pattern>]",
      "    List the channels that have subscribers, or those that match <pattern>.",
      "NUMPAT",
      "    Count the different patterns that have subscribers.",
      "NUMSUB [<channel> ...]",
      "    Count each channel's own subscribers, without those of patterns.",
      "SHARDCHANNELS [<pattern>]",
      "    List the shard channels that have subscribers, or those that match <pattern>.",
      "SHARDNUMSUB [<shardchannel> ...]",
      "    Count each shard channel's subscribers.",
  });
  ReplyHelp(ctx, "pubsub", kLines);
}

}  // namespace henge::commands
