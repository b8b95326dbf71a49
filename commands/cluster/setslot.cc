// SPDX-License-Identifier: Apache-2.0
// CLUSTER SETSLOT: a slot goes from one node to another key by key, as redis-cli --cluster reshard
// and fix move it.
//
//   IMPORTING at the destination, MIGRATING at the owner, MIGRATE of its keys, NODE
//
// Each step is agreed on by all nodes, so that NODE need not be told to every one of them; telling
// it again changes nothing.
#include <optional>
#include <string>
#include <utility>

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

struct SetSlot {
  CommandContext& ctx;
  ClusterView& view;
  const Topology& topology;
  NodeIndex me;
  Slot slot;

  bool IsMine() const { return me != kNoNode && topology.OwnerIndex(slot) == me; }
  void Refuse(std::string_view text) const { ctx.reply.Error("ERR " + std::string(text)); }
  cluster::GroupId GroupOf(NodeIndex node) const {
    const Place place = PlaceOf(topology, node);
    return place.group == cluster::kNoGroup ? cluster::GroupId()
                                            : topology.groups()[place.group].id;
  }
};

// The other end of a migration; none where it is no such, which is answered.
std::optional<NodeIndex> OtherEnd(const SetSlot& call, std::string_view name,
                                  std::string_view unknown) {
  const NodeIndex node = FindNode(call.topology, name);
  if (node == kNoNode) {
    call.Refuse(std::string(unknown) + std::string(name));
    return std::nullopt;
  }
  if (PlaceOf(call.topology, node).follows) {
    call.Refuse("Target node is not a master");
    return std::nullopt;
  }
  return node;
}

// Calls that saw the slot at rest may be under way. When they are over, all that come see the mark.
Answer WaitOutCalls(store::Store& store, Slot slot, const absl::Status& status) {
  if (status.ok()) {
    store::LockSet locks(store);
    locks.Add(slot);
    locks.Lock();
  }
  return OkOrError(status);
}

void Migrating(const SetSlot& call, std::string_view name) {
  if (!call.IsMine()) {
    return call.Refuse("I'm not the owner of hash slot " + std::to_string(call.slot));
  }
  const auto node = OtherEnd(call, name, "I don't know about node ");
  if (!node) return;
  ProposeAndReply(
      call.ctx, call.view, cluster::MarkMigrating{.slot = call.slot, .to = call.GroupOf(*node)},
      [&store = call.ctx.keyspace.store(), slot = call.slot](const absl::Status& status) {
        return WaitOutCalls(store, slot, status);
      });
}

void Importing(const SetSlot& call, std::string_view name) {
  if (call.IsMine()) {
    return call.Refuse("I'm already the owner of hash slot " + std::to_string(call.slot));
  }
  const auto node = OtherEnd(call, name, "I don't know about node ");
  if (!node) return;
  ProposeAndReply(call.ctx, call.view,
                  cluster::MarkImporting{
                      .slot = call.slot, .at = call.GroupOf(call.me), .from = call.GroupOf(*node)});
}

void ToNode(const SetSlot& call, std::string_view name) {
  const auto node = OtherEnd(call, name, "Unknown node ");
  if (!node) return;
  const bool leaves = call.IsMine() && *node != call.me;
  // Counting locks a shard, which must be the only one.
  if (leaves && !MayPark(call.ctx)) return call.ctx.reply.Error(kNotWithin);
  if (leaves && call.ctx.keyspace.CountInSlot(call.slot) != 0) {
    return call.Refuse("Can't assign hashslot " + std::to_string(call.slot) +
                       " to a different node while I still hold keys for this hash slot.");
  }
  // redis-cli tells every node, one after the other; the first has been enough.
  const bool is_so = call.topology.OwnerIndex(call.slot) == *node;
  if (is_so && call.topology.MarkOf(call.slot) == nullptr) return call.ctx.reply.Ok();
  ProposeAndReply(call.ctx, call.view,
                  cluster::SetSlotOwner{.slot = call.slot, .to = call.topology.nodes()[*node].id});
}

}  // namespace

void ClusterSetSlot(CommandContext& ctx, ClusterView& view, ArgReader& args) {
  const TopologyPtr topology = view.topology();
  const NodeIndex me = topology->IndexOf(view.my_id());
  if (PlaceOf(*topology, me).follows) {
    return ctx.reply.Error("ERR Please use SETSLOT only with masters.");
  }
  const int64_t slot = args.IntegerIn(0, kSlots - 1, "ERR Invalid or out of range slot");
  if (!args.ok()) return ctx.reply.Error(args.error());
  const SetSlot call{ctx, view, *topology, me, static_cast<Slot>(slot)};
  const bool names_node = args.left() == 2;
  if (names_node && args.Accept("MIGRATING")) return Migrating(call, args.Next());
  if (names_node && args.Accept("IMPORTING")) return Importing(call, args.Next());
  if (names_node && args.Accept("NODE")) return ToNode(call, args.Next());
  if (args.left() == 1 && args.Accept("STABLE")) {
    return ProposeAndReply(ctx, view,
                           cluster::MarkStable{.slot = call.slot, .at = call.GroupOf(me)});
  }
  ctx.reply.Error("ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP");
}

}  // namespace henge::commands
