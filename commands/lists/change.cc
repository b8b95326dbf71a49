// SPDX-License-Identifier: Apache-2.0
#include "commands/lists/events.h"
#include "commands/lists/handlers.h"
#include "commands/lists/index_range.h"

namespace henge::commands {
namespace {

using store::Entry;
using store::Keyspace;
using store::List;
using store::ListEnd;
using Modified = Keyspace::Modified;

// Runs change(List&) on an existing list.
template <class F>
Modified Change(CommandContext& ctx, const store::Key& key, const store::Event& event, F change) {
  return ctx.keyspace.Modify(key, store::Type::kList, Keyspace::IfAbsent::kLeave, event,
                             [&](Entry& entry) {
                               List list(entry, ctx.keyspace.store());
                               return change(list);
                             });
}

// False after replying for a key that is absent, or of another type.
bool WasThere(CommandContext& ctx, Modified state, int64_t reply_absent) {
  if (state == Modified::kDone) return true;
  state == Modified::kOtherType ? ctx.reply.Error(errors::kWrongType)
                                : ctx.reply.Integer(reply_absent);
  return false;
}

}  // namespace

void LSet(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const int64_t index = args.Integer();
  const std::string_view text = args.ok() ? args.Next() : std::string_view();
  bool done = false;
  const auto state = Change(ctx, key, list_events::kLSet, [&](List& list) {
    const int64_t at = index < 0 ? index + static_cast<int64_t>(list.size()) : index;
    done = args.ok() && at >= 0 && list.Set(static_cast<uint64_t>(at), text);
    return done;
  });
  if (state == Modified::kAbsent) return ctx.reply.Error(errors::kNoSuchKey);
  if (state == Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  if (!args.ok()) return ctx.reply.Error(args.error());
  done ? ctx.reply.Ok() : ctx.reply.Error(errors::kIndexOutOfRange);
}

void LInsert(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const bool after = args.Accept("AFTER");
  if (!after && !args.Accept("BEFORE")) return ctx.reply.Error(errors::kSyntax);
  const std::string_view pivot = args.Next();
  const std::string_view text = args.Next();
  int64_t size = -1;
  const auto state = Change(ctx, key, list_events::kLInsert, [&](List& list) {
    if (!list.Insert(pivot, after, text)) return false;
    size = static_cast<int64_t>(list.size());
    return true;
  });
  if (WasThere(ctx, state, 0)) ctx.reply.Integer(size);
}

void LRem(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const int64_t count = args.Integer();
  if (!args.ok()) return ctx.reply.Error(args.error());
  const std::string_view text = args.Next();
  const ListEnd from = count < 0 ? ListEnd::kTail : ListEnd::kHead;
  const uint64_t magnitude =
      count < 0 ? 0 - static_cast<uint64_t>(count) : static_cast<uint64_t>(count);
  const uint64_t limit = magnitude == 0 ? UINT64_MAX : magnitude;
  uint64_t removed = 0;
  const auto state = Change(ctx, key, list_events::kLRem, [&](List& list) {
    removed = list.Remove(text, limit, from);
    return removed > 0;
  });
  if (WasThere(ctx, state, 0)) ctx.reply.Integer(static_cast<int64_t>(removed));
}

void LTrim(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const int64_t start = args.Integer();
  const int64_t stop = args.Integer();
  if (!args.Done()) return ctx.reply.Error(args.error());
  const auto state = Change(ctx, key, list_events::kLTrim, [&](List& list) {
    const IndexRange range = IndexRange::Of(start, stop, list.size());
    list.Trim(range.first, range.count);
    return true;
  });
  if (state == Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  ctx.reply.Ok();
}

}  // namespace henge::commands
