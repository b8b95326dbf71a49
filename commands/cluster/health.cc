// SPDX-License-Identifier: Apache-2.0
// CLUSTER INFO, LINKS, COUNT-FAILURE-REPORTS: what the bus tells this node of its peers.
#include <fmt/format.h>

#include <iterator>
#include <string>
#include <vector>

#include "commands/cluster/handlers.h"
#include "commands/cluster/places.h"

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

struct SlotsByFate {
  int silent = 0;  // Of owners that this node does not hear.
  int failed = 0;  // Of those that were judged, and of groups that nobody leads.
};

SlotsByFate CountSlots(const cluster::ClusterView& view, const cluster::Topology& topology) {
  SlotsByFate slots;
  int owned = 0;
  for (cluster::NodeIndex i = 0; i < topology.nodes().size(); ++i) {
    owned += topology.SlotCount(i);
    if (topology.nodes()[i].failed) slots.failed += topology.SlotCount(i);
  }
  slots.failed += topology.assigned_slots() - owned;
  for (const cluster::PeerLink& link : view.Links()) {
    const cluster::NodeIndex node = topology.IndexOf(link.id);
    if (!link.failed || node == cluster::kNoNode || topology.nodes()[node].failed) continue;
    slots.silent += topology.SlotCount(node);
  }
  return slots;
}

}  // namespace

std::string ClusterInfoText(cluster::ClusterView& view) {
  const cluster::TopologyPtr topology = view.topology();
  const SlotsByFate slots = CountSlots(view, *topology);
  std::string text = fmt::format(
      "cluster_state:{}\r\n"
      "cluster_slots_assigned:{}\r\n"
      "cluster_slots_ok:{}\r\n"
      "cluster_slots_pfail:{}\r\n"
      "cluster_slots_fail:{}\r\n"
      "cluster_known_nodes:{}\r\n"
      "cluster_size:{}\r\n"
      "cluster_current_epoch:{}\r\n"
      "cluster_my_epoch:{}\r\n",
      view.health() == cluster::ClusterHealth::kOk ? "ok" : "fail", topology->assigned_slots(),
      topology->assigned_slots() - slots.silent - slots.failed, slots.silent, slots.failed,
      topology->nodes().size(), topology->slot_owner_count(), topology->epoch(),
      ConfigEpochOf(*topology, topology->IndexOf(view.my_id())));
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

// Nodes report to the judge, not to each other: its judgement is the one report there is.
void ClusterCountFailureReports(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args) {
  const std::string_view name = args.Next();
  const cluster::TopologyPtr topology = view.topology();
  const cluster::NodeIndex node = FindNode(*topology, name);
  if (node == cluster::kNoNode) {
    return ctx.reply.Error("ERR Unknown node " + std::string(name));
  }
  ctx.reply.Integer(topology->nodes()[node].failed ? 1 : 0);
}

}  // namespace henge::commands
