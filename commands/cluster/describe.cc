// SPDX-License-Identifier: Apache-2.0
// CLUSTER SLOTS, SHARDS, NODES, REPLICAS, MYID, MYSHARDID: the topology in Redis's three notations.
// A shard is a group: its leader, followers and slots.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/numbers.h"
#include "commands/cluster/handlers.h"
#include "commands/cluster/places.h"

namespace henge::commands {
namespace {

using cluster::EndpointOf;
using cluster::EndpointType;
using cluster::GroupIndex;
using cluster::HostnameOf;
using cluster::kNoNode;
using cluster::Node;
using cluster::NodeId;
using cluster::NodeIndex;
using cluster::PeerLink;
using cluster::SlotRange;
using cluster::Topology;
using cluster::TopologyPtr;

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

// What was not chosen as the endpoint is told beside it.
void WriteEndpoint(proto::ReplyWriter& reply, const Node& node, EndpointType type) {
  const std::string_view hostname = HostnameOf(node);
  reply.Array(4);
  type == EndpointType::kUnknown ? reply.Null() : reply.Bulk(EndpointOf(node, type));
  reply.Integer(node.port);
  reply.Bulk(node.id.view());
  const bool tells_ip = type != EndpointType::kIp;
  const bool tells_hostname = type != EndpointType::kHostname && !hostname.empty();
  reply.Map(size_t{tells_ip} + size_t{tells_hostname});
  if (tells_ip) {
    reply.Bulk("ip");
    reply.Bulk(node.host);
  }
  if (tells_hostname) {
    reply.Bulk("hostname");
    reply.Bulk(hostname);
  }
}

struct OwnedRange {
  SlotRange range;
  GroupIndex group;
};

// Of groups that somebody leads.
std::vector<OwnedRange> RangesInOrder(const Topology& topology) {
  std::vector<OwnedRange> all;
  for (GroupIndex i = 0; i < topology.groups().size(); ++i) {
    if (topology.LeaderIndex(i) == kNoNode) continue;
    for (const SlotRange& range : topology.RangesOfGroup(i)) all.push_back({range, i});
  }
  std::sort(all.begin(), all.end(),
            [](const OwnedRange& a, const OwnedRange& b) { return a.range.first < b.range.first; });
  return all;
}

// Those that clients may read from.
std::vector<NodeIndex> ReadableFollowers(const Topology& topology, const cluster::Group& group) {
  std::vector<NodeIndex> followers;
  for (const NodeId& id : group.followers) {
    const NodeIndex index = topology.IndexOf(id);
    if (group.IsInSync(id) && !topology.nodes()[index].failed) followers.push_back(index);
  }
  return followers;
}

// --- NODES ---------------------------------------------------------------------------------------

void AppendAddress(std::string& line, const Node& node) {
  line += node.host;
  line += ':';
  AppendNumber(line, node.port);
  line += '@';
  AppendNumber(line, node.bus_port);
  const std::string_view hostname = HostnameOf(node);
  if (hostname.empty()) return;
  line += ',';
  line += hostname;
}

// A silence is this node's own opinion, hence Redis's "fail?"; a judgement is everybody's.
void AppendFlags(std::string& line, const Node& node, bool follows, const PeerLink* link) {
  if (link == nullptr) line += "myself,";
  line += follows ? "slave" : "master";
  if (node.failed) {
    line += ",fail";
  } else if (link != nullptr && link->failed) {
    line += ",fail?";
  }
  if (link != nullptr && node.host.empty()) line += ",noaddr";
  if (node.no_failover) line += ",nofailover";
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

// The node that stands for a group.
NodeId NameOf(const Topology& topology, const cluster::GroupId& id) {
  const cluster::Group* group = topology.FindGroup(id);
  if (group == nullptr) return NodeId();
  return group->leader.IsZero() ? group->in_sync.front() : group->leader;
}

// What this node's shard is giving away and getting.
void AppendMarks(std::string& line, const Topology& topology, NodeIndex me) {
  const NodeIndex leader = PlaceOf(topology, me).leader;
  if (leader == kNoNode) return;
  const NodeId& its_id = topology.nodes()[leader].id;
  for (const cluster::SlotMark& mark : topology.marks()) {
    const bool leaves = topology.OwnerIndex(mark.slot) == leader && !mark.migrating_to.IsZero();
    const bool comes = !mark.importing.IsZero() && NameOf(topology, mark.importing) == its_id;
    if (!leaves && !comes) continue;
    line += " [";
    AppendNumber(line, mark.slot);
    line += leaves ? "->-" : "-<-";
    line += NameOf(topology, leaves ? mark.migrating_to : mark.importing_from).view();
    line += ']';
  }
}

// id address@bus[,hostname] flags leader ping pong epoch link-state slots... marks...
std::string Describe(const Topology& topology, NodeIndex index, const PeerLink* link) {
  const Node& node = topology.nodes()[index];
  const Place place = PlaceOf(topology, index);
  std::string line = node.id.str() + " ";
  AppendAddress(line, node);
  line += ' ';
  AppendFlags(line, node, place.follows, link);
  line += ' ';
  const bool led = place.follows && place.leader != kNoNode;
  line += led ? topology.nodes()[place.leader].id.view() : std::string_view("-");
  line += ' ';
  AppendNumber(line, link == nullptr ? 0 : link->ping_sent);
  line += ' ';
  AppendNumber(line, link == nullptr ? 0 : link->pong_received);
  line += ' ';
  AppendNumber(line, static_cast<int64_t>(ConfigEpochOf(topology, index)));
  line += link == nullptr || link->connected ? " connected" : " disconnected";
  AppendSlots(line, topology.RangesOf(index));
  if (link == nullptr) AppendMarks(line, topology, index);
  return line;
}

// --- SHARDS --------------------------------------------------------------------------------------

struct Member {
  const Node& node;
  bool follows;
  uint64_t offset;
  std::string_view health;
};

class ShardView {
 public:
  ShardView(CommandContext& ctx, const cluster::ClusterView& view, const Topology& topology)
      : ctx_(ctx), topology_(topology), links_(view), opinions_count_(view.DecidesAlone()) {}

  // The leader first.
  std::vector<Member> MembersOf(const cluster::Group& group) {
    std::vector<Member> members;
    if (!group.leader.IsZero()) members.push_back(Make(group, group.leader));
    for (const NodeId& id : group.followers) members.push_back(Make(group, id));
    return members;
  }

 private:
  Member Make(const cluster::Group& group, const NodeId& id) {
    const Node& node = *topology_.Find(id);
    const PeerLink* link = links_.Of(id);
    const bool follows = id != group.leader;
    const uint64_t offset = link == nullptr
                                ? static_cast<uint64_t>(ctx_.services.replication().Role().offset)
                                : link->offset;
    const bool failed = node.failed || (opinions_count_ && link != nullptr && link->failed);
    const bool loading = follows && offset == 0 && !group.IsInSync(id);
    return {node, follows, offset, failed ? "fail" : loading ? "loading" : "online"};
  }

  CommandContext& ctx_;
  const Topology& topology_;
  const Links links_;
  const bool opinions_count_;
};

void WriteShardMember(proto::ReplyWriter& reply, const Member& member, EndpointType type) {
  const Node& node = member.node;
  const std::string_view hostname = HostnameOf(node);
  reply.Map(size_t{7} + (hostname.empty() ? 0 : 1) + (node.tls_port == 0 ? 0 : 1));
  reply.Bulk("id");
  reply.Bulk(node.id.view());
  reply.Bulk("port");
  reply.Integer(node.port);
  if (node.tls_port != 0) {
    reply.Bulk("tls-port");
    reply.Integer(node.tls_port);
  }
  reply.Bulk("ip");
  reply.Bulk(node.host);
  reply.Bulk("endpoint");
  reply.Bulk(EndpointOf(node, type));
  if (!hostname.empty()) {
    reply.Bulk("hostname");
    reply.Bulk(hostname);
  }
  reply.Bulk("role");
  reply.Bulk(member.follows ? "replica" : "master");
  reply.Bulk("replication-offset");
  reply.Integer(static_cast<int64_t>(member.offset));
  reply.Bulk("health");
  reply.Bulk(member.health);
}

}  // namespace

void ClusterSlots(CommandContext& ctx, cluster::ClusterView& view, ArgReader&) {
  const TopologyPtr topology = view.topology();
  const std::vector<OwnedRange> ranges = RangesInOrder(*topology);
  std::vector<std::vector<NodeIndex>> followers;
  for (const cluster::Group& group : topology->groups()) {
    followers.push_back(ReadableFollowers(*topology, group));
  }
  ctx.reply.Array(ranges.size());
  for (const auto& [range, group] : ranges) {
    ctx.reply.Array(3 + followers[group].size());
    ctx.reply.Integer(range.first);
    ctx.reply.Integer(range.last);
    WriteEndpoint(ctx.reply, topology->nodes()[topology->LeaderIndex(group)], view.endpoint_type());
    for (const NodeIndex node : followers[group])
      WriteEndpoint(ctx.reply, topology->nodes()[node], view.endpoint_type());
  }
}

void ClusterShards(CommandContext& ctx, cluster::ClusterView& view, ArgReader&) {
  const TopologyPtr topology = view.topology();
  ShardView shards(ctx, view, *topology);
  ctx.reply.Array(topology->groups().size());
  for (GroupIndex i = 0; i < topology->groups().size(); ++i) {
    const std::vector<SlotRange>& ranges = topology->RangesOfGroup(i);
    ctx.reply.Map(2);
    ctx.reply.Bulk("slots");
    ctx.reply.Array(ranges.size() * 2);
    for (const auto& [first, last] : ranges) {
      ctx.reply.Integer(first);
      ctx.reply.Integer(last);
    }
    const std::vector<Member> members = shards.MembersOf(topology->groups()[i]);
    ctx.reply.Bulk("nodes");
    ctx.reply.Array(members.size());
    for (const Member& member : members) WriteShardMember(ctx.reply, member, view.endpoint_type());
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
  const TopologyPtr topology = view.topology();
  const NodeIndex node = FindNode(*topology, name);
  if (node == kNoNode) return ctx.reply.Error("ERR Unknown node " + std::string(name));
  if (PlaceOf(*topology, node).follows) {
    return ctx.reply.Error("ERR The specified node is not a master");
  }
  std::vector<NodeIndex> followers;  // Of a node placed by the ring: of all its groups.
  for (const GroupIndex led : topology->GroupsLedBy(node)) {
    for (const NodeId& id : topology->groups()[led].followers) {
      const NodeIndex follower = topology->IndexOf(id);
      if (std::count(followers.begin(), followers.end(), follower) == 0) {
        followers.push_back(follower);
      }
    }
  }
  const Links links(view);
  ctx.reply.Array(followers.size());
  for (const NodeIndex follower : followers) {
    ctx.reply.Bulk(Describe(*topology, follower, links.Of(topology->nodes()[follower].id)));
  }
}

void ClusterMyId(CommandContext& ctx, cluster::ClusterView& view, ArgReader&) {
  ctx.reply.Bulk(view.my_id().view());
}

void ClusterMyShardId(CommandContext& ctx, cluster::ClusterView& view, ArgReader&) {
  const TopologyPtr topology = view.topology();
  ctx.reply.Bulk(ShardIdOf(*topology, topology->IndexOf(view.my_id())).view());
}

}  // namespace henge::commands
