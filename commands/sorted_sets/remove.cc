// SPDX-License-Identifier: Apache-2.0
// ZREM and ZREMRANGEBY….
#include "commands/context.h"
#include "commands/sorted_sets/handlers.h"
#include "commands/sorted_sets/range_args.h"
#include "commands/sorted_sets/sorted_set_events.h"
#include "store/sorted_set/sorted_set.h"
#include "store/sorted_set/sweep.h"

namespace henge::commands {
namespace {

using store::SortedSet;

// Runs `remove(set)`, which returns how many members it removed, and replies that number.
template <class F>
void Remove(CommandContext& ctx, const store::Key& key, std::string_view event, F remove) {
  using Keyspace = store::Keyspace;
  size_t removed = 0;
  bool swept = true;
  const auto change = [&](store::Entry& entry) {
    SortedSet set(entry);
    removed = remove(set);
    swept = set.size() == 0 || set.swept();
    return removed > 0;
  };
  const auto modified = ctx.keyspace.Modify(
      key, store::Type::kSortedSet, Keyspace::IfAbsent::kLeave, SortedSetEvent(event), change);
  if (modified == Keyspace::Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  if (!swept) store::SweepInBackground(ctx.keyspace.store(), ctx.keyspace.db(), key);
  ctx.reply.Integer(static_cast<int64_t>(removed));
}

template <class Select>
void RemoveRange(CommandContext& ctx, ArgReader& args, const store::Key& key,
                 std::string_view event, Select select) {
  if (!args.Done()) return ctx.reply.Error(args.error());
  Remove(ctx, key, event, [&](SortedSet& set) {
    const store::RankRange ranks = select(set);
    set.RemoveRanks(ranks);
    return ranks.size();
  });
}

}  // namespace

void ZRem(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  Remove(ctx, key, "zrem", [&](SortedSet& set) {
    size_t removed = 0;
    while (!args.empty()) removed += set.Remove(args.Next()) ? 1 : 0;
    return removed;
  });
}

void ZRemRangeByRank(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const int64_t start = args.Integer();
  const int64_t stop = args.Integer();
  RemoveRange(ctx, args, key, "zremrangebyrank",
              [&](const SortedSet& set) { return RanksBetween(start, stop, set.size()); });
}

void ZRemRangeByScore(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const store::ScoreRange range = ReadScoreRange(args);
  RemoveRange(ctx, args, key, "zremrangebyscore",
              [&](const SortedSet& set) { return set.RanksOf(range); });
}

void ZRemRangeByLex(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const store::NameRange range = ReadNameRange(args);
  RemoveRange(ctx, args, key, "zremrangebylex",
              [&](const SortedSet& set) { return set.RanksOf(range); });
}

}  // namespace henge::commands
