// SPDX-License-Identifier: Apache-2.0
// Handlers of publish and subscribe. What they act on is pubsub::Exchange.
#pragma once

namespace henge::commands {

struct ClientState;
struct CommandContext;
class ArgReader;

// --- subscribe.cc -------------------------------------------------------------------------------
void Subscribe(CommandContext& ctx, ArgReader& args);
void Unsubscribe(CommandContext& ctx, ArgReader& args);
void PatternSubscribe(CommandContext& ctx, ArgReader& args);
void PatternUnsubscribe(CommandContext& ctx, ArgReader& args);
void ShardSubscribe(CommandContext& ctx, ArgReader& args);
void ShardUnsubscribe(CommandContext& ctx, ArgReader& args);
// What RESET does: without a word.
void UnsubscribeFromAll(CommandContext& ctx);
// Shows the subscriptions' numbers to others.
void CountSubscriptions(ClientState& client);

// --- publish.cc ---------------------------------------------------------------------------------
void Publish(CommandContext& ctx, ArgReader& args);
void ShardPublish(CommandContext& ctx, ArgReader& args);
void PubsubChannels(CommandContext& ctx, ArgReader& args);
void PubsubShardChannels(CommandContext& ctx, ArgReader& args);
void PubsubNumSub(CommandContext& ctx, ArgReader& args);
void PubsubShardNumSub(CommandContext& ctx, ArgReader& args);
void PubsubNumPat(CommandContext& ctx, ArgReader& args);
void PubsubHelp(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
