// SPDX-License-Identifier: Apache-2.0
#include "commands/connection/handshake.h"

#include <optional>
#include <string>

#include "base/version.h"
#include "commands/connection/client_line.h"
#include "commands/context.h"
#include "commands/pubsub/handlers.h"
#include "commands/transactions/watch.h"

namespace henge::commands {
namespace {

constexpr std::string_view kNoPasswordSet =
    "ERR AUTH <password> called without any password configured for the default user. Are you "
    "sure your configuration is correct?";
constexpr std::string_view kHelloNoAuth =
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
    "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP "
    "protocol version at the same time";
constexpr std::string_view kBadName =
    "ERR Client names cannot contain spaces, newlines or special characters.";

struct HelloOptions {
  int protocol = 0;  // 0: as it is.
  std::optional<std::string_view> user;
  std::string_view password;
  std::optional<std::string_view> name;
};

HelloOptions ReadHello(CommandContext& ctx, ArgReader& args) {
  HelloOptions options;
  if (args.empty()) return options;
  const int64_t version = args.IntegerOr("ERR Protocol version is not an integer or out of range");
  if (version != 2 && version != 3) args.Fail("NOPROTO unsupported protocol version");
  options.protocol = static_cast<int>(version);
  while (args.ok() && !args.empty()) {
    const std::string_view option = args.Peek();
    if (args.left() >= 3 && args.Accept("AUTH")) {
      ctx.Redact(args.position() + 1);
      ctx.Redact(args.position() + 2);
      options.user = args.Next();
      options.password = args.Next();
    } else if (args.left() >= 2 && args.Accept("SETNAME")) {
      options.name = args.Next();
      if (!FitsClientLine(*options.name)) args.Fail(kBadName);
    } else {
      args.Fail("ERR Syntax error in HELLO option '" + std::string(option) + "'");
    }
  }
  return options;
}

void ReplyGreeting(CommandContext& ctx) {
  ctx.reply.Map(7);
  ctx.reply.Bulk("server");
  ctx.reply.Bulk("redis");
  ctx.reply.Bulk("version");
  ctx.reply.Bulk(kRedisVersion);
  ctx.reply.Bulk("proto");
  ctx.reply.Integer(ctx.reply.protocol());
  ctx.reply.Bulk("id");
  ctx.reply.Integer(static_cast<int64_t>(ctx.client.id));
  ctx.reply.Bulk("mode");
  ctx.reply.Bulk(ctx.services.cluster() != nullptr ? "cluster" : "standalone");
  ctx.reply.Bulk("role");
  ctx.reply.Bulk(ctx.services.replication().Role().follows ? "replica" : "master");
  ctx.reply.Bulk("modules");
  ctx.reply.Array(0);
}

void SetProtocol(CommandContext& ctx, int protocol) {
  ctx.reply.set_protocol(protocol);
  ctx.client.protocol.store(protocol, std::memory_order_relaxed);
}

}  // namespace

std::string_view SetClientName(ClientState& client, std::string_view name) {
  if (!FitsClientLine(name)) return kBadName;
  const std::lock_guard lock(client.mu);
  client.name = name;
  return {};
}

void Auth(CommandContext& ctx, ArgReader& args) {
  for (size_t i = 1; i < ctx.argv.size(); ++i) ctx.Redact(i);
  if (args.left() > 2) return ctx.reply.Error(errors::kSyntax);
  const bool named = args.left() == 2;
  if (!named && !ctx.services.control().PasswordRequired()) {
    return ctx.reply.Error(kNoPasswordSet);
  }
  const std::string_view user = named ? args.Next() : "default";
  const std::string_view password = args.Next();
  const std::string error = ctx.services.control().Authenticate(ctx.client, user, password);
  error.empty() ? ctx.reply.Ok() : ctx.reply.Error(error);
}

void Hello(CommandContext& ctx, ArgReader& args) {
  const HelloOptions options = ReadHello(ctx, args);
  if (!args.Done()) return ctx.reply.Error(args.error());
  if (options.user) {
    const std::string error =
        ctx.services.control().Authenticate(ctx.client, *options.user, options.password);
    if (!error.empty()) return ctx.reply.Error(error);
  }
  if (!ctx.client.authenticated.load(std::memory_order_relaxed)) {
    return ctx.reply.Error(kHelloNoAuth);
  }
  if (options.name) SetClientName(ctx.client, *options.name);
  if (options.protocol != 0) SetProtocol(ctx, options.protocol);
  ReplyGreeting(ctx);
}

void Reset(CommandContext& ctx, ArgReader&) {
  ClientState& client = ctx.client;
  if (client.client_class.load(std::memory_order_relaxed) != ClientClass::kNormal) {
    return ctx.reply.Error("ERR can only reset normal client connections");
  }
  if (client.monitor.load(std::memory_order_relaxed)) {
    ctx.services.clients().SetMonitor(client, false);
  }
  client.db.store(0, std::memory_order_relaxed);
  SetProtocol(ctx, 2);
  ctx.services.control().ResetUser(client);
  UnsubscribeFromAll(ctx);
  ctx.services.tracking().TurnOff(client);
  DropTransaction(client, ctx.keyspace.store(), ctx.keyspace.locks());
  SetClientName(client, {});
  client.asking = 0;
  client.reply_mode = ReplyMode::kOn;
  client.readonly.store(false, std::memory_order_relaxed);
  client.no_touch.store(false, std::memory_order_relaxed);
  client.no_evict.store(false, std::memory_order_relaxed);
  ctx.reply.Simple("RESET");
}

}  // namespace henge::commands
