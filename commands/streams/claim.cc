// SPDX-License-Identifier: Apache-2.0
// XCLAIM, XAUTOCLAIM: what is pending for one consumer becomes another's.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "base/strings.h"
#include "commands/streams/entry_reply.h"
#include "commands/streams/group_effects.h"
#include "commands/streams/handlers.h"
#include "commands/streams/stream_args.h"
#include "commands/streams/stream_events.h"

namespace henge::commands {
namespace {

using store::Consumer;
using store::ConsumerGroup;
using store::Pending;
using store::Stream;
using store::StreamId;
using store::StreamReader;
using Modified = store::Keyspace::Modified;

Consumer& ConsumerNamed(CommandContext& ctx, ConsumerGroup& group, std::string_view name,
                        store::Event& event) {
  Consumer* consumer = group.FindConsumer(name);
  if (consumer == nullptr) {
    consumer = &group.AddConsumer(name, ctx.keyspace.now());
    event = stream_events::kCreateConsumer;
  }
  consumer->seen_time = ctx.keyspace.now();
  return *consumer;
}

// --- XCLAIM -------------------------------------------------------------------------------------

struct ClaimArgs {
  int64_t min_idle_ms = 0;
  StreamIds ids;
  std::optional<int64_t> delivery_time;
  int64_t retry_count = -1;  // Not given.
  bool force = false;
  bool just_id = false;
  StreamId last_id;
};

// min-idle-time id … [option …]
ClaimArgs ReadClaimArgs(ArgReader& args, UnixMillis now) {
  ClaimArgs call;
  call.min_idle_ms =
      std::max<int64_t>(0, args.IntegerOr("ERR Invalid min-idle-time argument for XCLAIM"));
  // What is no ID is the first option.
  for (; args.ok() && !args.empty(); args.Skip()) {
    const auto id = store::ParseStreamId(args.Peek(), 0);
    if (!id) break;
    call.ids.push_back(*id);
  }
  while (args.ok() && !args.empty()) {
    const bool more = args.left() >= 2;
    if (args.Accept("FORCE")) {
      call.force = true;
    } else if (args.Accept("JUSTID")) {
      call.just_id = true;
    } else if (more && args.Accept("IDLE")) {
      const auto idle =
          static_cast<uint64_t>(args.IntegerOr("ERR Invalid IDLE option argument for XCLAIM"));
      call.delivery_time = static_cast<int64_t>(static_cast<uint64_t>(now) - idle);
    } else if (more && args.Accept("TIME")) {
      call.delivery_time = args.IntegerOr("ERR Invalid TIME option argument for XCLAIM");
    } else if (more && args.Accept("RETRYCOUNT")) {
      call.retry_count = args.IntegerOr("ERR Invalid RETRYCOUNT option argument for XCLAIM");
    } else if (more && args.Accept("LASTID")) {
      call.last_id = ReadStreamId(args);
    } else {
      args.Fail(fmt::format("ERR Unrecognized XCLAIM option '{}'", args.Peek()));
    }
  }
  return call;
}

class Claim {
 public:
  Claim(CommandContext& ctx, std::string_view key, Stream& stream, ConsumerGroup& group,
        Consumer& consumer, const ClaimArgs& call)
      : ctx_(ctx), key_(key), stream_(stream), group_(group), consumer_(consumer), call_(call) {}

  // Claims every ID and replies; returns whether anything was said of it.
  bool Run(bool last_id_changed) {
    const auto open = ctx_.reply.OpenArray(call_.ids.size());
    size_t claimed = 0;
    for (const StreamId& id : call_.ids) claimed += ClaimOne(id) ? 1 : 0;
    ctx_.reply.Close(open, claimed);
    if (last_id_changed && !told_) {
      TellLastId(ctx_, key_, group_);
      told_ = true;
    }
    return told_;
  }

 private:
  bool ClaimOne(const StreamId& id) {
    Pending* pending = group_.FindPending(id);
    StreamReader reader(stream_, id, id);
    if (!reader.Next()) {
      if (pending != nullptr) Drop(*pending);
      return false;
    }
    if (pending == nullptr) {
      if (!call_.force) return false;
      pending = &group_.Deliver(id, consumer_, now());
    } else if (call_.min_idle_ms > 0 && now() - pending->delivery_time < call_.min_idle_ms) {
      return false;
    }
    group_.Reassign(*pending, consumer_);
    pending->delivery_time = DeliveryTime();
    if (call_.retry_count >= 0) {
      pending->delivery_count = static_cast<uint64_t>(call_.retry_count);
    } else if (!call_.just_id) {
      ++pending->delivery_count;
    }
    consumer_.active_time = now();
    if (call_.just_id) {
      ReplyStreamId(ctx_.reply, id);
    } else {
      ReplyEntry(ctx_.reply, reader);
    }
    Tell(*pending);
    return true;
  }

  // Its entry is no longer there.
  void Drop(const Pending& pending) {
    Tell(pending);
    group_.Acknowledge(pending.id);
  }

  // A time in the future, or before all time, is a client's clock gone wrong.
  UnixMillis DeliveryTime() const {
    const int64_t time = call_.delivery_time.value_or(now());
    return time < 0 || time > now() ? now() : time;
  }

  void Tell(const Pending& pending) {
    TellPending(ctx_, key_, group_, pending);
    told_ = true;
  }
  UnixMillis now() const { return ctx_.keyspace.now(); }

  CommandContext& ctx_;
  std::string_view key_;
  Stream& stream_;
  ConsumerGroup& group_;
  Consumer& consumer_;
  const ClaimArgs& call_;
  bool told_ = false;
};

}  // namespace

void XClaim(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view name = args.Next();
  const std::string_view consumer_name = args.Next();
  store::Event event = stream_events::kSilent;
  bool found = false;
  ctx.effects.Nothing();  // But for what each claim says.
  const auto claim = [&](store::Entry& entry) {
    Stream& stream = StreamOf(entry);
    ConsumerGroup* group = stream.FindGroup(name);
    found = group != nullptr;
    if (!found) return false;
    const ClaimArgs call = ReadClaimArgs(args, ctx.keyspace.now());
    if (!args.ok()) return false;
    const bool last_id_changed = call.last_id > group->last_id;
    if (last_id_changed) group->last_id = call.last_id;
    Consumer& consumer = ConsumerNamed(ctx, *group, consumer_name, event);
    const bool told = Claim(ctx, key.bytes, stream, *group, consumer, call).Run(last_id_changed);
    return told || !event.name.empty();
  };
  const Modified modified = ctx.keyspace.Modify(key, store::Type::kStream,
                                                store::Keyspace::IfAbsent::kLeave, event, claim);
  if (modified == Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  if (!found) return ctx.reply.Error(NoGroup(key.bytes, name));
  if (!args.ok()) ctx.reply.Error(args.error());
}

// --- XAUTOCLAIM ---------------------------------------------------------------------------------

namespace {

struct AutoClaimArgs {
  int64_t min_idle_ms = 0;
  StreamId start;
  int64_t count = 100;
  bool just_id = false;
};

constexpr int64_t kAttemptsPerClaim = 10;

AutoClaimArgs ReadAutoClaimArgs(ArgReader& args) {
  AutoClaimArgs call;
  call.min_idle_ms =
      std::max<int64_t>(0, args.IntegerOr("ERR Invalid min-idle-time argument for XAUTOCLAIM"));
  call.start = ReadIntervalStart(args);
  while (args.ok() && !args.empty()) {
    if (args.left() >= 2 && args.Accept("COUNT")) {
      constexpr int64_t kMost =
          std::numeric_limits<int64_t>::max() / static_cast<int64_t>(sizeof(StreamId));
      constexpr std::string_view kNotPositiveCount = "ERR COUNT must be > 0";
      call.count = args.IntegerOr(kNotPositiveCount);
      if (call.count < 1 || call.count > kMost) args.Fail(kNotPositiveCount);
    } else if (args.Accept("JUSTID")) {
      call.just_id = true;
    } else {
      args.FailSyntax();
    }
  }
  return call;
}

// What an XAUTOCLAIM came to.
struct AutoClaimed {
  std::vector<StreamId> claimed;
  std::vector<StreamId> deleted;  // Pending no more: their entries are gone.
  StreamId next;                  // Where to go on; 0-0 at the end.
};

AutoClaimed ClaimFrom(CommandContext& ctx, std::string_view key, const Stream& stream,
                      ConsumerGroup& group, Consumer& consumer, const AutoClaimArgs& call) {
  AutoClaimed result;
  const UnixMillis now = ctx.keyspace.now();
  int64_t attempts = call.count * kAttemptsPerClaim;
  int64_t left = call.count;
  auto at = group.pending().LowerBound(call.start);
  while (at != group.pending().End() && attempts > 0 && left > 0) {
    --attempts;
    Pending& pending = group.At(at);
    if (!StreamReader(stream, pending.id, pending.id).Next()) {
      TellPending(ctx, key, group, pending);
      result.deleted.push_back(pending.id);
      at = group.Acknowledge(at);
      --left;
      continue;
    }
    at = group.pending().Next(at);
    if (call.min_idle_ms > 0 && now - pending.delivery_time < call.min_idle_ms) continue;
    group.Reassign(pending, consumer);
    pending.delivery_time = now;
    if (!call.just_id) ++pending.delivery_count;
    consumer.active_time = now;
    TellPending(ctx, key, group, pending);
    result.claimed.push_back(pending.id);
    --left;
  }
  if (at != group.pending().End()) result.next = group.At(at).id;
  return result;
}

void ReplyAutoClaimed(CommandContext& ctx, const Stream& stream, const AutoClaimed& result,
                      bool just_id) {
  ctx.reply.Array(3);
  ReplyStreamId(ctx.reply, result.next);
  ctx.reply.Array(result.claimed.size());
  for (const StreamId& id : result.claimed) {
    if (just_id) {
      ReplyStreamId(ctx.reply, id);
      continue;
    }
    StreamReader reader(stream, id, id);
    reader.Next();
    ReplyEntry(ctx.reply, reader);
  }
  ctx.reply.Array(result.deleted.size());
  for (const StreamId& id : result.deleted) ReplyStreamId(ctx.reply, id);
}

}  // namespace

void XAutoClaim(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view name = args.Next();
  const std::string_view consumer_name = args.Next();
  const AutoClaimArgs call = ReadAutoClaimArgs(args);
  if (!args.Done()) return ctx.reply.Error(args.error());
  store::Event event = stream_events::kSilent;
  bool found = false;
  ctx.effects.Nothing();  // But for what each claim says.
  const auto claim = [&](store::Entry& entry) {
    Stream& stream = StreamOf(entry);
    ConsumerGroup* group = stream.FindGroup(name);
    found = group != nullptr;
    if (!found) return false;
    Consumer& consumer = ConsumerNamed(ctx, *group, consumer_name, event);
    const AutoClaimed result = ClaimFrom(ctx, key.bytes, stream, *group, consumer, call);
    ReplyAutoClaimed(ctx, stream, result, call.just_id);
    return !result.claimed.empty() || !result.deleted.empty() || !event.name.empty();
  };
  const Modified modified = ctx.keyspace.Modify(key, store::Type::kStream,
                                                store::Keyspace::IfAbsent::kLeave, event, claim);
  if (modified == Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  if (!found) ctx.reply.Error(NoGroup(key.bytes, name));
}

}  // namespace henge::commands
