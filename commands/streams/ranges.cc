// SPDX-License-Identifier: Apache-2.0
// XRANGE, XREVRANGE: the entries between two IDs.
#include "commands/streams/entry_reply.h"
#include "commands/streams/handlers.h"
#include "commands/streams/stream_args.h"

namespace henge::commands {
namespace {

using Order = store::StreamReader::Order;

void Range(CommandContext& ctx, ArgReader& args, Order order) {
  const store::Key key = args.Key();
  store::StreamId from, to;
  if (order == Order::kForward) {
    from = ReadIntervalStart(args);
    to = ReadIntervalEnd(args);
  } else {
    // Of two that are wrong Redis names the lower end first.
    ArgReader ahead = args;
    ahead.Skip();
    from = ReadIntervalStart(ahead);
    if (!ahead.ok()) return ctx.reply.Error(ahead.error());
    to = ReadIntervalEnd(args);
    args.Skip();
  }
  std::optional<int64_t> count;
  while (args.ok() && !args.empty()) {
    if (args.left() >= 2 && args.Accept("COUNT")) {
      count = std::max<int64_t>(0, args.Integer());
    } else {
      args.FailSyntax();
    }
  }
  if (!args.Done()) return ctx.reply.Error(args.error());
  const auto found = ctx.keyspace.ReadAs(key, store::Type::kStream);
  if (found.other_type) return ctx.reply.Error(errors::kWrongType);
  if (!found) return ctx.reply.Array(0);
  if (count == 0) return ctx.reply.NullArray();
  const store::Stream& stream = StreamOf(*found.entry);
  store::StreamReader reader(stream, from, to, order);
  ReplyEntries(ctx.reply, reader, static_cast<uint64_t>(count.value_or(0)), stream.length());
}

}  // namespace

void XRange(CommandContext& ctx, ArgReader& args) { Range(ctx, args, Order::kForward); }
void XRevRange(CommandContext& ctx, ArgReader& args) { Range(ctx, args, Order::kBackward); }

}  // namespace henge::commands
