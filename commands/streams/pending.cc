// SPDX-License-Identifier: Apache-2.0
// XACK, XPENDING: what was delivered and not acknowledged.
#include <algorithm>

#include "base/strings.h"
#include "commands/streams/entry_reply.h"
#include "commands/streams/handlers.h"
#include "commands/streams/stream_args.h"
#include "commands/streams/stream_events.h"

namespace henge::commands {
namespace {

using store::Consumer;
using store::ConsumerGroup;
using store::Pending;
using store::StreamId;
using Modified = store::Keyspace::Modified;

}  // namespace

void XAck(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view name = args.Next();
  int64_t acknowledged = 0;
  const auto acknowledge = [&](store::Entry& entry) {
    ConsumerGroup* group = StreamOf(entry).FindGroup(name);
    if (group == nullptr) return false;
    const StreamIds ids = ReadStreamIds(args);
    if (!args.ok()) return false;
    for (const StreamId& id : ids) acknowledged += group->Acknowledge(id) ? 1 : 0;
    return acknowledged > 0;
  };
  const Modified modified =
      ctx.keyspace.Modify(key, store::Type::kStream, store::Keyspace::IfAbsent::kLeave,
                          stream_events::kSilent, acknowledge);
  if (modified == Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  if (!args.ok()) return ctx.reply.Error(args.error());
  ctx.reply.Integer(acknowledged);
}

// --- XPENDING -----------------------------------------------------------------------------------

namespace {

struct PendingArgs {
  bool summary = false;
  int64_t min_idle_ms = 0;
  StreamId from, to;
  int64_t count = 0;
  std::optional<std::string_view> consumer;
};

// [[IDLE ms] start end count [consumer]]
PendingArgs ReadPendingArgs(ArgReader& args) {
  PendingArgs call;
  call.summary = args.empty();
  if (call.summary) return call;
  if (args.left() < 3 || args.left() > 6) {
    args.FailSyntax();
    return call;
  }
  if (args.Accept("IDLE")) {
    call.min_idle_ms = args.Integer();
    if (args.ok() && args.left() < 3) args.FailSyntax();
  }
  ArgReader ahead = args;  // The count is looked at first.
  ahead.Skip(2);
  call.count = std::max<int64_t>(0, ahead.Integer());
  if (!ahead.ok()) args.Fail(ahead.error());
  call.from = ReadIntervalStart(args);
  call.to = ReadIntervalEnd(args);
  args.Skip();
  if (!args.empty()) call.consumer = args.Next();
  return call;
}

void ReplySummary(CommandContext& ctx, const ConsumerGroup& group) {
  const auto& pending = group.pending();
  ctx.reply.Array(4);
  ctx.reply.Integer(static_cast<int64_t>(pending.size()));
  if (pending.empty()) {
    ctx.reply.Null();
    ctx.reply.Null();
    return ctx.reply.NullArray();
  }
  ReplyStreamId(ctx.reply, pending.Front().id);
  ReplyStreamId(ctx.reply, pending.Back().id);
  const auto open = ctx.reply.OpenArray(group.consumers().size());
  size_t consumers = 0;
  for (const auto& consumer : group.consumers()) {
    if (consumer->pending.empty()) continue;
    ctx.reply.Array(2);
    ctx.reply.Bulk(consumer->name);
    ctx.reply.BulkInteger(static_cast<int64_t>(consumer->pending.size()));
    ++consumers;
  }
  ctx.reply.Close(open, consumers);
}

// False if it has not been idle for long enough.
bool ReplyPending(CommandContext& ctx, const Pending& pending, int64_t min_idle_ms) {
  const int64_t idle = ctx.keyspace.now() - pending.delivery_time;
  if (min_idle_ms != 0 && idle < min_idle_ms) return false;
  ctx.reply.Array(4);
  ReplyStreamId(ctx.reply, pending.id);
  ctx.reply.Bulk(pending.consumer->name);
  ctx.reply.Integer(std::max<int64_t>(0, idle));
  ctx.reply.Integer(static_cast<int64_t>(pending.delivery_count));
  return true;
}

// fn(record) for what is asked for, until it returns false.
template <class F>
void ForEachPending(const ConsumerGroup& group, const Consumer* consumer, const PendingArgs& call,
                    F fn) {
  const auto& pending = group.pending();
  auto at = pending.LowerBound(call.from);
  if (consumer == nullptr) {
    return pending.ForEachFrom(
        at, [&](const Pending& record) { return record.id <= call.to && fn(record); });
  }
  // The consumer's IDs lead through the group's records, which are in the same order: the next one
  // is mostly near, and else looked up.
  constexpr int kNear = 16;
  const auto& own = consumer->pending;
  for (auto next = own.LowerBound(call.from); next != own.End() && own.At(next).id <= call.to;
       next = own.Next(next)) {
    const StreamId id = own.At(next).id;
    for (int i = 0; i < kNear && pending.At(at).id < id; ++i) at = pending.Next(at);
    if (pending.At(at).id != id) at = pending.LowerBound(id);
    if (!fn(pending.At(at))) return;
  }
}

// Of all that the group has, or of one consumer's.
void ReplyPendingList(CommandContext& ctx, const ConsumerGroup& group, const Consumer* consumer,
                      const PendingArgs& call) {
  const auto& pending = group.pending();
  const size_t there = consumer == nullptr ? pending.size() : consumer->pending.size();
  const auto most = std::min<uint64_t>(static_cast<uint64_t>(call.count), there);
  const auto open = ctx.reply.OpenArray(most);
  uint64_t replied = 0;
  const auto reply = [&](const Pending& record) {
    if (ReplyPending(ctx, record, call.min_idle_ms)) ++replied;
    return replied < most;
  };
  if (most > 0) ForEachPending(group, consumer, call, reply);
  ctx.reply.Close(open, replied);
}

}  // namespace

void XPending(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view name = args.Next();
  const PendingArgs call = ReadPendingArgs(args);
  if (!args.ok()) return ctx.reply.Error(args.error());
  const auto found = ctx.keyspace.ReadAs(key, store::Type::kStream);
  if (found.other_type) return ctx.reply.Error(errors::kWrongType);
  ConsumerGroup* group = found ? StreamOf(*found.entry).FindGroup(name) : nullptr;
  if (group == nullptr) return ctx.reply.Error(NoGroup(key.bytes, name));
  if (call.summary) return ReplySummary(ctx, *group);
  const Consumer* consumer = call.consumer ? group->FindConsumer(*call.consumer) : nullptr;
  if (call.consumer && consumer == nullptr) return ctx.reply.Array(0);
  ReplyPendingList(ctx, *group, consumer, call);
}

}  // namespace henge::commands
