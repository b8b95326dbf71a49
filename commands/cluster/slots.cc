// SPDX-License-Identifier: Apache-2.0
// CLUSTER KEYSLOT, COUNTKEYSINSLOT, GETKEYSINSLOT; ADDSLOTS, DELSLOTS and their kin.
#include <bitset>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/crc16.h"
#include "commands/cluster/handlers.h"
#include "commands/cluster/outcome.h"

namespace henge::commands {
namespace {

using cluster::ClusterView;
using cluster::TopologyPtr;

constexpr std::string_view kBadSlot = "ERR Invalid or out of range slot";

// The slots of an ADD or DEL command, each once, checked in Redis's order and with its words.
class SlotList {
 public:
  SlotList(const cluster::Topology& topology, bool assign) : topology_(topology), assign_(assign) {}

  // False if the slots can't be taken; error() says why.
  bool Add(int64_t first, int64_t last) {
    for (int64_t i = first; i <= last && error_.empty(); ++i) {
      const auto slot = static_cast<Slot>(i);
      const bool owned = topology_.IsAssigned(slot);
      if (owned == assign_) {
        error_ = "ERR Slot " + std::to_string(i) +
                 (assign_ ? " is already busy" : " is already unassigned");
      } else if (seen_.test(slot)) {
        error_ = "ERR Slot " + std::to_string(i) + " specified multiple times";
      } else {
        seen_.set(slot);
        slots_.push_back(slot);
      }
    }
    return error_.empty();
  }

  const std::string& error() const { return error_; }
  std::vector<Slot> Take() { return std::move(slots_); }

 private:
  const cluster::Topology& topology_;
  const bool assign_;
  std::bitset<kSlots> seen_;
  std::vector<Slot> slots_;
  std::string error_;
};

void Change(CommandContext& ctx, ClusterView& view, SlotList& list, bool assign) {
  if (!list.error().empty()) return ctx.reply.Error(list.error());
  if (assign) {
    ProposeAndReply(ctx, view, cluster::AddSlots{.to = view.my_id(), .slots = list.Take()});
  } else {
    ProposeAndReply(ctx, view, cluster::DelSlots{.slots = list.Take()});
  }
}

void ChangeSlots(CommandContext& ctx, ClusterView& view, ArgReader& args, bool assign) {
  std::vector<int64_t> numbers;
  while (!args.empty() && args.ok()) numbers.push_back(args.IntegerIn(0, kSlots - 1, kBadSlot));
  if (!args.Done()) return ctx.reply.Error(args.error());
  const TopologyPtr topology = view.topology();
  SlotList list(*topology, assign);
  for (const int64_t slot : numbers) {
    if (!list.Add(slot, slot)) break;
  }
  Change(ctx, view, list, assign);
}

void ChangeRanges(CommandContext& ctx, ClusterView& view, ArgReader& args, bool assign) {
  if (args.left() % 2 != 0) {
    return ctx.reply.Error(
        errors::WrongArity(assign ? "cluster|addslotsrange" : "cluster|delslotsrange"));
  }
  const TopologyPtr topology = view.topology();
  SlotList list(*topology, assign);
  while (!args.empty()) {
    const int64_t first = args.IntegerIn(0, kSlots - 1, kBadSlot);
    const int64_t last = args.IntegerIn(0, kSlots - 1, kBadSlot);
    if (!args.ok()) return ctx.reply.Error(args.error());
    if (first > last) {
      return ctx.reply.Error("ERR start slot number " + std::to_string(first) +
                             " is greater than end slot number " + std::to_string(last));
    }
    if (!list.Add(first, last)) break;
  }
  Change(ctx, view, list, assign);
}

}  // namespace

void ClusterKeySlot(CommandContext& ctx, ClusterView&, ArgReader& args) {
  ctx.reply.Integer(KeySlot(args.Next()));
}

void ClusterCountKeysInSlot(CommandContext& ctx, ClusterView&, ArgReader& args) {
  const int64_t slot = args.Integer();
  if (!args.Done()) return ctx.reply.Error(args.error());
  if (slot < 0 || slot >= kSlots) return ctx.reply.Error("ERR Invalid slot");
  ctx.reply.Integer(static_cast<int64_t>(ctx.keyspace.CountInSlot(static_cast<Slot>(slot))));
}

void ClusterGetKeysInSlot(CommandContext& ctx, ClusterView&, ArgReader& args) {
  const int64_t slot = args.Integer();
  const int64_t limit = args.Integer();
  if (!args.Done()) return ctx.reply.Error(args.error());
  if (slot < 0 || slot >= kSlots || limit < 0) {
    return ctx.reply.Error("ERR Invalid slot or number of keys");
  }
  std::vector<std::string> names;
  if (limit > 0) {
    ctx.keyspace.ForEachInSlot(static_cast<Slot>(slot), [&](const store::Entry* entry) {
      names.emplace_back(entry->key());
      return names.size() < static_cast<size_t>(limit);
    });
  }
  ctx.reply.Array(names.size());
  for (const std::string& name : names) ctx.reply.Bulk(name);
}

void ClusterAddSlots(CommandContext& ctx, ClusterView& view, ArgReader& args) {
  ChangeSlots(ctx, view, args, true);
}

void ClusterAddSlotsRange(CommandContext& ctx, ClusterView& view, ArgReader& args) {
  ChangeRanges(ctx, view, args, true);
}

void ClusterDelSlots(CommandContext& ctx, ClusterView& view, ArgReader& args) {
  ChangeSlots(ctx, view, args, false);
}

void ClusterDelSlotsRange(CommandContext& ctx, ClusterView& view, ArgReader& args) {
  ChangeRanges(ctx, view, args, false);
}

void ClusterFlushSlots(CommandContext& ctx, ClusterView& view, ArgReader&) {
  if (ctx.keyspace.store().KeyCount(0) != 0) {
    return ctx.reply.Error("ERR DB must be empty to perform CLUSTER FLUSHSLOTS.");
  }
  const TopologyPtr topology = view.topology();
  const cluster::NodeIndex me = topology->IndexOf(view.my_id());
  cluster::DelSlots change;
  for (const auto& [first, last] : topology->RangesOf(me)) {
    for (int slot = first; slot <= last; ++slot) change.slots.push_back(static_cast<Slot>(slot));
  }
  if (change.slots.empty()) return ctx.reply.Ok();
  ProposeAndReply(ctx, view, std::move(change));
}

}  // namespace henge::commands
