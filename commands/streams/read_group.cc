// SPDX-License-Identifier: Apache-2.0
// XREADGROUP: a consumer takes what its group has not had yet (">"), or sees again what it has not
// acknowledged (any other ID).
#include <algorithm>

#include "commands/blocking.h"
#include "commands/streams/entry_reply.h"
#include "commands/streams/group_effects.h"
#include "commands/streams/handlers.h"
#include "commands/streams/read_args.h"
#include "commands/streams/stream_args.h"
#include "commands/streams/stream_events.h"

namespace henge::commands {
namespace {

using store::Consumer;
using store::ConsumerGroup;
using store::Stream;
using store::StreamId;
using store::StreamReader;

// What is asked of one stream: entries new to the group, or history behind an ID.
struct Wanted {
  bool is_new = false;
  StreamId behind;
};

std::optional<Wanted> ReadWanted(std::string_view text, ArgReader& args) {
  if (text == ">") return Wanted{.is_new = true};
  if (text == "$") {
    args.Fail(
        "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history "
        "of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ "
        "ID would just return an empty result set.");
  } else if (const auto id = store::ParseStreamId(text, 0)) {
    // The greatest ID is how Redis itself says ">".
    return *id == store::kMaxStreamId ? Wanted{.is_new = true} : Wanted{.behind = *id};
  }
  args.Fail(errors::kInvalidStreamId);
  return std::nullopt;
}

// A key that cannot be seen: this is a retry, and its shard is not held.
bool IsHidden(const CommandContext& ctx, const store::Key& key) {
  return ctx.retry && !ctx.keyspace.locks().Holds(ctx.keyspace.store().ShardOf(key.slot));
}

class GroupRead {
 public:
  GroupRead(CommandContext& ctx, const ReadArgs& call)
      : ctx_(ctx), call_(call), reply_(ctx.reply, call.keys.size()) {}

  // Serves one stream. REQUIRES: the group is there.
  void Serve(const store::Key& key, const Wanted& wanted) {
    store::Event event = stream_events::kSilent;
    ctx_.keyspace.Modify(key, store::Type::kStream, store::Keyspace::IfAbsent::kLeave, event,
                         [&](store::Entry& entry) {
                           return ServeStream(key.bytes, StreamOf(entry), wanted, event);
                         });
  }
  bool Finish() { return reply_.Finish(); }

 private:
  // Whether anything changed.
  bool ServeStream(std::string_view key, Stream& stream, const Wanted& wanted,
                   store::Event& event) {
    ConsumerGroup& group = *stream.FindGroup(call_.group);
    Consumer* consumer = group.FindConsumer(call_.consumer);
    const bool created = consumer == nullptr;
    if (created) {
      consumer = &group.AddConsumer(call_.consumer, now());
      event = stream_events::kCreateConsumer;
      if (call_.no_ack) TellConsumer(ctx_, key, group, consumer->name);
    }
    consumer->seen_time = now();
    if (!wanted.is_new) {
      reply_.Begin(key);
      ReplyHistory(stream, group, *consumer, wanted.behind);
      return true;
    }
    return Deliver(key, stream, group, *consumer) || created;
  }

  bool Deliver(std::string_view key, const Stream& stream, ConsumerGroup& group,
               Consumer& consumer) {
    const auto from = group.last_id.Next();
    if (!from || stream.last_id() < *from) return false;
    StreamReader reader(stream, *from, store::kMaxStreamId);
    if (!reader.Next()) return false;
    reply_.Begin(key);
    const uint64_t most = stream.length();
    const auto open = ctx_.reply.OpenArray(call_.count == 0 ? most : std::min(most, call_.count));
    uint64_t entries = 0;
    do {
      stream.Advance(group, reader.id());
      ReplyEntry(ctx_.reply, reader);
      if (!call_.no_ack) {
        const store::Pending& pending = group.Deliver(reader.id(), consumer, now());
        consumer.active_time = now();
        TellPending(ctx_, key, group, pending);
      }
      ++entries;
    } while (entries != call_.count && reader.Next());
    ctx_.reply.Close(open, entries);
    if (call_.no_ack) TellLastId(ctx_, key, group);
    return true;
  }

  // What is pending for the consumer behind an ID; entries that are no longer there without fields.
  void ReplyHistory(const Stream& stream, ConsumerGroup& group, const Consumer& consumer,
                    const StreamId& behind) {
    const auto& pending = consumer.pending;
    auto at = pending.LowerBound(behind.Next().value_or(store::kMaxStreamId));
    const auto open = ctx_.reply.OpenArray(1);
    uint64_t entries = 0;
    for (; at != pending.End() && (call_.count == 0 || entries < call_.count); ++entries) {
      const StreamId id = pending.At(at).id;
      StreamReader reader(stream, id, id);
      if (reader.Next()) {
        ReplyEntry(ctx_.reply, reader);
        store::Pending& record = *group.FindPending(id);
        record.delivery_time = now();
        ++record.delivery_count;
      } else {
        ctx_.reply.Array(2);
        ReplyStreamId(ctx_.reply, id);
        ctx_.reply.NullArray();
      }
      at = pending.Next(at);
    }
    ctx_.reply.Close(open, entries);
  }

  UnixMillis now() const { return ctx_.keyspace.now(); }

  CommandContext& ctx_;
  const ReadArgs& call_;
  StreamsReply reply_;
};

}  // namespace

void XReadGroup(CommandContext& ctx, ArgReader& args) {
  const ReadArgs call = ReadReadArgs(ctx, args, true);
  if (!args.ok()) return ctx.reply.Error(args.error());
  ctx.effects.Nothing();  // But for what deliveries say.
  absl::InlinedVector<std::optional<Wanted>, 4> wanted;
  for (size_t i = 0; i < call.keys.size(); ++i) {
    if (IsHidden(ctx, call.keys[i])) {
      wanted.push_back(std::nullopt);
      continue;
    }
    const auto found = ctx.keyspace.ReadAs(call.keys[i], store::Type::kStream);
    if (found.other_type) return ctx.reply.Error(errors::kWrongType);
    if (!found || StreamOf(*found.entry).FindGroup(call.group) == nullptr) {
      return ctx.reply.Error(
          NoGroup(call.keys[i].bytes, call.group, " in XREADGROUP with GROUP option"));
    }
    wanted.push_back(ReadWanted(call.ids[i], args));
    if (!args.ok()) return ctx.reply.Error(args.error());
  }
  GroupRead read(ctx, call);
  for (size_t i = 0; i < call.keys.size(); ++i) {
    if (wanted[i]) read.Serve(call.keys[i], *wanted[i]);
  }
  if (read.Finish()) return;
  if (!call.timeout_ms) return ctx.reply.NullArray();
  ctx.services.BlockOnKeys(ctx, {.keys = call.keys,
                                 .type = store::Type::kStream,
                                 .timeout_ms = *call.timeout_ms,
                                 .wakes_without_key = true});
}

}  // namespace henge::commands
