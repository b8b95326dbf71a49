// SPDX-License-Identifier: Apache-2.0
// ZRANGE, ZRANGESTORE and the older commands that ZRANGE took over.
#include <algorithm>

#include "commands/context.h"
#include "commands/sorted_sets/handlers.h"
#include "commands/sorted_sets/range_args.h"
#include "commands/sorted_sets/scored_reply.h"
#include "commands/sorted_sets/sorted_set_events.h"
#include "store/sorted_set/sorted_set.h"
#include "store/sorted_set/sorted_set_builder.h"

namespace henge::commands {
namespace {

using store::RankRange;
using store::SortedSet;

struct RangeQuery {
  enum class By : uint8_t { kAny, kRank, kScore, kName };  // kAny: the arguments say.
  enum class Order : uint8_t { kAny, kForward, kReverse };
  By by = By::kAny;
  Order order = Order::kAny;
  bool with_scores = false;
  int64_t start = 0;
  int64_t stop = 0;
  store::ScoreRange scores;
  store::NameRange names;
  int64_t offset = 0;
  int64_t limit = -1;  // Negative: none.

  bool reverse() const { return order == Order::kReverse; }
  RankRange Select(const SortedSet& set) const;

 private:
  RankRange Limited(RankRange ranks) const;
};

// Where ranges run backwards, ranks given by clients do, too.
RankRange RangeQuery::Select(const SortedSet& set) const {
  if (by == By::kScore) return Limited(set.RanksOf(scores));
  if (by == By::kName) return Limited(set.RanksOf(names));
  const size_t size = set.size();
  const RankRange ranks = RanksBetween(start, stop, size);
  return reverse() ? RankRange{size - ranks.last, size - ranks.first} : ranks;
}

RankRange RangeQuery::Limited(RankRange ranks) const {
  if (offset < 0 || static_cast<uint64_t>(offset) >= ranks.size()) return {};
  const size_t most = limit < 0 ? ranks.size() : static_cast<size_t>(limit);
  const size_t n = std::min(most, ranks.size() - static_cast<size_t>(offset));
  const size_t skipped = static_cast<size_t>(offset);
  if (reverse()) return {ranks.last - skipped - n, ranks.last - skipped};
  return {ranks.first + skipped, ranks.first + skipped + n};
}

void ReadOptions(ArgReader& args, bool store, RangeQuery& query) {
  using By = RangeQuery::By;
  using Order = RangeQuery::Order;
  while (args.ok() && !args.empty()) {
    if (!store && args.Accept("WITHSCORES")) {
      query.with_scores = true;
    } else if (args.left() >= 3 && args.Accept("LIMIT")) {
      query.offset = args.Integer();
      query.limit = args.Integer();
    } else if (query.order == Order::kAny && args.Accept("REV")) {
      query.order = Order::kReverse;
    } else if (query.by == By::kAny && args.Accept("BYLEX")) {
      query.by = By::kName;
    } else if (query.by == By::kAny && args.Accept("BYSCORE")) {
      query.by = By::kScore;
    } else {
      args.FailSyntax();
    }
  }
  if (query.by == By::kAny) query.by = By::kRank;
  if (query.limit != -1 && query.by == By::kRank) {
    args.Fail(
        "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
  }
  if (query.with_scores && query.by == By::kName) {
    args.Fail("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
  }
}

// Reads the two ends and the options behind them. The options come first, since they say what the
// ends are, and their errors do.
RangeQuery ReadQuery(ArgReader& args, bool store, RangeQuery query) {
  const std::string_view first[] = {args.Next(), args.Next()};
  ReadOptions(args, store, query);
  const bool swapped = query.reverse() && query.by != RangeQuery::By::kRank;
  const std::string_view ends[] = {first[swapped ? 1 : 0], first[swapped ? 0 : 1]};
  ArgReader range(ends, {});
  switch (query.by) {
    case RangeQuery::By::kScore:
      query.scores = ReadScoreRange(range);
      break;
    case RangeQuery::By::kName:
      query.names = ReadNameRange(range);
      break;
    default:
      query.start = range.Integer();
      query.stop = range.Integer();
  }
  if (!range.ok()) args.Fail(range.error());
  return query;
}

void ReplyRange(CommandContext& ctx, ArgReader& args, const RangeQuery& preset) {
  const store::Key key = args.Key();
  const RangeQuery query = ReadQuery(args, /*store=*/false, preset);
  if (!args.Done()) return ctx.reply.Error(args.error());
  const auto found = ctx.keyspace.ReadAs(key, store::Type::kSortedSet);
  if (found.other_type) return ctx.reply.Error(errors::kWrongType);
  if (!found) return ctx.reply.Array(0);
  const SortedSet set(*found.entry);
  const RankRange ranks = query.Select(set);
  ScoredReply reply(ctx.reply, query.with_scores);
  reply.Begin(ranks.size());
  set.Walk(ranks, query.reverse(),
           [&](std::string_view member, double score) { reply.Add(member, score); });
}

}  // namespace

void ZRange(CommandContext& ctx, ArgReader& args) { ReplyRange(ctx, args, {}); }

void ZRevRange(CommandContext& ctx, ArgReader& args) {
  ReplyRange(ctx, args, {.by = RangeQuery::By::kRank, .order = RangeQuery::Order::kReverse});
}
void ZRangeByScore(CommandContext& ctx, ArgReader& args) {
  ReplyRange(ctx, args, {.by = RangeQuery::By::kScore, .order = RangeQuery::Order::kForward});
}
void ZRevRangeByScore(CommandContext& ctx, ArgReader& args) {
  ReplyRange(ctx, args, {.by = RangeQuery::By::kScore, .order = RangeQuery::Order::kReverse});
}
void ZRangeByLex(CommandContext& ctx, ArgReader& args) {
  ReplyRange(ctx, args, {.by = RangeQuery::By::kName, .order = RangeQuery::Order::kForward});
}
void ZRevRangeByLex(CommandContext& ctx, ArgReader& args) {
  ReplyRange(ctx, args, {.by = RangeQuery::By::kName, .order = RangeQuery::Order::kReverse});
}

void ZRangeStore(CommandContext& ctx, ArgReader& args) {
  const store::Key target = args.Key();
  const store::Key source = args.Key();
  const RangeQuery query = ReadQuery(args, /*store=*/true, {});
  if (!args.Done()) return ctx.reply.Error(args.error());
  const auto found = ctx.keyspace.ReadAs(source, store::Type::kSortedSet);
  if (found.other_type) return ctx.reply.Error(errors::kWrongType);
  store::SortedSetBuilder result;
  if (found) {
    const SortedSet from(*found.entry);
    from.Walk(query.Select(from), false,
              [&](std::string_view member, double score) { result.Add(member, score); });
  }
  const size_t size = result.size();
  const auto limits = store::SortedSetLimits::Of(ctx.keyspace.store().settings());
  ctx.keyspace.SetCollection(target, result.Build(target.bytes, limits),
                             SortedSetEvent("zrangestore"));
  ctx.reply.Integer(static_cast<int64_t>(size));
}

}  // namespace henge::commands
