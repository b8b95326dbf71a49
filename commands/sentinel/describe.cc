// SPDX-License-Identifier: Apache-2.0
// SENTINEL MASTERS, MASTER, REPLICAS, SENTINELS: Sentinel's fields in Sentinel's order.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "commands/sentinel/handlers.h"

namespace henge::commands {
namespace {

class Fields {
 public:
  void operator()(std::string_view name, std::string value) {
    all_.emplace_back(name, std::move(value));
  }
  template <class Number>
    requires std::is_integral_v<Number>
  void operator()(std::string_view name, Number value) {
    all_.emplace_back(name, std::to_string(value));
  }
  void Reply(proto::ReplyWriter& reply) const {
    reply.Map(all_.size());
    for (const auto& [name, value] : all_) {
      reply.Bulk(name);
      reply.Bulk(value);
    }
  }

 private:
  std::vector<std::pair<std::string_view, std::string>> all_;
};

enum class As : uint8_t { kMaster, kReplica, kSentinel };

std::string FlagsOf(const GroupMember& member, As as) {
  std::string flags;
  if (member.silent) flags += "s_down,";
  if (member.failed && as == As::kMaster) flags += "o_down,";
  flags += as == As::kMaster ? "master" : as == As::kReplica ? "slave" : "sentinel";
  if (!member.connected) flags += ",disconnected";
  return flags;
}

std::string AddressOf(const GroupMember& member) {
  return fmt::format("{}:{}", member.host, member.port);
}

// What all three begin with. A node is the same whether it is asked for as a server or a Sentinel.
void Head(const GroupPicture& group, const GroupMember& member, As as, Fields& out) {
  out("name", as == As::kMaster ? group.name : as == As::kReplica ? AddressOf(member) : member.id);
  out("ip", member.host);
  out("port", member.port);
  out("runid", member.id);
  out("flags", FlagsOf(member, as));
  out("link-pending-commands", member.pinged_ago > 0 ? 1 : 0);
  out("link-refcount", 1);
  out("last-ping-sent", member.pinged_ago);
  out("last-ok-ping-reply", member.heard_ago);
  out("last-ping-reply", member.heard_ago);
  if (member.silent) out("s-down-time", member.silent_for);
  if (member.failed && as == As::kMaster) out("o-down-time", member.failed_for);
  out("down-after-milliseconds", group.down_after);
}

void ReplyMaster(CommandContext& ctx, const GroupPicture& group) {
  const GroupMember& leader = *group.leader();
  Fields out;
  Head(group, leader, As::kMaster, out);
  out("info-refresh", leader.heard_ago);
  out("role-reported", "master");
  out("role-reported-time", leader.role_for);
  out("config-epoch", group.epoch);
  out("num-slaves", group.members.size() - 1);
  out("num-other-sentinels", group.members.size() - 1);
  out("quorum", group.quorum);
  out("failover-timeout", group.failover_timeout);
  out("parallel-syncs", std::max<size_t>(1, group.members.size() - 1));
  out.Reply(ctx.reply);
}

void ReplyReplica(CommandContext& ctx, const GroupPicture& group, const GroupMember& member) {
  const GroupMember& leader = *group.leader();
  const bool linked = member.in_sync && !member.silent;
  Fields out;
  Head(group, member, As::kReplica, out);
  out("info-refresh", member.heard_ago);
  out("role-reported", "slave");
  out("role-reported-time", member.role_for);
  out("master-link-down-time", linked ? 0 : member.unsynced_for);
  out("master-link-status", linked ? "ok" : "err");
  out("master-host", leader.host);
  out("master-port", leader.port);
  out("slave-priority", member.priority);
  out("slave-repl-offset", member.offset);
  out("replica-announced", 1);
  out.Reply(ctx.reply);
}

void ReplySentinel(CommandContext& ctx, const GroupPicture& group, const GroupMember& member) {
  Fields out;
  Head(group, member, As::kSentinel, out);
  out("last-hello-message", member.heard_ago);
  out("voted-leader", group.judge.empty() ? "?" : group.judge);
  out("voted-leader-epoch", group.term);
  out.Reply(ctx.reply);
}

template <class Reply>
void ReplyAllBut(CommandContext& ctx, const GroupPicture& group, bool GroupMember::* left_out,
                 Reply reply) {
  const auto shown = std::count_if(group.members.begin(), group.members.end(),
                                   [&](const GroupMember& member) { return !(member.*left_out); });
  ctx.reply.Array(static_cast<size_t>(shown));
  for (const GroupMember& member : group.members) {
    if (!(member.*left_out)) reply(ctx, group, member);
  }
}

}  // namespace

void SentinelMasters(CommandContext& ctx, SentinelService& service, ArgReader&) {
  const GroupPicture group = service.Look();
  const bool led = group.leader() != nullptr;
  ctx.reply.Array(led ? 1 : 0);
  if (led) ReplyMaster(ctx, group);
}

void SentinelMaster(CommandContext& ctx, const GroupPicture& group, ArgReader&) {
  ReplyMaster(ctx, group);
}

void SentinelReplicas(CommandContext& ctx, const GroupPicture& group, ArgReader&) {
  ReplyAllBut(ctx, group, &GroupMember::leads, ReplyReplica);
}

void SentinelSentinels(CommandContext& ctx, const GroupPicture& group, ArgReader&) {
  ReplyAllBut(ctx, group, &GroupMember::self, ReplySentinel);
}

}  // namespace henge::commands
