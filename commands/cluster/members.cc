// SPDX-License-Identifier: Apache-2.0
// CLUSTER MEET, FORGET, REPLICATE, RESET, FAILOVER, SET-CONFIG-EPOCH, BUMPEPOCH, SAVECONFIG: who is
// in the cluster, and as what. What Redis checks is checked here, in its order; the rest the
// cluster itself refuses.
#include <arpa/inet.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/numbers.h"
#include "base/strings.h"
#include "commands/cluster/handlers.h"
#include "commands/cluster/outcome.h"
#include "commands/cluster/places.h"

namespace henge::commands {
namespace {

using cluster::ClusterView;
using cluster::kNoNode;
using cluster::NodeIndex;
using cluster::Topology;
using cluster::TopologyPtr;

constexpr int64_t kBusPortOffset = 10'000;
constexpr int64_t kHighestPort = 65'535;

bool IsAddress(std::string_view host) {
  unsigned char address[sizeof(in6_addr)];
  const std::string text(host);
  return inet_pton(AF_INET, text.c_str(), address) == 1 ||
         inet_pton(AF_INET6, text.c_str(), address) == 1;
}

bool IsPort(int64_t port) { return port > 0 && port <= kHighestPort; }

void RefuseUnknown(CommandContext& ctx, std::string_view name) {
  ctx.reply.Error("ERR Unknown node " + std::string(name));
}

bool HasKeys(CommandContext& ctx) { return ctx.keyspace.store().KeyCount(0) != 0; }

}  // namespace

void ClusterMeet(CommandContext& ctx, ClusterView& view, ArgReader& args) {
  if (args.left() > 3) return ctx.reply.Error(errors::SubcommandSyntax(ctx.argv[1], "cluster"));
  const std::string_view host = args.Next();
  const std::string_view port_text = args.Next();
  const auto port = ParseInt64(port_text);
  if (!port) return ctx.reply.Error("ERR Invalid base port specified: " + std::string(port_text));
  int64_t bus_port = std::min(*port, kHighestPort) + kBusPortOffset;
  if (!args.empty()) {
    const std::string_view bus_text = args.Next();
    const auto given = ParseInt64(bus_text);
    if (!given) return ctx.reply.Error("ERR Invalid bus port specified: " + std::string(bus_text));
    bus_port = *given;
  }
  if (!IsAddress(host) || !IsPort(*port) || !IsPort(bus_port)) {
    return ctx.reply.Error("ERR Invalid node address specified: " + std::string(host) + ":" +
                           std::string(port_text));
  }
  ReplyWhenDone(ctx, view, [&](cluster::ProposalDone done) {
    view.Meet(std::string(host), static_cast<uint16_t>(*port), static_cast<uint16_t>(bus_port),
              std::move(done));
  });
}

// Whoever was forgotten is so on all nodes at once; tools tell it to one after the other.
void ClusterForget(CommandContext& ctx, ClusterView& view, ArgReader& args) {
  const std::string_view name = args.Next();
  const TopologyPtr topology = view.topology();
  const NodeIndex node = FindNode(*topology, name);
  if (node == kNoNode) {
    const auto id = cluster::NodeId::Parse(name);
    return id && view.WasForgotten(*id) ? ctx.reply.Ok() : RefuseUnknown(ctx, name);
  }
  const NodeIndex me = topology->IndexOf(view.my_id());
  if (node == me) return ctx.reply.Error("ERR I tried hard but I can't forget myself...");
  const Place place = PlaceOf(*topology, me);
  if (place.follows && place.leader == node) {
    return ctx.reply.Error("ERR Can't forget my master!");
  }
  ReplyWhenDone(
      ctx, view,
      [&](cluster::ProposalDone done) { view.Forget(topology->nodes()[node].id, std::move(done)); },
      [](const absl::Status& status) {
        // Another was faster.
        return OkOrError(absl::IsNotFound(status) ? absl::OkStatus() : status);
      });
}

void ClusterReplicate(CommandContext& ctx, ClusterView& view, ArgReader& args) {
  const std::string_view name = args.Next();
  const TopologyPtr topology = view.topology();
  const NodeIndex node = FindNode(*topology, name);
  if (node == kNoNode) return RefuseUnknown(ctx, name);
  const NodeIndex me = topology->IndexOf(view.my_id());
  if (node == me) return ctx.reply.Error("ERR Can't replicate myself");
  const Place place = PlaceOf(*topology, node);
  if (place.follows) {
    return ctx.reply.Error("ERR I can only replicate a master, not a replica.");
  }
  if (!PlaceOf(*topology, me).follows && (topology->SlotCount(me) != 0 || HasKeys(ctx))) {
    return ctx.reply.Error(
        "ERR To set a master the node must be empty and without assigned slots.");
  }
  if (place.group == cluster::kNoGroup) {
    return ctx.reply.Error("ERR That node leads no group to replicate");
  }
  const cluster::GroupId& group = topology->groups()[place.group].id;
  ProposeAndReply(ctx, view, cluster::AddFollower{.group = group, .node = view.my_id()},
                  [](const absl::Status& status) {
                    return OkOrError(absl::IsAlreadyExists(status) ? absl::OkStatus() : status);
                  });
}

void ClusterReset(CommandContext& ctx, ClusterView& view, ArgReader& args) {
  if (args.left() > 1) return ctx.reply.Error(errors::SubcommandSyntax(ctx.argv[1], "cluster"));
  const bool hard = args.Accept("HARD");
  if (!hard && !args.empty() && !args.Accept("SOFT")) return ctx.reply.Error(errors::kSyntax);
  const TopologyPtr topology = view.topology();
  const bool follows = PlaceOf(*topology, topology->IndexOf(view.my_id())).follows;
  if (!follows && HasKeys(ctx)) {
    return ctx.reply.Error("ERR CLUSTER RESET can't be called with master nodes containing keys");
  }
  ReplyWhenDone(ctx, view, [&](cluster::ProposalDone done) { view.Reset(hard, std::move(done)); });
}

namespace {

bool IsDown(const ClusterView& view, const cluster::Node& node) {
  if (node.failed) return true;
  const auto links = view.Links();
  return std::none_of(links.begin(), links.end(), [&](const cluster::PeerLink& link) {
    return link.id == node.id && link.connected;
  });
}

}  // namespace

void ClusterFailover(CommandContext& ctx, ClusterView& view, ArgReader& args) {
  if (args.left() > 1) return ctx.reply.Error(errors::SubcommandSyntax(ctx.argv[1], "cluster"));
  auto mode = cluster::FailoverMode::kPlain;
  if (args.Accept("FORCE")) {
    mode = cluster::FailoverMode::kForce;
  } else if (args.Accept("TAKEOVER")) {
    mode = cluster::FailoverMode::kTakeover;
  } else if (!args.empty()) {
    return ctx.reply.Error(errors::kSyntax);
  }
  const TopologyPtr topology = view.topology();
  const Place place = PlaceOf(*topology, topology->IndexOf(view.my_id()));
  if (!place.follows) {
    return ctx.reply.Error("ERR You should send CLUSTER FAILOVER to a replica");
  }
  if (mode == cluster::FailoverMode::kPlain) {
    if (place.leader == kNoNode) {
      return ctx.reply.Error("ERR I'm a replica but my master is unknown to me");
    }
    if (IsDown(view, topology->nodes()[place.leader])) {
      return ctx.reply.Error("ERR Master is down or failed, please use CLUSTER FAILOVER FORCE");
    }
  }
  ReplyWhenDone(ctx, view,
                [&](cluster::ProposalDone done) { view.Failover(mode, std::move(done)); });
}

void ClusterSetConfigEpoch(CommandContext& ctx, ClusterView& view, ArgReader& args) {
  const int64_t epoch = args.Integer();
  if (!args.Done()) return ctx.reply.Error(args.error());
  const TopologyPtr topology = view.topology();
  const cluster::Node* me = topology->Find(view.my_id());
  if (epoch < 0) {
    return ctx.reply.Error("ERR Invalid config epoch specified: " + std::to_string(epoch));
  }
  if (topology->nodes().size() > 1 || me == nullptr) {
    return ctx.reply.Error(
        "ERR The user can assign a config epoch only when the node does not know any other node.");
  }
  if (me->config_epoch != 0) return ctx.reply.Error("ERR Node config epoch is already non-zero");
  if (epoch == 0) return ctx.reply.Ok();  // It has none.
  ProposeAndReply(ctx, view,
                  cluster::SetConfigEpoch{.id = me->id, .epoch = static_cast<Epoch>(epoch)});
}

namespace {

std::string OwnEpoch(const ClusterView& view) {
  const TopologyPtr topology = view.topology();
  const cluster::Node* me = topology->Find(view.my_id());
  return std::to_string(me == nullptr ? 0 : me->config_epoch);
}

}  // namespace

void ClusterBumpEpoch(CommandContext& ctx, ClusterView& view, ArgReader&) {
  const TopologyPtr topology = view.topology();
  const cluster::Node* me = topology->Find(view.my_id());
  if (me != nullptr && me->config_epoch != 0 && me->config_epoch == topology->epoch()) {
    return ctx.reply.Simple("STILL " + std::to_string(me->config_epoch));
  }
  ProposeAndReply(ctx, view, cluster::BumpEpoch{view.my_id()},
                  [&view](const absl::Status& status) -> Answer {
                    if (!status.ok()) return OkOrError(status);
                    return {.text = "BUMPED " + OwnEpoch(view)};
                  });
}

// What the nodes agree on each of them keeps by itself.
void ClusterSaveConfig(CommandContext& ctx, ClusterView& view, ArgReader&) {
  if (view.DecidesAlone()) {
    return ctx.reply.Error(
        "ERR error saving the cluster node config: this node keeps none but what it is given");
  }
  ctx.reply.Ok();
}

}  // namespace henge::commands
