// SPDX-License-Identifier: Apache-2.0
// What reads one sorted set and walks no range of it: sizes, scores, ranks, ZSCAN.
#include <fmt/format.h>

#include "base/numbers.h"
#include "commands/context.h"
#include "commands/scan_args.h"
#include "commands/sorted_sets/handlers.h"
#include "commands/sorted_sets/range_args.h"
#include "store/sorted_set/sorted_set.h"

namespace henge::commands {
namespace {

using store::SortedSet;

store::Keyspace::Typed Read(CommandContext& ctx, const store::Key& key) {
  return ctx.keyspace.ReadAs(key, store::Type::kSortedSet);
}

template <class Range>
void Count(CommandContext& ctx, ArgReader& args, const store::Key& key, const Range& range) {
  if (!args.Done()) return ctx.reply.Error(args.error());
  const auto found = Read(ctx, key);
  if (found.other_type) return ctx.reply.Error(errors::kWrongType);
  ctx.reply.Integer(found ? static_cast<int64_t>(SortedSet(*found.entry).RanksOf(range).size())
                          : 0);
}

void Rank(CommandContext& ctx, ArgReader& args, bool reverse) {
  const store::Key key = args.Key();
  const std::string_view member = args.Next();
  if (args.left() > 1) return ctx.reply.Error(errors::WrongArity(ctx.spec.name));
  const bool with_score = args.Accept("WITHSCORE");
  if (!args.Done()) return ctx.reply.Error(args.error());
  const auto found = Read(ctx, key);
  if (found.other_type) return ctx.reply.Error(errors::kWrongType);
  const auto place = found ? SortedSet(*found.entry).Find(member) : std::nullopt;
  if (!place) return with_score ? ctx.reply.NullArray() : ctx.reply.Null();
  const size_t rank = reverse ? SortedSet(*found.entry).size() - 1 - place->rank : place->rank;
  if (with_score) ctx.reply.Array(2);
  ctx.reply.Integer(static_cast<int64_t>(rank));
  if (with_score) ctx.reply.Double(place->score);
}

}  // namespace

void ZCard(CommandContext& ctx, ArgReader& args) {
  const auto found = Read(ctx, args.Key());
  if (found.other_type) return ctx.reply.Error(errors::kWrongType);
  ctx.reply.Integer(found ? static_cast<int64_t>(SortedSet(*found.entry).size()) : 0);
}

void ZCount(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  Count(ctx, args, key, ReadScoreRange(args));
}

void ZLexCount(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  Count(ctx, args, key, ReadNameRange(args));
}

void ZScore(CommandContext& ctx, ArgReader& args) {
  const auto found = Read(ctx, args.Key());
  if (found.other_type) return ctx.reply.Error(errors::kWrongType);
  const auto score = found ? SortedSet(*found.entry).Score(args.Next()) : std::nullopt;
  score ? ctx.reply.Double(*score) : ctx.reply.Null();
}

void ZMScore(CommandContext& ctx, ArgReader& args) {
  const auto found = Read(ctx, args.Key());
  if (found.other_type) return ctx.reply.Error(errors::kWrongType);
  ctx.reply.Array(args.left());
  while (!args.empty()) {
    const std::string_view member = args.Next();
    const auto score = found ? SortedSet(*found.entry).Score(member) : std::nullopt;
    score ? ctx.reply.Double(*score) : ctx.reply.Null();
  }
}

void ZRank(CommandContext& ctx, ArgReader& args) { Rank(ctx, args, false); }
void ZRevRank(CommandContext& ctx, ArgReader& args) { Rank(ctx, args, true); }

void ZScan(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const auto cursor = ParseScanCursor(args.Next());
  if (!cursor) return ctx.reply.Error(kInvalidCursor);
  const auto found = Read(ctx, key);
  if (found.other_type) return ctx.reply.Error(errors::kWrongType);
  ScanReply reply(ctx.reply.protocol());
  if (!found) return reply.WriteTo(ctx.reply, 0);
  ScanOptions options;
  bool with_scores = true;
  while (args.ok() && !args.empty()) {
    if (options.Accept(args)) continue;
    args.Accept("NOSCORES") ? (void)(with_scores = false) : args.FailSyntax();
  }
  if (!args.Done()) return ctx.reply.Error(args.error());
  const SortedSet set(*found.entry);
  const auto visit = [&](std::string_view member, double score) {
    reply.CountVisit();
    if (!options.Takes(member)) return;
    reply.Add(member);
    if (!with_scores) return;
    // Redis prints seventeen digits here, except from a listpack.
    set.is_packed() ? reply.Add(FormatDouble(score)) : reply.Add(fmt::format("{:.17g}", score));
  };
  uint64_t next = *cursor;
  do {
    next = set.Scan(next, visit);
  } while (next != 0 && reply.visited() < options.count);
  reply.WriteTo(ctx.reply, next);
}

}  // namespace henge::commands
