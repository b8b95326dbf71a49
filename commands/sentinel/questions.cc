// SPDX-License-Identifier: Apache-2.0
// The rest of SENTINEL: who leads, whether that can change, and that it shall.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "commands/help.h"
#include "commands/sentinel/handlers.h"

namespace henge::commands {

// Nobody is told of a leader that nobody can vouch for: another may lead on the other side.
void SentinelGetMasterAddr(CommandContext& ctx, SentinelService& service, ArgReader& args) {
  const GroupPicture group = service.Look();
  const GroupMember* leader = group.leader();
  if (args.Next() != group.name || leader == nullptr || !group.in_touch) {
    return ctx.reply.NullArray();
  }
  ctx.reply.Array(2);
  ctx.reply.Bulk(leader->host);
  ctx.reply.Bulk(std::to_string(leader->port));
}

// Nobody is voted for: who leads is agreed on elsewhere.
void SentinelIsMasterDown(CommandContext& ctx, SentinelService& service, ArgReader& args) {
  const std::string_view host = args.Next();
  const int64_t port = args.Integer();
  args.Integer();  // The epoch.
  if (!args.ok()) return ctx.reply.Error(args.error());
  const GroupPicture group = service.Look();
  const GroupMember* leader = group.leader();
  const bool down =
      leader != nullptr && leader->host == host && leader->port == port && leader->silent;
  ctx.reply.Array(3);
  ctx.reply.Integer(down ? 1 : 0);
  ctx.reply.Bulk("*");
  ctx.reply.Integer(0);
}

void SentinelCkQuorum(CommandContext& ctx, const GroupPicture& group, ArgReader&) {
  const auto usable = std::count_if(
      group.members.begin(), group.members.end(),
      [](const GroupMember& member) { return member.votes && (member.self || !member.silent); });
  if (static_cast<size_t>(usable) >= group.quorum) {
    return ctx.reply.Simple(fmt::format(
        "OK {} usable Sentinels. Quorum and failover authorization can be reached", usable));
  }
  ctx.reply.Error(
      fmt::format("NOQUORUM {} usable Sentinels. Not enough available Sentinels to reach the "
                  "specified quorum for this master. Not enough available Sentinels to reach the "
                  "majority and authorize a failover",
                  usable));
}

void SentinelMyId(CommandContext& ctx, SentinelService& service, ArgReader&) {
  for (const GroupMember& member : service.Look().members) {
    if (member.self) return ctx.reply.Bulk(member.id);
  }
  ctx.reply.Null();
}

void SentinelPendingScripts(CommandContext& ctx, SentinelService&, ArgReader&) {
  ctx.reply.Array(0);
}

void SentinelFailover(CommandContext& ctx, SentinelService& service, ArgReader& args) {
  if (args.Next() != service.Look().name) {
    return ctx.reply.Error("ERR No such master with that name");
  }
  const std::string error = service.FailOver();
  error.empty() ? ctx.reply.Ok() : ctx.reply.Error(error);
}

void SentinelFixed(CommandContext& ctx, SentinelService&, ArgReader&) {
  ctx.reply.Error(
      "ERR Not supported: this node watches its own group alone, whose members are in the "
      "configuration (cluster-nodes)");
}

void SentinelHelp(CommandContext& ctx, ArgReader&) {
  static constexpr std::string_view kLines[] = {
      "CKQUORUM <master-name>",
      "    Tells whether enough voters are reached to make another node lead.",
      "FAILOVER <master-name>",
      "    Has the leader hand over to a follower in sync, without losing a write.",
      "GET-MASTER-ADDR-BY-NAME <master-name>",
      "    Tells who leads; nothing on the minority's side.",
      "IS-MASTER-DOWN-BY-ADDR <ip> <port> <current-epoch> <runid>",
      "    Tells whether this node finds that leader silent.",
      "MASTER <master-name>",
      "    Describes the leader.",
      "MASTERS",
      "    Describes the leader, in a list.",
      "MYID",
      "    Tells this node's id.",
      "PENDING-SCRIPTS",
      "    Lists no scripts: none are called.",
      "REPLICAS <master-name>",
      "    Describes the followers.",
      "SENTINELS <master-name>",
      "    Describes the other nodes, each of which answers SENTINEL commands.",
  };
  ReplyHelp(ctx, "sentinel", kLines);
}

}  // namespace henge::commands
