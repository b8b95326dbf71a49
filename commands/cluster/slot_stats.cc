// SPDX-License-Identifier: Apache-2.0
// CLUSTER SLOT-STATS, in Valkey's words: how many keys each slot of this node's shard has.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/strings.h"
#include "commands/cluster/handlers.h"

namespace henge::commands {
namespace {

using cluster::ClusterView;

constexpr std::string_view kKeyCount = "key-count";

struct SlotStat {
  Slot slot;
  uint64_t keys;
};

// Of the slots from `first` to `last` that this node or its leader owns, in the slots' order. Each
// slot is counted by itself: together they are of no one moment.
std::vector<SlotStat> Collect(CommandContext& ctx, const ClusterView& view, Slot first, Slot last) {
  std::vector<SlotStat> stats;
  for (int i = first; i <= last; ++i) {
    const auto slot = static_cast<Slot>(i);
    if (!view.IsMine(slot) && !view.IsFollowed(slot)) continue;
    stats.push_back({slot, ctx.keyspace.CountInSlot(slot)});
  }
  return stats;
}

void Write(proto::ReplyWriter& reply, const std::vector<SlotStat>& stats) {
  reply.Array(stats.size());
  for (const SlotStat& stat : stats) {
    reply.Array(2);
    reply.Integer(stat.slot);
    reply.Map(1);
    reply.Bulk(kKeyCount);
    reply.Integer(static_cast<int64_t>(stat.keys));
  }
}

void ReplyRange(CommandContext& ctx, const ClusterView& view, ArgReader& args) {
  constexpr std::string_view kBadSlot = "ERR Invalid or out of range slot";
  const int64_t first = args.IntegerIn(0, kSlots - 1, kBadSlot);
  const int64_t last = args.IntegerIn(0, kSlots - 1, kBadSlot);
  if (!args.ok()) return ctx.reply.Error(args.error());
  if (first > last) {
    return ctx.reply.Error("ERR Start slot number " + std::to_string(first) +
                           " is greater than end slot number " + std::to_string(last));
  }
  Write(ctx.reply, Collect(ctx, view, static_cast<Slot>(first), static_cast<Slot>(last)));
}

struct Order {
  bool ascending = false;
  int64_t limit = kSlots;
};

std::optional<Order> ReadOrder(ArgReader& args) {
  Order order;
  int limits = 0;
  int directions = 0;
  while (!args.empty() && args.ok()) {
    if (args.left() > 1 && args.Accept("LIMIT")) {
      order.limit = args.IntegerIn(
          1, kSlots, "ERR Limit has to lie in between 1 and 16384 (maximum number of slots).");
      ++limits;
    } else if (args.Accept("ASC") || args.Accept("DESC")) {
      order.ascending = EqualsIgnoreCase(args.all()[args.position() - 1], "asc");
      ++directions;
    } else {
      args.FailSyntax();
    }
    if (limits > 1 || directions > 1) {
      args.Fail("ERR Multiple filters of the same type are disallowed.");
    }
  }
  return args.ok() ? std::optional(order) : std::nullopt;
}

void ReplyOrdered(CommandContext& ctx, const ClusterView& view, ArgReader& args) {
  if (!args.Accept(kKeyCount)) return ctx.reply.Error("ERR Unrecognized sort metric for ORDERBY.");
  const std::optional<Order> order = ReadOrder(args);
  if (!order) return ctx.reply.Error(args.error());
  std::vector<SlotStat> stats = Collect(ctx, view, 0, kSlots - 1);
  std::stable_sort(stats.begin(), stats.end(), [&](const SlotStat& a, const SlotStat& b) {
    return order->ascending ? a.keys < b.keys : a.keys > b.keys;
  });
  stats.resize(std::min(stats.size(), static_cast<size_t>(order->limit)));
  Write(ctx.reply, stats);
}

}  // namespace

void ClusterSlotStats(CommandContext& ctx, ClusterView& view, ArgReader& args) {
  if (args.left() == 3 && args.Accept("SLOTSRANGE")) return ReplyRange(ctx, view, args);
  if (args.Accept("ORDERBY")) return ReplyOrdered(ctx, view, args);
  ctx.reply.Error(errors::SubcommandSyntax(ctx.argv[1], "cluster"));
}

}  // namespace henge::commands
