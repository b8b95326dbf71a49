// SPDX-License-Identifier: Apache-2.0
// CLIENT LIST, KILL, UNBLOCK, PAUSE, UNPAUSE.
#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "base/strings.h"
#include "commands/connection/client.h"
#include "commands/connection/client_line.h"
#include "commands/context.h"

namespace henge::commands {
namespace {

// Which connections CLIENT KILL means: those that meet every condition given.
struct KillFilter {
  std::optional<std::string_view> address;
  std::optional<std::string_view> local_address;
  std::optional<std::string_view> user;
  std::optional<ClientType> type;
  std::optional<ClientId> id;
  std::optional<int64_t> max_age_seconds;
  bool skip_me = true;

  bool OnlyType(ClientType wanted) const {
    return type == wanted && !address && !local_address && !user && !id && !max_age_seconds;
  }
  bool Matches(const ClientState& client, const CommandContext& ctx) const {
    if (skip_me && &client == &ctx.client) return false;
    if (address && client.address != *address) return false;
    if (local_address && client.local_address != *local_address) return false;
    if (type && TypeOf(client) != *type) return false;
    if (id && client.id != *id) return false;
    const int64_t age = (ctx.keyspace.now() - client.created_at) / 1000;
    if (max_age_seconds && age < *max_age_seconds) return false;
    if (!user) return true;
    const std::lock_guard lock(client.mu);
    return client.user == *user;
  }
};

ClientType ReadType(ArgReader& args) {
  const std::string_view word = args.Next();
  const auto type = ParseClientType(word);
  if (!type) args.Fail("ERR Unknown client type '" + std::string(word) + "'");
  return type.value_or(ClientType::kNormal);
}

bool ReadYesNo(ArgReader& args) {
  if (args.Accept("YES")) return true;
  if (!args.Accept("NO")) args.FailSyntax();
  return false;
}

void ReadCondition(CommandContext& ctx, ArgReader& args, KillFilter& filter) {
  if (args.left() < 2) return args.FailSyntax();
  if (args.Accept("ID")) {
    filter.id = static_cast<ClientId>(
        args.IntegerIn(1, INT64_MAX, "ERR client-id should be greater than 0"));
  } else if (args.Accept("TYPE")) {
    filter.type = ReadType(args);
  } else if (args.Accept("ADDR")) {
    filter.address = args.Next();
  } else if (args.Accept("LADDR")) {
    filter.local_address = args.Next();
  } else if (args.Accept("USER")) {
    filter.user = args.Next();
    if (!ctx.services.control().HasUser(*filter.user)) {
      args.Fail("ERR No such user '" + std::string(*filter.user) + "'");
    }
  } else if (args.Accept("MAXAGE")) {
    filter.max_age_seconds = args.IntegerOr("ERR maxage is not an integer or out of range");
    if (args.ok() && *filter.max_age_seconds <= 0) {
      args.Fail("ERR maxage should be greater than 0");
    }
  } else if (args.Accept("SKIPME")) {
    filter.skip_me = ReadYesNo(args);
  } else {
    args.FailSyntax();
  }
}

// Whether the address is that of the node which this one follows: that link is no client here.
bool NamesLeader(CommandContext& ctx, const KillFilter& filter) {
  if (!filter.address || filter.id || filter.type || filter.local_address || filter.user ||
      filter.max_age_seconds) {
    return false;
  }
  const RoleReport role = ctx.services.replication().Role();
  return role.follows &&
         *filter.address == fmt::format("{}:{}", role.leader_host, role.leader_port);
}

// How many were closed; the caller's own connection ends after its reply.
int64_t Kill(CommandContext& ctx, const KillFilter& filter) {
  std::vector<ClientId> ids;
  ctx.services.clients().ForEach([&](const ClientState& client) {
    if (filter.Matches(client, ctx)) ids.push_back(client.id);
  });
  int64_t killed = 0;
  for (const ClientId id : ids) {
    if (id == ctx.client.id) {
      ctx.client.close_after_reply = true;
      ++killed;
    } else if (ctx.services.clients().Kill(id)) {
      ++killed;
    }
  }
  ReplicationService& replication = ctx.services.replication();
  if (filter.OnlyType(ClientType::kMaster) || NamesLeader(ctx, filter)) {
    killed += replication.KillLeaderLink();
  }
  return killed;
}

std::string ListByIds(CommandContext& ctx, const std::vector<ClientId>& ids) {
  std::string text;
  for (const ClientId id : ids) {
    ctx.services.clients().ForEach([&](const ClientState& client) {
      if (client.id == id) AppendClientLine(client, ctx, text);
    });
  }
  return text;
}

std::string ListByType(CommandContext& ctx, std::optional<ClientType> type) {
  std::string text;
  ctx.services.clients().ForEach([&](const ClientState& client) {
    if (!type || TypeOf(client) == *type) AppendClientLine(client, ctx, text);
  });
  return text;
}

}  // namespace

void ClientList(CommandContext& ctx, ArgReader& args) {
  std::optional<ClientType> type;
  std::vector<ClientId> ids;
  if (args.left() == 2 && args.Accept("TYPE")) {
    type = ReadType(args);
  } else if (args.left() >= 2 && args.Accept("ID")) {
    while (args.ok() && !args.empty()) {
      ids.push_back(static_cast<ClientId>(args.IntegerOr("ERR Invalid client ID")));
    }
  }
  if (!args.Done()) return ctx.reply.Error(args.error());
  ctx.reply.Verbatim("txt", ids.empty() ? ListByType(ctx, type) : ListByIds(ctx, ids));
}

void ClientKill(CommandContext& ctx, ArgReader& args) {
  KillFilter filter;
  const bool old_form = args.left() == 1;  // By address alone, oneself included.
  if (old_form) {
    filter.address = args.Next();
    filter.skip_me = false;
  }
  while (args.ok() && !args.empty()) ReadCondition(ctx, args, filter);
  if (!args.Done()) return ctx.reply.Error(args.error());
  const int64_t killed = Kill(ctx, filter);
  if (!old_form) return ctx.reply.Integer(killed);
  killed == 0 ? ctx.reply.Error("ERR No such client") : ctx.reply.Ok();
}

void ClientUnblock(CommandContext& ctx, ArgReader& args) {
  const std::span<const std::string_view> all = args.all();
  if (all.size() > 2) return ctx.reply.Error(errors::SubcommandSyntax(ctx.argv[1], "client"));
  const bool with_error = all.size() == 2 && EqualsIgnoreCase(all[1], "ERROR");
  if (all.size() == 2 && !with_error && !EqualsIgnoreCase(all[1], "TIMEOUT")) {
    return ctx.reply.Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  }
  const auto id = static_cast<ClientId>(args.Integer());
  if (!args.ok()) return ctx.reply.Error(args.error());
  ctx.reply.Integer(ctx.services.clients().Unblock(id, with_error) ? 1 : 0);
}

void ClientPause(CommandContext& ctx, ArgReader& args) {
  auto mode = ClientsService::PauseMode::kAll;
  const std::span<const std::string_view> all = args.all();
  if (all.size() > 2) return ctx.reply.Error(errors::SubcommandSyntax(ctx.argv[1], "client"));
  if (all.size() == 2 && EqualsIgnoreCase(all[1], "WRITE")) {
    mode = ClientsService::PauseMode::kWrite;
  } else if (all.size() == 2 && !EqualsIgnoreCase(all[1], "ALL")) {
    return ctx.reply.Error("ERR CLIENT PAUSE mode must be WRITE or ALL");
  }
  const int64_t timeout = args.IntegerOr("ERR timeout is not an integer or out of range");
  const UnixMillis now = ctx.keyspace.now();
  if (timeout < 0) args.Fail("ERR timeout is negative");
  if (timeout > INT64_MAX - now) args.Fail("ERR timeout is out of range");
  if (!args.ok()) return ctx.reply.Error(args.error());
  ctx.services.clients().Pause(mode, timeout == 0 ? 0 : now + timeout);
  ctx.reply.Ok();
}

void ClientUnpause(CommandContext& ctx, ArgReader&) {
  ctx.services.clients().Unpause();
  ctx.reply.Ok();
}

}  // namespace henge::commands
