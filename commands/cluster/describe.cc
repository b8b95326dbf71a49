// SPDX-License-Identifier: Apache-2.0
// CLUSTER SLOTS, SHARDS, NODES, REPLICAS, MYID, MYSHARDID: the topology in Redis's three notations.
// Every node owns its slots by itself and has no followers yet.
#include <arpa/inet.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/numbers.h"
#include "commands/cluster/handlers.h"

namespace henge::commands {
namespace {

using cluster::kNoNode;
using cluster::Node;
using cluster::NodeId;
using cluster::NodeIndex;
using cluster::PeerLink;
using cluster::SlotRange;
using cluster::TopologyPtr;

bool IsIpLiteral(const std::string& host) {
  unsigned char address[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address) == 1;
}

// A host that clients must resolve; shown as metadata beside the endpoint.
bool HasHostname(const Node& node) { return !node.host.empty() && !IsIpLiteral(node.host); }

// A shard is a node and its followers; its id outlives whoever leads it.
NodeId ShardIdOf(const NodeId& node) { return NodeId::FromName("shard of " + node.str()); }

void AppendNumber(std::string& out, int64_t value) {
  char digits[kInt64Chars];
  out.append(digits, FormatInt64(value, digits));
}

// The links once, so that every node's state is of one moment.
class Links {
 public:
  explicit Links(const cluster::ClusterView& view) : links_(view.Links()) {}

  const PeerLink* Of(const NodeId& id) const {  // Null for this node.
    const auto at =
        std::lower_bound(links_.begin(), links_.end(), id,
                         [](const PeerLink& link, const NodeId& key) { return link.id < key; });
    return at == links_.end() || at->id != id ? nullptr : &*at;
  }

 private:
  std::vector<PeerLink> links_;
};

// --- SLOTS ---------------------------------------------------------------------------------------

void WriteEndpoint(proto::ReplyWriter& reply, const Node& node) {
  reply.Array(4);
  reply.Bulk(node.host);
  reply.Integer(node.port);
  reply.Bulk(node.id.view());
  reply.Map(HasHostname(node) ? 1 : 0);
  if (!HasHostname(node)) return;
  reply.Bulk("hostname");
  reply.Bulk(node.host);
}

struct OwnedRange {
  SlotRange range;
  NodeIndex owner;
};

std::vector<OwnedRange> RangesInOrder(const cluster::Topology& topology) {
  std::vector<OwnedRange> all;
  for (NodeIndex i = 0; i < topology.nodes().size(); ++i) {
    for (const SlotRange& range : topology.RangesOf(i)) all.push_back({range, i});
  }
  std::sort(all.begin(), all.end(),
            [](const OwnedRange& a, const OwnedRange& b) { return a.range.first < b.range.first; });
  return all;
}

// --- NODES ---------------------------------------------------------------------------------------

void AppendAddress(std::string& line, const Node& node) {
  line += node.host;
  line += ':';
  AppendNumber(line, node.port);
  line += '@';
  AppendNumber(line, node.bus_port);
  if (HasHostname(node)) {
    line += ',';
    line += node.host;
  }
}

void AppendSlots(std::string& line, const std::vector<SlotRange>& ranges) {
  for (const auto& [first, last] : ranges) {
    line += ' ';
    AppendNumber(line, first);
    if (first == last) continue;
    line += '-';
    AppendNumber(line, last);
  }
}

// id address@bus[,hostname] flags leader ping pong epoch link-state slots...
// A failure is this node's own opinion, hence Redis's "fail?".
std::string Describe(const cluster::Topology& topology, NodeIndex index, const PeerLink* link) {
  const Node& node = topology.nodes()[index];
  std::string line = node.id.str() + " ";
  AppendAddress(line, node);
  line += link == nullptr ? " myself,master" : " master";
  if (link != nullptr && link->failed) line += ",fail?";
  line += " - ";
  AppendNumber(line, link == nullptr ? 0 : link->ping_sent);
  line += ' ';
  AppendNumber(line, link == nullptr ? 0 : link->pong_received);
  line += ' ';
  AppendNumber(line, static_cast<int64_t>(node.config_epoch));
  line += link == nullptr || link->connected ? " connected" : " disconnected";
  AppendSlots(line, topology.RangesOf(index));
  return line;
}

// --- SHARDS --------------------------------------------------------------------------------------

void WriteShardMember(proto::ReplyWriter& reply, const Node& node, const PeerLink* link) {
  const bool hostname = HasHostname(node);
  reply.Map(hostname ? 8 : 7);
  reply.Bulk("id");
  reply.Bulk(node.id.view());
  reply.Bulk("port");
  reply.Integer(node.port);
  reply.Bulk("ip");
  reply.Bulk(node.host);
  reply.Bulk("endpoint");
  reply.Bulk(node.host);
  if (hostname) {
    reply.Bulk("hostname");
    reply.Bulk(node.host);
  }
  reply.Bulk("role");
  reply.Bulk("master");
  reply.Bulk("replication-offset");
  reply.Integer(0);
  reply.Bulk("health");
  reply.Bulk(link != nullptr && link->failed ? "fail" : "online");
}

}  // namespace

void ClusterSlots(CommandContext& ctx, cluster::ClusterView& view, ArgReader&) {
  const TopologyPtr topology = view.topology();
  const std::vector<OwnedRange> ranges = RangesInOrder(*topology);
  ctx.reply.Array(ranges.size());
  for (const auto& [range, owner] : ranges) {
    ctx.reply.Array(3);
    ctx.reply.Integer(range.first);
    ctx.reply.Integer(range.last);
    WriteEndpoint(ctx.reply, topology->nodes()[owner]);
  }
}

void ClusterShards(CommandContext& ctx, cluster::ClusterView& view, ArgReader&) {
  const TopologyPtr topology = view.topology();
  const Links links(view);
  ctx.reply.Array(topology->nodes().size());
  for (NodeIndex i = 0; i < topology->nodes().size(); ++i) {
    const std::vector<SlotRange>& ranges = topology->RangesOf(i);
    const Node& node = topology->nodes()[i];
    ctx.reply.Map(2);
    ctx.reply.Bulk("slots");
    ctx.reply.Array(ranges.size() * 2);
    for (const auto& [first, last] : ranges) {
      ctx.reply.Integer(first);
      ctx.reply.Integer(last);
    }
    ctx.reply.Bulk("nodes");
    ctx.reply.Array(1);
    WriteShardMember(ctx.reply, node, links.Of(node.id));
  }
}

void ClusterNodes(CommandContext& ctx, cluster::ClusterView& view, ArgReader&) {
  const TopologyPtr topology = view.topology();
  const Links links(view);
  std::string text;
  for (NodeIndex i = 0; i < topology->nodes().size(); ++i) {
    text += Describe(*topology, i, links.Of(topology->nodes()[i].id));
    text += '\n';
  }
  ctx.reply.Verbatim("txt", text);
}

void ClusterReplicas(CommandContext& ctx, cluster::ClusterView& view, ArgReader& args) {
  const std::string_view name = args.Next();
  const auto id = NodeId::Parse(name);
  if (!id || view.topology()->Find(*id) == nullptr) {
    return ctx.reply.Error("ERR Unknown node " + std::string(name));
  }
  ctx.reply.Array(0);
}

void ClusterMyId(CommandContext& ctx, cluster::ClusterView& view, ArgReader&) {
  ctx.reply.Bulk(view.my_id().view());
}

void ClusterMyShardId(CommandContext& ctx, cluster::ClusterView& view, ArgReader&) {
  ctx.reply.Bulk(ShardIdOf(view.my_id()).view());
}

}  // namespace henge::commands
