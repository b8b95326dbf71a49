// SPDX-License-Identifier: Apache-2.0
// Commands on members of one set, and SMOVE.
#include "commands/scan_args.h"
#include "commands/sets/handlers.h"
#include "commands/sets/set_results.h"

namespace henge::commands {

using store::Keyspace;
using store::SetElement;
using store::SetView;

void SAdd(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const auto members = args.all().subspan(args.position());
  int64_t added = 0;
  const auto done = ctx.keyspace.Modify(key, store::Type::kSet, Keyspace::IfAbsent::kCreate,
                                        events::kSAdd, [&](store::Entry& entry) {
                                          store::Set set(entry, Limits(ctx));
                                          set.Expect(members[0], members.size());
                                          for (const std::string_view member : members)
                                            added += set.Add(member) ? 1 : 0;
                                          return added > 0;
                                        });
  if (done == Keyspace::Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  ctx.reply.Integer(added);
}

void SRem(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  int64_t removed = 0;
  const auto done = ctx.keyspace.Modify(key, store::Type::kSet, Keyspace::IfAbsent::kLeave,
                                        events::kSRem, [&](store::Entry& entry) {
                                          store::Set set(entry, Limits(ctx));
                                          while (!args.empty() && !set.empty())
                                            removed += set.Remove(args.Next()) ? 1 : 0;
                                          return removed > 0;
                                        });
  if (done == Keyspace::Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  ctx.reply.Integer(removed);
}

void SIsMember(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view member = args.Next();
  ReadSet(
      ctx, key, [&](SetView set) { ctx.reply.Integer(set.Contains(member) ? 1 : 0); },
      [&] { ctx.reply.Integer(0); });
}

void SMIsMember(CommandContext& ctx, ArgReader& args) {
  const auto found = ctx.keyspace.ReadAs(args.Key(), store::Type::kSet);
  if (found.other_type) return ctx.reply.Error(errors::kWrongType);
  ctx.reply.Array(args.left());
  while (!args.empty()) {
    const std::string_view member = args.Next();
    ctx.reply.Integer(found && SetView(*found.entry).Contains(member) ? 1 : 0);
  }
}

void SCard(CommandContext& ctx, ArgReader& args) {
  ReadSet(
      ctx, args.Key(), [&](SetView set) { ctx.reply.Integer(static_cast<int64_t>(set.size())); },
      [&] { ctx.reply.Integer(0); });
}

void SMembers(CommandContext& ctx, ArgReader& args) {
  const auto reply = [&](SetView set) {
    ctx.reply.Set(set.size());
    set.ForEach([&](const SetElement& element) { ReplyElement(ctx.reply, element); });
  };
  ReadSet(ctx, args.Key(), reply, [&] { ctx.reply.Set(0); });
}

void SMove(CommandContext& ctx, ArgReader& args) {
  const store::Key from = args.Key();
  const store::Key to = args.Key();
  const std::string_view member = args.Next();
  const auto source = ctx.keyspace.FindAs(from, store::Type::kSet);
  const auto target = ctx.keyspace.FindAs(to, store::Type::kSet);
  if (!source && !source.other_type) return ctx.reply.Integer(0);
  if (source.other_type || target.other_type) return ctx.reply.Error(errors::kWrongType);
  if (source.entry == target.entry || !SetView(*source.entry).Contains(member)) {
    return ctx.reply.Integer(SetView(*source.entry).Contains(member) ? 1 : 0);
  }
  ctx.keyspace.Modify(
      from, store::Type::kSet, Keyspace::IfAbsent::kLeave, events::kSRem,
      [&](store::Entry& entry) { return store::Set(entry, Limits(ctx)).Remove(member); });
  ctx.keyspace.Modify(to, store::Type::kSet, Keyspace::IfAbsent::kCreate, events::kSAdd,
                      [&](store::Entry& entry) {
                        store::Set set(entry, Limits(ctx));
                        if (set.empty()) set.Expect(member, 1);
                        return set.Add(member);
                      });
  ctx.reply.Integer(1);
}

void SScan(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const auto start = ParseScanCursor(args.Next());
  if (!start) return ctx.reply.Error(kInvalidCursor);
  ScanReply found(ctx.reply.protocol());
  const auto scan = [&](SetView set) {
    const ScanOptions options = ReadScanOptions(args);
    if (!args.Done()) return ctx.reply.Error(args.error());
    uint64_t cursor = *start;
    do {
      cursor = set.Scan(cursor, [&](const SetElement& element) {
        found.CountVisit();
        SetElement::Digits digits;
        const std::string_view text = element.Text(digits);
        if (options.Takes(text)) found.Add(text);
      });
    } while (cursor != 0 && found.visited() < options.count);
    found.WriteTo(ctx.reply, cursor);
  };
  ReadSet(ctx, key, scan, [&] { found.WriteTo(ctx.reply, 0); });
}

}  // namespace henge::commands
