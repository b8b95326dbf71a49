// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>

#include "base/numbers.h"
#include "commands/lists/events.h"
#include "commands/lists/handlers.h"

namespace henge::commands {
namespace {

using store::Entry;
using store::Keyspace;
using store::List;
using store::ListEnd;
using Modified = Keyspace::Modified;

// Replies with `count` elements, in the order in which they are popped.
void ReplyPopped(CommandContext& ctx, const List& list, ListEnd end, uint64_t count) {
  const auto reply = [&](const store::ListpackElement& element) {
    ReplyElement(ctx.reply, element);
  };
  ctx.reply.Array(count);
  if (end == ListEnd::kHead) {
    list.Walk(0, count, reply);
  } else {
    list.WalkBack(list.size() - 1, count, reply);
  }
}

void Pop(CommandContext& ctx, ArgReader& args, ListEnd end) {
  const store::Key key = args.Key();
  if (args.left() > 1) return ctx.reply.Error(errors::WrongArity(ctx.spec.name));
  const bool counted = !args.empty();
  const int64_t count = counted ? args.IntegerIn(0, INT64_MAX, errors::kNotPositive) : 1;
  if (!args.ok()) return ctx.reply.Error(args.error());
  const auto form = counted ? PopForm::kElements : PopForm::kElement;
  const auto outcome = PopAndReply(ctx, key, end, form, static_cast<uint64_t>(count));
  if (outcome.state != Modified::kAbsent) return;
  counted ? ctx.reply.NullArray() : ctx.reply.Null();
}

// Whatever stood there is written before it is removed.
uint64_t PopFrom(CommandContext& ctx, List& list, const store::Key& key, ListEnd end, PopForm form,
                 uint64_t count) {
  const bool with_key = form == PopForm::kKeyAndElement || form == PopForm::kKeyAndElements;
  if (with_key) {
    ctx.reply.Array(2);
    ctx.reply.Bulk(key.bytes);
  }
  if (form == PopForm::kElement || form == PopForm::kKeyAndElement) {
    ReplyElement(ctx.reply, list.At(end));
    list.Pop(end);
    return 1;
  }
  const uint64_t size = list.size();
  count = std::min(count, size);
  ReplyPopped(ctx, list, end, count);
  list.Erase(end == ListEnd::kHead ? 0 : size - count, count);
  return count;
}

// Within one list: the element is out before it goes in, and there is one change with two events.
Modified Rotate(CommandContext& ctx, const store::Key& key, ListEnd from, ListEnd to) {
  const auto state = ctx.keyspace.Modify(key, store::Type::kList, Keyspace::IfAbsent::kLeave,
                                         list_events::Push(to), [&](Entry& entry) {
                                           List list(entry, ctx.keyspace.store());
                                           ReplyElement(ctx.reply, list.At(from));
                                           list.Rotate(from, to);
                                           return true;
                                         });
  if (state == Modified::kDone) ctx.keyspace.AddEvent(key, list_events::Pop(from));
  return state;
}

}  // namespace

PopOutcome PopAndReply(CommandContext& ctx, const store::Key& key, ListEnd end, PopForm form,
                       uint64_t count) {
  PopOutcome outcome;
  outcome.state = ctx.keyspace.Modify(key, store::Type::kList, Keyspace::IfAbsent::kLeave,
                                      list_events::Pop(end), [&](Entry& entry) {
                                        List list(entry, ctx.keyspace.store());
                                        outcome.popped = PopFrom(ctx, list, key, end, form, count);
                                        return outcome.popped > 0;
                                      });
  if (outcome.state == Modified::kOtherType) ctx.reply.Error(errors::kWrongType);
  return outcome;
}

Modified MoveAndReply(CommandContext& ctx, const store::Key& source, const store::Key& destination,
                      ListEnd from, ListEnd to) {
  const auto found = ctx.keyspace.FindAs(source, store::Type::kList);
  const bool other_type =
      found.other_type ||
      (found && ctx.keyspace.PeekAs(destination, store::Type::kList).other_type);
  if (other_type) {
    ctx.reply.Error(errors::kWrongType);
    return Modified::kOtherType;
  }
  if (!found) return Modified::kAbsent;
  if (source.bytes == destination.bytes) return Rotate(ctx, source, from, to);

  store::ListpackElement::Digits digits;
  const std::string text(List(*found.entry, ctx.keyspace.store()).At(from).Text(digits));
  ctx.keyspace.Modify(destination, store::Type::kList, Keyspace::IfAbsent::kCreate,
                      list_events::Push(to), [&](Entry& entry) {
                        List(entry, ctx.keyspace.store()).Push(to, text);
                        return true;
                      });
  ctx.keyspace.Modify(source, store::Type::kList, Keyspace::IfAbsent::kLeave,
                      list_events::Pop(from).Uncounted(), [&](Entry& entry) {
                        List(entry, ctx.keyspace.store()).Pop(from);
                        return true;
                      });
  ctx.reply.Bulk(text);
  return Modified::kDone;
}

ListEnd ReadEnd(ArgReader& args) {
  if (args.Accept("LEFT")) return ListEnd::kHead;
  if (!args.Accept("RIGHT")) args.FailSyntax();
  return ListEnd::kTail;
}

MultiPop ReadMultiPop(ArgReader& args) {
  MultiPop pop;
  pop.keys =
      static_cast<uint64_t>(args.IntegerIn(1, INT64_MAX, "ERR numkeys should be greater than 0"));
  if (!args.ok()) return pop;
  if (pop.keys >= args.left()) args.FailSyntax();
  ArgReader options = args;  // Behind the keys, which the caller reads.
  options.Skip(pop.keys);
  pop.end = ReadEnd(options);
  if (options.ok() && options.Accept("COUNT")) {
    const bool given = !options.empty();
    pop.count = static_cast<uint64_t>(
        given ? options.IntegerIn(1, INT64_MAX, "ERR count should be greater than 0") : 1);
    if (!given) options.FailSyntax();
  }
  if (!options.Done()) args.Fail(options.error());
  return pop;
}

bool MultiPopFrom(CommandContext& ctx, const store::Key& key, const MultiPop& pop) {
  const auto outcome = PopAndReply(ctx, key, pop.end, PopForm::kKeyAndElements, pop.count);
  if (outcome.state == Modified::kAbsent) return false;
  if (outcome.state == Modified::kDone) {
    char digits[kInt64Chars];
    const std::string_view count(digits, FormatUint64(outcome.popped, digits));
    ctx.effects.Instead({pop.end == ListEnd::kHead ? "LPOP" : "RPOP", key.bytes, count});
  }
  return true;
}

void LPop(CommandContext& ctx, ArgReader& args) { Pop(ctx, args, ListEnd::kHead); }
void RPop(CommandContext& ctx, ArgReader& args) { Pop(ctx, args, ListEnd::kTail); }

void LmPop(CommandContext& ctx, ArgReader& args) {
  const MultiPop pop = ReadMultiPop(args);
  if (!args.ok()) return ctx.reply.Error(args.error());
  for (uint64_t i = 0; i < pop.keys; ++i) {
    if (MultiPopFrom(ctx, args.Key(), pop)) return;
  }
  ctx.reply.NullArray();
}

void LMove(CommandContext& ctx, ArgReader& args) {
  const store::Key source = args.Key();
  const store::Key destination = args.Key();
  const ListEnd from = ReadEnd(args);
  const ListEnd to = ReadEnd(args);
  if (!args.Done()) return ctx.reply.Error(args.error());
  if (MoveAndReply(ctx, source, destination, from, to) == Modified::kAbsent) ctx.reply.Null();
}

void RPopLPush(CommandContext& ctx, ArgReader& args) {
  const store::Key source = args.Key();
  const store::Key destination = args.Key();
  const auto state = MoveAndReply(ctx, source, destination, ListEnd::kTail, ListEnd::kHead);
  if (state == Modified::kAbsent) ctx.reply.Null();
}

}  // namespace henge::commands
