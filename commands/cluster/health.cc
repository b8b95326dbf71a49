// SPDX-License-Identifier: Apache-2.0
// CLUSTER INFO, LINKS, COUNT-FAILURE-REPORTS: what the bus tells this node of its peers.
#include <fmt/format.h>

#include <iterator>
#include <string>
#include <vector>

#include "commands/cluster/handlers.h"

namespace henge::commands {
namespace {

struct Messages {
  std::string_view direction;
  uint64_t pings, pongs, publishes;
};

void AppendMessages(std::string& out, const Messages& messages) {
  const auto line = [&](std::string_view kind, uint64_t count) {
    if (count == 0) return;
    fmt::format_to(std::back_inserter(out), "cluster_stats_messages_{}_{}:{}\r\n", kind,
                   messages.direction, count);
  };
  line("ping", messages.pings);
  line("pong", messages.pongs);
  line("publish", messages.publishes);
  fmt::format_to(std::back_inserter(out), "cluster_stats_messages_{}:{}\r\n", messages.direction,
                 messages.pings + messages.pongs + messages.publishes);
}

}  // namespace

std::string ClusterInfoText(cluster::ClusterView& view) {
  const cluster::TopologyPtr topology = view.topology();
  int silent_slots = 0;
  for (const cluster::PeerLink& link : view.Links()) {
    const cluster::NodeIndex node = topology->IndexOf(link.id);
    if (link.failed && node != cluster::kNoNode) silent_slots += topology->SlotCount(node);
  }
  const cluster::Node* me = topology->Find(view.my_id());
  std::string text = fmt::format(
      "cluster_state:{}\r\n"
      "cluster_slots_assigned:{}\r\n"
      "cluster_slots_ok:{}\r\n"
      "cluster_slots_pfail:{}\r\n"
      "cluster_slots_fail:0\r\n"
      "cluster_known_nodes:{}\r\n"
      "cluster_size:{}\r\n"
      "cluster_current_epoch:{}\r\n"
      "cluster_my_epoch:{}\r\n",
      view.health() == cluster::ClusterHealth::kOk ? "ok" : "fail", topology->assigned_slots(),
      topology->assigned_slots() - silent_slots, silent_slots, topology->nodes().size(),
      topology->slot_owner_count(), topology->epoch(), me == nullptr ? 0 : me->config_epoch);
  const cluster::BusStats stats = view.bus_stats();
  AppendMessages(text, {"sent", stats.pings_sent, stats.pongs_sent, stats.publishes_sent});
  AppendMessages(
      text, {"received", stats.pings_received, stats.pongs_received, stats.publishes_received});
  fmt::format_to(std::back_inserter(text), "total_cluster_links_buffer_limit_exceeded:{}\r\n",
                 stats.links_overflowed);
  return text;
}

void ClusterInfo(CommandContext& ctx, cluster::ClusterView& view, ArgReader&) {
  ctx.reply.Verbatim("txt", ClusterInfoText(view));
}

// One link to each peer: answers come back on it.
void ClusterLinks(CommandContext& ctx, cluster::ClusterView& view, ArgReader&) {
  std::vector<cluster::PeerLink> links = view.Links();
  std::erase_if(links, [](const cluster::PeerLink& link) { return !link.connected; });
  ctx.reply.Array(links.size());
  for (const cluster::PeerLink& link : links) {
    ctx.reply.Map(6);
    ctx.reply.Bulk("direction");
    ctx.reply.Bulk("to");
    ctx.reply.Bulk("node");
    ctx.reply.Bulk(link.id.view());
    ctx.reply.Bulk("create-time");
    ctx.reply.Integer(link.since);
    ctx.reply.Bulk("events");
    ctx.reply.Bulk("r");
    ctx.reply.Bulk("send-buffer-allocated");
    ctx.reply.Integer(static_cast<int64_t>(link.unsent_bytes));
    ctx.reply.Bulk("send-buffer-used");
    ctx.reply.Integer(static_cast<int64_t>(link.unsent_bytes));
  }
}

// Nodes do not report failures to each other.
void ClusterCountFailureReports(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args) {
  const std::string_view name = args.Next();
  const auto id = cluster::NodeId::Parse(name);
  if (!id || view.topology()->Find(*id) == nullptr) {
    return ctx.reply.Error("ERR Unknown node " + std::string(name));
  }
  ctx.reply.Integer(0);
}

}  // namespace henge::commands
