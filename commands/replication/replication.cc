// SPDX-License-Identifier: Apache-2.0
#include <absl/strings/str_split.h>
#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <string>

#include "base/log.h"
#include "base/numbers.h"
#include "base/strings.h"
#include "commands/context.h"
#include "commands/replication/handlers.h"

namespace henge::commands {
namespace {

// Henge's own capability: "rdb-12" for who reads that version.
constexpr std::string_view kReadsRdb = "rdb-";
constexpr size_t kLongestAddress = 46;  // Of IPv6, as Redis has it.

void ServeFollower(CommandContext& ctx, const ReplicationService::SyncRequest& request) {
  if (ctx.client.client_class.load(std::memory_order_relaxed) == ClientClass::kReplica) return;
  if (ctx.reply.buffer().pending() > 0) {
    return ctx.reply.Error("ERR SYNC and PSYNC are invalid with pending output");
  }
  const std::string error = ctx.services.replication().ServeFollower(ctx.client, request);
  if (!error.empty()) ctx.reply.Error(error);
}

// As the log calls it: by where it listens, once it has said so.
std::string NameOf(const ClientState& client) {
  const FollowerTraits* follower = client.follower.get();
  if (follower == nullptr || follower->port == 0) return client.address;
  const std::string_view host = follower->address;
  if (!host.empty()) return fmt::format("{}:{}", host, follower->port);
  return fmt::format("{}:{}", client.address.substr(0, client.address.rfind(':')), follower->port);
}

}  // namespace

void ReplicaOf(CommandContext& ctx, ArgReader& args) {
  if (ctx.services.cluster() != nullptr) {
    return ctx.reply.Error("ERR REPLICAOF not allowed in cluster mode.");
  }
  if (ctx.services.sentinel() != nullptr) {
    return ctx.reply.Error(
        "ERR REPLICAOF not allowed in a group that elects its leader. Use FAILOVER instead.");
  }
  ReplicationService& replication = ctx.services.replication();
  if (replication.FailsOver()) {
    return ctx.reply.Error("ERR REPLICAOF not allowed while failing over.");
  }
  const std::string_view host = args.Next();
  const std::string_view port_text = args.Next();
  if (EqualsIgnoreCase(host, "no") && EqualsIgnoreCase(port_text, "one")) {
    replication.FollowNobody();
    return ctx.reply.Ok();
  }
  if (ctx.client.client_class.load(std::memory_order_relaxed) == ClientClass::kReplica) {
    return ctx.reply.Error("ERR Command is not valid when client is a replica.");
  }
  const std::optional<int64_t> port = ParseInt64(port_text);
  if (!port || *port < 0 || *port > 65535) return ctx.reply.Error("ERR Invalid master port");
  if (replication.Follow(host, static_cast<int>(*port))) return ctx.reply.Ok();
  ctx.reply.Simple("OK Already connected to specified master");
}

void Role(CommandContext& ctx, ArgReader&) {
  const RoleReport role = ctx.services.replication().Role();
  if (role.follows) {
    ctx.reply.Array(5);
    ctx.reply.Bulk("slave");
    ctx.reply.Bulk(role.leader_host);
    ctx.reply.Integer(role.leader_port);
    ctx.reply.Bulk(role.link);
    return ctx.reply.Integer(role.offset);
  }
  ctx.reply.Array(3);
  ctx.reply.Bulk("master");
  ctx.reply.Integer(role.offset);
  ctx.reply.Array(role.followers.size());
  for (const RoleReport::Follower& follower : role.followers) {
    ctx.reply.Array(3);
    ctx.reply.Bulk(follower.address);
    ctx.reply.Bulk(std::to_string(follower.port));
    ctx.reply.Bulk(std::to_string(follower.offset));
  }
}

void Failover(CommandContext& ctx, ArgReader& args) {
  if (ctx.services.cluster() != nullptr) {
    return ctx.reply.Error(
        "ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead.");
  }
  if (ctx.in_exec) return ctx.reply.Error("ERR FAILOVER not allowed in a transaction.");
  ReplicationService& replication = ctx.services.replication();
  ReplicationService::FailoverRequest request;
  bool abort = false;
  bool timed = false;
  while (args.ok() && !args.empty()) {
    if (!timed && args.left() >= 2 && args.Accept("timeout")) {
      request.timeout_ms = args.Integer();
      timed = true;
      if (args.ok() && request.timeout_ms <= 0) {
        args.Fail("ERR FAILOVER timeout must be greater than 0");
      }
    } else if (request.host.empty() && args.left() >= 3 && args.Accept("to")) {
      request.host = args.Next();
      request.port = static_cast<int>(args.IntegerIn(0, INT_MAX, errors::kNotInteger));
    } else if (!request.force && args.Accept("force")) {
      request.force = true;
    } else if (ctx.argv.size() == 2 && args.Accept("abort")) {
      abort = true;
    } else {
      args.FailSyntax();
    }
  }
  if (!args.ok()) return ctx.reply.Error(args.error());
  const std::string error = abort ? replication.AbortFailover() : replication.Failover(request);
  error.empty() ? ctx.reply.Ok() : ctx.reply.Error(error);
}

void Sync(CommandContext& ctx, ArgReader&) { ServeFollower(ctx, {}); }

void Psync(CommandContext& ctx, ArgReader& args) {
  ReplicationService::SyncRequest request{.partial = true};
  request.history_id = args.Next();
  request.next_offset = args.Integer();
  request.failover = args.Accept("failover");
  if (!args.ok()) {
    LogWarning(fmt::format("Replica {} asks for synchronization but with a wrong offset",
                           NameOf(ctx.client)));
    return ctx.reply.Error(args.error());
  }
  ServeFollower(ctx, request);
}

void ReplConf(CommandContext& ctx, ArgReader& args) {
  if (args.left() % 2 != 0) return ctx.reply.Error(errors::kSyntax);
  if (ctx.client.follower == nullptr) ctx.client.follower = std::make_unique<FollowerTraits>();
  FollowerTraits& follower = *ctx.client.follower;
  while (!args.empty()) {
    const std::string_view option = args.Next();
    if (EqualsIgnoreCase(option, "listening-port")) {
      const int64_t port = args.Integer();
      if (!args.ok()) return ctx.reply.Error(args.error());
      follower.port = static_cast<int>(port);
    } else if (EqualsIgnoreCase(option, "ip-address")) {
      const std::string_view address = args.Next();
      if (address.size() >= kLongestAddress) {
        return ctx.reply.Error(fmt::format(
            "ERR REPLCONF ip-address provided by replica instance is too long: {} bytes",
            address.size()));
      }
      follower.address = address;
    } else if (EqualsIgnoreCase(option, "capa")) {
      const std::string_view capability = args.Next();
      if (EqualsIgnoreCase(capability, "eof")) follower.takes_eof = true;
      if (EqualsIgnoreCase(capability, "psync2")) follower.takes_psync2 = true;
      if (capability.starts_with(kReadsRdb)) {
        follower.rdb_version = static_cast<int>(
            std::clamp<int64_t>(ParseInt64(capability.substr(kReadsRdb.size())).value_or(0),
                                follower.rdb_version, INT16_MAX));
      }
    } else if (EqualsIgnoreCase(option, "ack")) {
      // What a follower reports all the time is not answered.
      const std::optional<int64_t> offset = ParseInt64(args.Next());
      std::optional<int64_t> durable = -1;
      if (args.Accept("fack")) durable = ParseInt64(args.Next());
      if (!offset || !durable) return;
      return ctx.services.replication().Acknowledge(ctx.client, *offset, *durable);
    } else if (EqualsIgnoreCase(option, "henge-stream")) {
      args.Skip();
      const std::string where = ctx.services.replication().InviteToStream();
      if (where.empty()) return ctx.reply.Error("ERR There are no streams here");
      return ctx.reply.Simple("STREAM " + where);
    } else if (EqualsIgnoreCase(option, "getack")) {
      return;  // Said by leaders, in their stream.
    } else if (EqualsIgnoreCase(option, "rdb-filter-only")) {
      follower.wants_keys = follower.wants_functions = false;
      for (const auto part : absl::StrSplit(Absl(args.Next()), ' ', absl::SkipEmpty())) {
        if (!EqualsIgnoreCase(Std(part), "functions")) {
          return ctx.reply.Error(
              fmt::format("ERR Unsupported rdb-filter-only option: {}", Std(part)));
        }
        follower.wants_functions = true;
      }
    } else if (EqualsIgnoreCase(option, "version") || EqualsIgnoreCase(option, "rdb-only")) {
      args.Skip();
    } else {
      return ctx.reply.Error(fmt::format("ERR Unrecognized REPLCONF option: {}", option));
    }
  }
  ctx.reply.Ok();
}

}  // namespace henge::commands
