// SPDX-License-Identifier: Apache-2.0
// XINFO: what there is to know of a stream, its groups and their consumers.
#include <algorithm>
#include <bit>
#include <vector>

#include "base/strings.h"
#include "commands/help.h"
#include "commands/streams/entry_reply.h"
#include "commands/streams/handlers.h"
#include "commands/streams/stream_args.h"

namespace henge::commands {
namespace {

using store::Consumer;
using store::ConsumerGroup;
using store::IdMap;
using store::Pending;
using store::PendingId;
using store::Stream;
using store::StreamId;
using store::StreamReader;

constexpr int64_t kDefaultCount = 10;

// A field of a map.
class Fields {
 public:
  explicit Fields(proto::ReplyWriter& reply) : reply_(reply) {}
  void Number(std::string_view name, uint64_t value) {
    Name(name);
    reply_.Integer(static_cast<int64_t>(value));
  }
  void Time(std::string_view name, int64_t value) {
    Name(name);
    reply_.Integer(value);
  }
  void Id(std::string_view name, const StreamId& id) {
    Name(name);
    ReplyStreamId(reply_, id);
  }
  void Text(std::string_view name, std::string_view text) {
    Name(name);
    reply_.Bulk(text);
  }
  void NumberOrNull(std::string_view name, std::optional<int64_t> value) {
    Name(name);
    value ? reply_.Integer(*value) : reply_.Null();
  }
  void Name(std::string_view name) { reply_.Bulk(name); }

 private:
  proto::ReplyWriter& reply_;
};

// The stream at the next argument; replies with the error where there is none.
const Stream* ReadStream(CommandContext& ctx, const store::Key& key) {
  const auto found = ctx.keyspace.ReadAs(key, store::Type::kStream);
  if (found) return &StreamOf(*found.entry);
  ctx.reply.Error(found.other_type ? errors::kWrongType : errors::kNoSuchKey);
  return nullptr;
}

std::optional<int64_t> EntriesRead(const ConsumerGroup& group) {
  if (group.entries_read == ConsumerGroup::kUnknown) return std::nullopt;
  return group.entries_read;
}

void ReplyEdge(CommandContext& ctx, const Stream& stream, StreamReader::Order order) {
  StreamReader reader(stream, store::kMinStreamId, store::kMaxStreamId, order);
  if (!reader.Next()) return ctx.reply.Null();
  ReplyEntry(ctx.reply, reader);
}

// --- The radix tree that Redis keeps blocks in ---------------------------------------------------

constexpr int kIdBytes = 16;

int SharedBytes(const StreamId& a, const StreamId& b) {
  if (a.ms != b.ms) return std::countl_zero(a.ms ^ b.ms) / 8;
  return 8 + std::countl_zero(a.seq ^ b.seq) / 8;
}

// How many nodes it would have: one for each block, one wherever IDs part, and one for what is
// shared between two of these.
uint64_t CountRadixNodes(const Stream& stream) {
  if (stream.blocks().empty()) return 1;
  uint64_t nodes = 0;
  std::vector<int> open;  // Depths where IDs part, on the way to the last block.
  const auto close_to = [&](int depth) {
    int child = kIdBytes;
    for (; !open.empty() && open.back() > depth; open.pop_back()) {
      nodes += child > open.back() + 1 ? 1 : 0;
      child = open.back();
    }
    nodes += child > depth + 1 ? 1 : 0;
  };
  std::optional<StreamId> last;
  stream.blocks().ForEach([&](const store::StreamBlock& block) {
    if (last) {
      const int depth = SharedBytes(*last, block.id);
      close_to(depth);
      if (open.empty() || open.back() < depth) {
        open.push_back(depth);
        ++nodes;
      }
    }
    ++nodes;
    last = block.id;
  });
  close_to(-1);
  return nodes;
}

void ReplyStreamFacts(CommandContext& ctx, const Stream& stream) {
  Fields fields(ctx.reply);
  fields.Number("length", stream.length());
  fields.Number("radix-tree-keys", stream.blocks().size());
  fields.Number("radix-tree-nodes", CountRadixNodes(stream));
  fields.Id("last-generated-id", stream.last_id());
  fields.Id("max-deleted-entry-id", stream.max_deleted_id());
  fields.Number("entries-added", stream.entries_added());
  fields.Id("recorded-first-entry-id", stream.first_id());
}

// --- FULL ---------------------------------------------------------------------------------------

// As many of a list as are to be shown: all for zero.
size_t Shown(size_t size, int64_t count) {
  return count == 0 ? size : std::min<size_t>(size, static_cast<size_t>(count));
}

void ReplyGroupPending(CommandContext& ctx, const IdMap<Pending>& pending, int64_t count) {
  size_t left = Shown(pending.size(), count);
  ctx.reply.Array(left);
  for (auto at = pending.Begin(); left > 0; at = pending.Next(at), --left) {
    const Pending& record = pending.At(at);
    ctx.reply.Array(4);
    ReplyStreamId(ctx.reply, record.id);
    ctx.reply.Bulk(record.consumer->name);
    ctx.reply.Integer(record.delivery_time);
    ctx.reply.Integer(static_cast<int64_t>(record.delivery_count));
  }
}

void ReplyFullConsumer(CommandContext& ctx, ConsumerGroup& group, const Consumer& consumer,
                       int64_t count) {
  ctx.reply.Map(5);
  Fields fields(ctx.reply);
  fields.Text("name", consumer.name);
  fields.Time("seen-time", consumer.seen_time);
  fields.Time("active-time", consumer.active_time);
  fields.Number("pel-count", consumer.pending.size());
  fields.Name("pending");
  size_t left = Shown(consumer.pending.size(), count);
  ctx.reply.Array(left);
  for (auto at = consumer.pending.Begin(); left > 0; at = consumer.pending.Next(at), --left) {
    const Pending& record = *group.FindPending(consumer.pending.At(at).id);
    ctx.reply.Array(3);
    ReplyStreamId(ctx.reply, record.id);
    ctx.reply.Integer(record.delivery_time);
    ctx.reply.Integer(static_cast<int64_t>(record.delivery_count));
  }
}

void ReplyFullGroup(CommandContext& ctx, const Stream& stream, ConsumerGroup& group,
                    int64_t count) {
  ctx.reply.Map(7);
  Fields fields(ctx.reply);
  fields.Text("name", group.name);
  fields.Id("last-delivered-id", group.last_id);
  fields.NumberOrNull("entries-read", EntriesRead(group));
  fields.NumberOrNull("lag", stream.Lag(group));
  fields.Number("pel-count", group.pending().size());
  fields.Name("pending");
  ReplyGroupPending(ctx, group.pending(), count);
  fields.Name("consumers");
  ctx.reply.Array(group.consumers().size());
  for (const auto& consumer : group.consumers()) ReplyFullConsumer(ctx, group, *consumer, count);
}

void ReplyFull(CommandContext& ctx, const Stream& stream, int64_t count) {
  ctx.reply.Map(9);
  ReplyStreamFacts(ctx, stream);
  Fields fields(ctx.reply);
  fields.Name("entries");
  StreamReader reader(stream, store::kMinStreamId, store::kMaxStreamId);
  ReplyEntries(ctx.reply, reader, static_cast<uint64_t>(count), stream.length());
  fields.Name("groups");
  ctx.reply.Array(stream.groups().size());
  for (const auto& group : stream.groups()) ReplyFullGroup(ctx, stream, *group, count);
}

}  // namespace

void XInfoStream(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const Stream* stream = ReadStream(ctx, key);
  if (stream == nullptr) return;
  if (!args.empty()) {
    const bool with_count = args.left() == 3;
    const bool sound = (args.left() == 1 || with_count) && args.Accept("FULL") &&
                       (!with_count || args.Accept("COUNT"));
    if (!sound) return ctx.reply.Error(errors::SubcommandSyntax(ctx.argv[1], "XINFO"));
    const int64_t count = with_count ? args.Integer() : kDefaultCount;
    if (!args.ok()) return ctx.reply.Error(args.error());
    return ReplyFull(ctx, *stream, count < 0 ? kDefaultCount : count);
  }
  ctx.reply.Map(10);
  ReplyStreamFacts(ctx, *stream);
  Fields fields(ctx.reply);
  fields.Number("groups", stream->groups().size());
  fields.Name("first-entry");
  ReplyEdge(ctx, *stream, StreamReader::Order::kForward);
  fields.Name("last-entry");
  ReplyEdge(ctx, *stream, StreamReader::Order::kBackward);
}

void XInfoGroups(CommandContext& ctx, ArgReader& args) {
  const Stream* stream = ReadStream(ctx, args.Key());
  if (stream == nullptr) return;
  ctx.reply.Array(stream->groups().size());
  for (const auto& group : stream->groups()) {
    ctx.reply.Map(6);
    Fields fields(ctx.reply);
    fields.Text("name", group->name);
    fields.Number("consumers", group->consumers().size());
    fields.Number("pending", group->pending().size());
    fields.Id("last-delivered-id", group->last_id);
    fields.NumberOrNull("entries-read", EntriesRead(*group));
    fields.NumberOrNull("lag", stream->Lag(*group));
  }
}

void XInfoConsumers(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view name = args.Next();
  const Stream* stream = ReadStream(ctx, key);
  if (stream == nullptr) return;
  const ConsumerGroup* group = stream->FindGroup(name);
  if (group == nullptr) return ctx.reply.Error(NoGroupInKey(key.bytes, name));
  const UnixMillis now = ctx.keyspace.now();
  ctx.reply.Array(group->consumers().size());
  for (const auto& consumer : group->consumers()) {
    ctx.reply.Map(4);
    Fields fields(ctx.reply);
    fields.Text("name", consumer->name);
    fields.Number("pending", consumer->pending.size());
    fields.Time("idle", std::max<int64_t>(0, now - consumer->seen_time));
    const bool active = consumer->active_time != Consumer::kNever;
    fields.Time("inactive", active ? now - consumer->active_time : Consumer::kNever);
  }
}

void XInfoHelp(CommandContext& ctx, ArgReader&) {
  static constexpr std::string_view kLines[] = {
      "CONSUMERS <key> <groupname>",
      "    Lists the consumers of a group.",
      "GROUPS <key>",
      "    Lists the groups of a stream.",
      "STREAM <key> [FULL [COUNT <count>]",
      "    Tells about the stream; with FULL also its entries and what is pending.",
  };
  ReplyHelp(ctx, "xinfo", kLines);
}

}  // namespace henge::commands
