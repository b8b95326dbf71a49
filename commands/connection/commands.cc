// SPDX-License-Identifier: Apache-2.0
// The rows of the connection room.
#include <array>

#include "commands/command_table.h"
#include "commands/connection/client.h"
#include "commands/connection/handshake.h"
#include "commands/connection/tracking.h"
#include "commands/context.h"
#include "pubsub/subscriber.h"

namespace henge::commands {
namespace {

void Ping(CommandContext& ctx, ArgReader& args) {
  if (args.left() > 1) return ctx.reply.Error(errors::WrongArity("ping"));
  const pubsub::Subscriber* subscriber = ctx.client.subscriber;
  if (!ctx.reply.resp3() && subscriber != nullptr && subscriber->subscribed()) {
    ctx.reply.Array(2);  // In the shape of a message: nothing else is expected.
    ctx.reply.Bulk("pong");
    return ctx.reply.Bulk(args.empty() ? std::string_view() : args.Next());
  }
  args.empty() ? ctx.reply.Simple("PONG") : ctx.reply.Bulk(args.Next());
}

void Echo(CommandContext& ctx, ArgReader& args) { ctx.reply.Bulk(args.Next()); }

void Select(CommandContext& ctx, ArgReader& args) {
  const int32_t db = args.Int32();
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

constexpr uint32_t kClientFlags = kNoScript | kLoading | kStale;
constexpr uint32_t kClientAdmin = kClientFlags | kAdmin;
constexpr uint32_t kHandshake = kClientFlags | kFast | kNoAuth | kAllowBusy;

constexpr std::array kClient = {
    CommandSpec{.name = "caching",
                .arity = 3,
                .flags = kClientFlags,
                .group = Group::kConnection,
                .since = "6.0.0",
                .complexity = "O(1)",
                .summary = "Decides whether what the next command reads is tracked.",
                .syntax = "<mode: YES | NO>",
                .handler = ClientCaching},
    CommandSpec{.name = "getredir",
                .arity = 2,
                .flags = kClientFlags,
                .group = Group::kConnection,
                .since = "6.0.0",
                .complexity = "O(1)",
                .summary = "Tells to which connection invalidations go.",
                .handler = ClientGetRedir},
    CommandSpec{.name = "getname",
                .arity = 2,
                .flags = kClientFlags,
                .group = Group::kConnection,
                .since = "2.6.9",
                .complexity = "O(1)",
                .summary = "Tells the connection's name.",
                .handler = ClientGetName},
    CommandSpec{.name = "help",
                .arity = 2,
                .flags = kLoading | kStale,
                .group = Group::kConnection,
                .since = "5.0.0",
                .complexity = "O(1)",
                .summary = "Lists the subcommands.",
                .handler = ClientHelp},
    CommandSpec{.name = "id",
                .arity = 2,
                .flags = kClientFlags,
                .group = Group::kConnection,
                .since = "5.0.0",
                .complexity = "O(1)",
                .summary = "Tells the connection's ID.",
                .handler = ClientIdOf},
    CommandSpec{.name = "info",
                .arity = 2,
                .flags = kClientFlags,
                .group = Group::kConnection,
                .since = "6.2.0",
                .complexity = "O(1)",
                .summary = "Shows the connection as CLIENT LIST would.",
                .tips = "nondeterministic_output",
                .handler = ClientInfo},
    CommandSpec{
        .name = "kill",
        .arity = -3,
        .flags = kClientAdmin,
        .group = Group::kConnection,
        .since = "2.4.0",
        .history = "2.8.12 filters; 2.8.12 ID; 3.2.0 TYPE master; 5.0.0 TYPE replica, in place of "
                   "slave; 6.2.0 LADDR",
        .complexity = "O(N) in the number of connections.",
        .summary = "Closes connections, by address or by other conditions.",
        .syntax = "<filter: old-format=ip:port@!2.8.12 | <new-format: [ID@2.8.12 client-id] | "
                  "[TYPE@2.8.12 <client-type: 'normal' | 'master'@3.2.0 | 'slave' | "
                  "'replica'@5.0.0 | 'pubsub'>] | [USER username] | [ADDR addr=ip:port] | "
                  "[LADDR@6.2.0 laddr=ip:port] | [MAXAGE@7.4.0 maxage] | [SKIPME <YES | NO>] ...>>",
        .handler = ClientKill},
    CommandSpec{.name = "list",
                .arity = -2,
                .flags = kClientAdmin,
                .group = Group::kConnection,
                .since = "2.4.0",
                .history =
                    "2.8.12 id; 5.0.0 TYPE; 6.0.0 user; 6.2.0 argv-mem, tot-mem, laddr, redir and "
                    "the filter ID; 7.0.0 resp, multi-mem, rbs and rbp; 7.0.3 ssub",
                .complexity = "O(N) in the number of connections.",
                .summary = "Shows the connections, a line each.",
                .syntax = "[TYPE@5.0.0 <client-type: 'normal' | 'master' | 'replica' | 'pubsub'>] "
                          "[ID@6.2.0 client-id [client-id ...]]",
                .tips = "nondeterministic_output",
                .handler = ClientList},
    CommandSpec{.name = "no-evict",
                .arity = 3,
                .flags = kClientAdmin,
                .group = Group::kConnection,
                .since = "7.0.0",
                .complexity = "O(1)",
                .summary = "Spares the connection when clients are evicted, or no longer.",
                .syntax = "<enabled: ON | OFF>",
                .handler = ClientNoEvict},
    CommandSpec{
        .name = "no-touch",
        .arity = 3,
        .flags = kClientFlags,
        .group = Group::kConnection,
        .since = "7.2.0",
        .complexity = "O(1)",
        .summary = "Lets the connection's reads leave keys' LRU/LFU state alone, or no longer.",
        .syntax = "<enabled: ON | OFF>",
        .handler = ClientNoTouch},
    CommandSpec{.name = "pause",
                .arity = -3,
                .flags = kClientAdmin,
                .group = Group::kConnection,
                .since = "3.0.0",
                .history = "6.2.0 WRITE and ALL",
                .complexity = "O(1)",
                .summary = "Holds all commands, or only writes, back for a while.",
                .syntax = "timeout#integer [mode@6.2.0: WRITE | ALL]",
                .handler = ClientPause},
    CommandSpec{.name = "reply",
                .arity = 3,
                .flags = kClientFlags,
                .group = Group::kConnection,
                .since = "3.2.0",
                .complexity = "O(1)",
                .summary = "Decides whether commands are replied to.",
                .syntax = "<action: ON | OFF | SKIP>",
                .handler = ClientReply},
    CommandSpec{.name = "setinfo",
                .arity = 4,
                .flags = kClientFlags,
                .group = Group::kConnection,
                .since = "7.2.0",
                .complexity = "O(1)",
                .summary = "Tells the name or the version of the client library.",
                .syntax = "<attr: 'lib-name' libname | 'lib-ver' libver>",
                .tips = "request_policy:all_nodes response_policy:all_succeeded",
                .handler = ClientSetInfo},
    CommandSpec{.name = "setname",
                .arity = 3,
                .flags = kClientFlags,
                .group = Group::kConnection,
                .since = "2.6.9",
                .complexity = "O(1)",
                .summary = "Names the connection.",
                .syntax = "connection-name",
                .tips = "request_policy:all_nodes response_policy:all_succeeded",
                .handler = ClientSetName},
    CommandSpec{
        .name = "tracking",
        .arity = -3,
        .flags = kClientFlags,
        .group = Group::kConnection,
        .since = "6.0.0",
        .complexity = "O(1), and more with some options.",
        .summary = "Tells the connection of changes to the keys it has read, or no longer.",
        .syntax =
            "<status: ON | OFF> [REDIRECT client-id#integer] [PREFIX prefix [PREFIX prefix ...]] "
            "[BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
        .handler = ClientTracking},
    CommandSpec{.name = "trackinginfo",
                .arity = 2,
                .flags = kClientFlags,
                .group = Group::kConnection,
                .since = "6.2.0",
                .complexity = "O(1)",
                .summary = "Shows how the connection tracks what it reads.",
                .handler = ClientTrackingInfo},
    CommandSpec{.name = "unblock",
                .arity = -3,
                .flags = kClientAdmin,
                .group = Group::kConnection,
                .since = "5.0.0",
                .complexity = "O(log N) in the number of connections.",
                .summary = "Ends a blocking command of another connection.",
                .syntax = "client-id [unblock-type: TIMEOUT | ERROR]",
                .handler = ClientUnblock},
    CommandSpec{.name = "unpause",
                .arity = 2,
                .flags = kClientAdmin,
                .group = Group::kConnection,
                .since = "6.2.0",
                .complexity = "O(N) in the number of paused connections.",
                .summary = "Ends a pause.",
                .handler = ClientUnpause},
};

constexpr std::array kCommands = {
    CommandSpec{.name = "ping",
                .arity = -1,
                .flags = kFast | kWhileSubscribed | kTellsIfUnsaved,
                .group = Group::kConnection,
                .since = "1.0.0",
                .complexity = "O(1)",
                .summary = "Answers PONG, or its argument.",
                .syntax = "[message]",
                .tips = "request_policy:all_shards response_policy:all_succeeded",
                .handler = Ping},
    CommandSpec{.name = "echo",
                .arity = 2,
                .flags = kLoading | kStale | kFast,
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
    CommandSpec{.name = "quit",
                .arity = -1,
                .flags = kAllowBusy | kNoScript | kLoading | kStale | kFast | kNoAuth |
                         kRunsInMulti | kWhileSubscribed,
                .group = Group::kConnection,
                .since = "1.0.0",
                .deprecated_since = "7.2.0",
                .replaced_by = "closing the connection",
                .complexity = "O(1)",
                .summary = "Closes the connection after the reply.",
                .handler = Quit},
    CommandSpec{.name = "auth",
                .arity = -2,
                .flags = kHandshake,
                .group = Group::kConnection,
                .since = "1.0.0",
                .history = "6.0.0 the name of a user",
                .complexity = "O(N) in the number of the user's passwords.",
                .summary = "Authenticates the connection.",
                .syntax = "[username@6.0.0] password",
                .handler = Auth},
    CommandSpec{.name = "hello",
                .arity = -1,
                .flags = kHandshake,
                .group = Group::kConnection,
                .since = "6.0.0",
                .history = "6.2.0 protover may be left out",
                .complexity = "O(1)",
                .summary = "Greets: chooses the protocol, authenticates, names the connection.",
                .syntax = "[arguments: protover [AUTH username password] [SETNAME clientname]]",
                .handler = Hello},
    CommandSpec{.name = "reset",
                .arity = 1,
                .flags = kHandshake | kRunsInMulti | kWhileSubscribed,
                .group = Group::kConnection,
                .since = "6.2.0",
                .complexity = "O(1)",
                .summary = "Takes the connection back to how it was when new.",
                .handler = Reset},
    CommandSpec{.name = "client",
                .arity = -2,
                .group = Group::kConnection,
                .since = "2.4.0",
                .complexity = "Depends on the subcommand.",
                .summary = "A container for commands about connections.",
                .subcommands = kClient},
};
static_assert(SpecsAreSound(kCommands));

}  // namespace

std::span<const CommandSpec> ConnectionCommands() { return kCommands; }

}  // namespace henge::commands
