// SPDX-License-Identifier: Apache-2.0
// CLUSTER MIGRATESLOTS, CANCELSLOTMIGRATIONS, GETSLOTMIGRATIONS: slots that move at once, in
// Valkey 9's words. Who moves them is behind cluster/slot_migrations.h.
#include <bitset>
#include <string>
#include <utility>
#include <vector>

#include "cluster/slot_migrations.h"
#include "commands/cluster/handlers.h"
#include "commands/cluster/places.h"

namespace henge::commands {
namespace {

using cluster::ClusterView;
using cluster::SlotMigrationReport;
using cluster::SlotMigrationState;

constexpr std::string_view kSlotOutOfRange = "ERR Invalid or out of range slot";

std::string_view NameOf(SlotMigrationState state) {
  switch (state) {
    case SlotMigrationState::kQueued:
      return "waiting";
    case SlotMigrationState::kPreparing:
      return "connecting";
    case SlotMigrationState::kSnapshot:
      return "snapshotting";
    case SlotMigrationState::kStreaming:
      return "streaming";
    case SlotMigrationState::kPaused:
      return "paused";
    case SlotMigrationState::kHandingOver:
      return "handing-over";
    case SlotMigrationState::kSuccess:
      return "success";
    case SlotMigrationState::kCancelled:
      return "cancelled";
    case SlotMigrationState::kFailed:
      return "failed";
  }
  return "";
}

std::string RangesText(const std::vector<cluster::SlotRange>& ranges) {
  std::string text;
  for (const auto& [first, last] : ranges) {
    if (!text.empty()) text += ' ';
    text += std::to_string(first) + "-" + std::to_string(last);
  }
  return text;
}

using SlotBits = std::bitset<kSlots>;

std::vector<cluster::SlotRange> RangesOf(const SlotBits& slots) {
  std::vector<cluster::SlotRange> ranges;
  for (int i = 0; i < kSlots; ++i) {
    if (!slots.test(static_cast<size_t>(i))) continue;
    const auto slot = static_cast<Slot>(i);
    if (!ranges.empty() && ranges.back().last + 1 == slot) {
      ranges.back().last = slot;
    } else {
      ranges.push_back({slot, slot});
    }
  }
  return ranges;
}

// What stands behind one SLOTSRANGE; an error's text where that makes no sense.
std::string ReadOrder(ArgReader& args, const cluster::Topology& topology,
                      cluster::SlotOrder& order) {
  SlotBits slots;
  while (args.left() > 0 && !args.Accept("NODE")) {
    const int64_t first = args.IntegerIn(0, kSlots - 1, kSlotOutOfRange);
    const int64_t last = args.IntegerIn(0, kSlots - 1, kSlotOutOfRange);
    if (!args.ok()) return std::string(args.error());
    if (first > last) {
      return "ERR start slot number " + std::to_string(first) +
             " is greater than end slot number " + std::to_string(last);
    }
    for (int64_t slot = first; slot <= last; ++slot) {
      if (slots.test(static_cast<size_t>(slot))) {
        return "ERR Slot " + std::to_string(slot) + " specified multiple times";
      }
      slots.set(static_cast<size_t>(slot));
    }
  }
  if (slots.none() || args.left() == 0) return std::string(errors::kSyntax);
  const std::string_view name = args.Next();
  const cluster::NodeIndex node = FindNode(topology, name);
  if (node == cluster::kNoNode) return "ERR Unknown node " + std::string(name);
  order = {topology.nodes()[node].id, RangesOf(slots)};
  return {};
}

void Write(proto::ReplyWriter& reply, const SlotMigrationReport& report) {
  const auto text = [&](std::string_view name, std::string_view value) {
    reply.Bulk(name);
    reply.Bulk(value);
  };
  const auto number = [&](std::string_view name, int64_t value) {
    reply.Bulk(name);
    reply.Integer(value);
  };
  reply.Map(12);
  text("name", report.name);
  text("operation", report.imports ? "IMPORT" : "EXPORT");
  text("slot_ranges", RangesText(report.slots));
  text("target_node", report.target.view());
  text("source_node", report.source.view());
  number("create_time", report.created / 1000);
  number("last_update_time", report.updated / 1000);
  number("last_ack_time", report.acknowledged / 1000);
  text("state", NameOf(report.state));
  text("message", report.message);
  number("cow_size", 0);  // Nothing is forked.
  number("remaining_repl_size", static_cast<int64_t>(report.remaining_bytes));
}

}  // namespace

void ClusterMigrateSlots(CommandContext& ctx, ClusterView& view, ArgReader& args) {
  const cluster::TopologyPtr topology = view.topology();
  cluster::SlotMigrations* migrations = view.slot_migrations();
  if (migrations == nullptr || PlaceOf(*topology, topology->IndexOf(view.my_id())).follows) {
    return ctx.reply.Error("ERR Slots can be migrated by a master only");
  }
  std::vector<cluster::SlotOrder> orders;
  while (args.left() > 0) {
    if (!args.Accept("SLOTSRANGE")) return ctx.reply.Error(errors::kSyntax);
    cluster::SlotOrder order;
    const std::string error = ReadOrder(args, *topology, order);
    if (!error.empty()) return ctx.reply.Error(error);
    orders.push_back(std::move(order));
  }
  const std::string error = migrations->Start(std::move(orders));
  error.empty() ? ctx.reply.Ok() : ctx.reply.Error(error);
}

void ClusterCancelSlotMigrations(CommandContext& ctx, ClusterView& view, ArgReader&) {
  if (view.slot_migrations() != nullptr) view.slot_migrations()->CancelAll();
  ctx.reply.Ok();
}

void ClusterGetSlotMigrations(CommandContext& ctx, ClusterView& view, ArgReader&) {
  std::vector<SlotMigrationReport> reports;
  if (view.slot_migrations() != nullptr) reports = view.slot_migrations()->Report();
  ctx.reply.Array(reports.size());
  for (const SlotMigrationReport& report : reports) Write(ctx.reply, report);
}

}  // namespace henge::commands
