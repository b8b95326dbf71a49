// SPDX-License-Identifier: Apache-2.0
// XADD, XTRIM, XDEL, XLEN, XSETID: what changes a stream's entries.
#include <algorithm>
#include <utility>

#include "commands/streams/entry_reply.h"
#include "commands/streams/handlers.h"
#include "commands/streams/stream_args.h"
#include "commands/streams/stream_events.h"

namespace henge::commands {
namespace {

using store::Stream;
using store::StreamId;
using IfAbsent = store::Keyspace::IfAbsent;
using Modified = store::Keyspace::Modified;

constexpr std::string_view kNotGreater =
    "ERR The ID specified in XADD is equal or smaller than the target stream top item";

// "*", "ms-*" or a whole ID.
struct WantedId {
  bool has_ms = false;
  bool has_seq = false;
  StreamId id;
};

WantedId ReadWantedId(ArgReader& args) {
  const std::string_view text = args.Peek();
  if (text == "*") {
    args.Skip();
    return {};
  }
  if (text.size() < 2 || !text.ends_with("-*")) return {true, true, ReadStreamId(args)};
  args.Skip();
  if (const auto id = store::ParseStreamId(text.substr(0, text.size() - 2), 0);
      id && text.find('-') == text.size() - 2) {
    return {true, false, *id};
  }
  args.Fail(errors::kInvalidStreamId);
  return {};
}

// The new entry's ID, or the error.
struct ChosenId {
  StreamId id;
  std::string_view error = {};
};

ChosenId ChooseId(const Stream& stream, const WantedId& wanted, UnixMillis now) {
  const StreamId& last = stream.last_id();
  const auto next = last.Next();
  if (!next) {
    return {{}, "ERR The stream has exhausted the last possible ID, unable to add more items"};
  }
  if (!wanted.has_ms) {
    const auto ms = static_cast<uint64_t>(now);
    return {ms > last.ms ? StreamId{ms, 0} : *next};
  }
  StreamId id = wanted.id;
  if (!wanted.has_seq && id.ms == last.ms) {
    if (last.seq == UINT64_MAX) return {{}, kNotGreater};
    id.seq = last.seq + 1;
  }
  if (id <= last) return {{}, kNotGreater};
  return {id};
}

size_t BytesOf(std::span<const std::string_view> texts) {
  size_t bytes = 0;
  for (const std::string_view text : texts) bytes += text.size();
  return bytes;
}

// Says what was added and trimmed where the call does not.
void TellXAdd(CommandContext& ctx, const TrimArgs& options, size_t id_at, std::string_view id,
              std::string_view threshold) {
  std::vector<std::string_view> words = ExactTrim(ctx, options, threshold);
  const bool limit_gone = words.size() < ctx.argv.size();
  // LIMIT and its number always stand before the ID.
  words[id_at + 1 - (limit_gone ? 2 : 0)] = id;
  ctx.effects.Instead(words);
}

struct XAddCall {
  TrimArgs options;
  WantedId wanted;
  size_t id_at = 0;  // In args.all().
  store::StreamPairs pairs;
};

XAddCall ReadXAdd(CommandContext& ctx, ArgReader& args) {
  XAddCall call;
  call.options = ReadTrimArgs(ctx, args, true);
  call.id_at = args.position();
  if (args.ok() && !args.empty()) call.wanted = ReadWantedId(args);
  SettleLimit(ctx, args, call.options);
  call.pairs = args.all().subspan(args.position());
  if (args.ok() && (call.pairs.size() < 2 || call.pairs.size() % 2 == 1)) {
    args.Fail(errors::WrongArity("xadd"));
  }
  if (args.ok() && call.wanted.has_seq && call.wanted.id.IsZero()) {
    args.Fail("ERR The ID specified in XADD must be greater than 0-0");
  }
  return call;
}

}  // namespace

void XAdd(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const XAddCall call = ReadXAdd(ctx, args);
  if (!args.ok()) return ctx.reply.Error(args.error());
  const auto absent = call.options.no_create ? IfAbsent::kLeave : IfAbsent::kCreate;
  Stream::Trimmed trimmed;
  const auto add = [&](store::Entry& entry) {
    Stream& stream = StreamOf(entry);
    const ChosenId chosen = ChooseId(stream, call.wanted, ctx.keyspace.now());
    std::string_view error = chosen.error;
    if (error.empty() && BytesOf(call.pairs) > Stream::kMaxEntryBytes) {
      error = "ERR Elements are too large to be stored";
    }
    if (!error.empty()) {
      ctx.reply.Error(error);
      return false;
    }
    stream.Append(chosen.id, call.pairs, BlockLimits(ctx));
    const store::StreamIdText id(chosen.id);
    ctx.reply.Bulk(id.view());
    if (call.options.trim) trimmed = stream.Trim(*call.options.trim);
    const bool approximate = call.options.trim && call.options.trim->approximate;
    if (ctx.effects.wanted() && (approximate || !call.wanted.has_seq)) {
      const std::string threshold =
          approximate ? TrimmedTo(stream, *call.options.trim) : std::string();
      TellXAdd(ctx, call.options, call.id_at, id.view(), threshold);
    }
    return true;
  };
  const Modified modified =
      ctx.keyspace.Modify(key, store::Type::kStream, absent, stream_events::kAdd, add);
  if (modified == Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  if (modified == Modified::kAbsent) return ctx.reply.Null();
  if (trimmed.entries > 0) ctx.keyspace.AddEvent(key, stream_events::kTrim);
  Dispose(ctx, std::move(trimmed.garbage));
}

void XTrim(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const TrimArgs options = ReadTrimArgs(ctx, args, false);
  if (!args.Done()) return ctx.reply.Error(args.error());
  Stream::Trimmed trimmed;
  const auto trim = [&](store::Entry& entry) {
    Stream& stream = StreamOf(entry);
    trimmed = stream.Trim(*options.trim);
    if (trimmed.entries > 0 && options.trim->approximate && ctx.effects.wanted()) {
      ctx.effects.Instead(ExactTrim(ctx, options, TrimmedTo(stream, *options.trim)));
    }
    return trimmed.entries > 0;
  };
  const Modified modified =
      ctx.keyspace.Modify(key, store::Type::kStream, IfAbsent::kLeave, stream_events::kTrim, trim);
  if (modified == Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  ctx.reply.Integer(static_cast<int64_t>(trimmed.entries));
  Dispose(ctx, std::move(trimmed.garbage));
}

void XDel(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  int64_t deleted = 0;
  const auto erase = [&](store::Entry& entry) {
    const StreamIds ids = ReadStreamIds(args);
    if (!args.ok()) return false;
    for (const StreamId& id : ids) deleted += StreamOf(entry).Erase(id) ? 1 : 0;
    return deleted > 0;
  };
  const Modified modified = ctx.keyspace.Modify(key, store::Type::kStream, IfAbsent::kLeave,
                                                stream_events::kDelete, erase);
  if (modified == Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  if (!args.ok()) return ctx.reply.Error(args.error());
  ctx.reply.Integer(deleted);
}

void XLen(CommandContext& ctx, ArgReader& args) {
  const auto found = ctx.keyspace.ReadAs(args.Key(), store::Type::kStream);
  if (found.other_type) return ctx.reply.Error(errors::kWrongType);
  ctx.reply.Integer(found ? static_cast<int64_t>(StreamOf(*found.entry).length()) : 0);
}

// --- XSETID -------------------------------------------------------------------------------------

namespace {

struct XSetIdCall {
  StreamId last;
  std::optional<int64_t> entries_added;
  StreamId max_deleted;
};

XSetIdCall ReadXSetId(ArgReader& args) {
  XSetIdCall call;
  call.last = ReadStreamId(args);
  while (args.ok() && !args.empty()) {
    const bool more = args.left() >= 2;
    if (more && args.Accept("ENTRIESADDED")) {
      call.entries_added = args.Integer();
      if (*call.entries_added < 0) args.Fail("ERR entries_added must be positive");
    } else if (more && args.Accept("MAXDELETEDID")) {
      call.max_deleted = ReadStreamId(args);
      if (call.last < call.max_deleted) {
        args.Fail(
            "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
      }
    } else {
      args.FailSyntax();
    }
  }
  return call;
}

// The error, or empty.
std::string_view CheckXSetId(const Stream& stream, const XSetIdCall& call) {
  if (call.last < stream.max_deleted_id()) {
    return "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
  }
  if (stream.length() == 0) return {};
  if (call.last < stream.LastLiveId()) {
    return "ERR The ID specified in XSETID is smaller than the target stream top item";
  }
  if (call.entries_added && static_cast<uint64_t>(*call.entries_added) < stream.length()) {
    return "ERR The entries_added specified in XSETID is smaller than the target stream length";
  }
  return {};
}

}  // namespace

void XSetId(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const XSetIdCall call = ReadXSetId(args);
  if (!args.Done()) return ctx.reply.Error(args.error());
  std::string_view error;
  const auto set = [&](store::Entry& entry) {
    Stream& stream = StreamOf(entry);
    error = CheckXSetId(stream, call);
    if (!error.empty()) return false;
    stream.set_last_id(call.last);
    if (call.entries_added) stream.set_entries_added(static_cast<uint64_t>(*call.entries_added));
    if (!call.max_deleted.IsZero()) stream.set_max_deleted_id(call.max_deleted);
    return true;
  };
  const Modified modified =
      ctx.keyspace.Modify(key, store::Type::kStream, IfAbsent::kLeave, stream_events::kSetId, set);
  if (modified == Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  if (modified == Modified::kAbsent) error = errors::kNoSuchKey;
  if (!error.empty()) return ctx.reply.Error(error);
  ctx.reply.Ok();
}

}  // namespace henge::commands
