// SPDX-License-Identifier: Apache-2.0
// ZPOPMIN, ZPOPMAX and ZMPOP.
#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/strings.h"
#include "commands/context.h"
#include "commands/sorted_sets/handlers.h"
#include "commands/sorted_sets/sorted_set_events.h"
#include "store/sorted_set/sorted_set.h"

namespace henge::commands {
namespace {

using store::SortedSet;

enum class End : uint8_t { kMin, kMax };

// Removes up to `count` members from one end, lowest or highest first. Calls begin(n) with how many
// there will be, then add(member, score) for each. Returns what Modify does.
template <class Begin, class Add>
store::Keyspace::Modified Pop(CommandContext& ctx, const store::Key& key, End end, size_t count,
                              Begin begin, Add add) {
  const std::string_view event = end == End::kMax ? "zpopmax" : "zpopmin";
  return ctx.keyspace.Modify(key, store::Type::kSortedSet, store::Keyspace::IfAbsent::kLeave,
                             SortedSetEvent(event), [&](store::Entry& entry) {
                               SortedSet set(entry);
                               const size_t size = set.size();
                               const size_t n = std::min(count, size);
                               begin(n);
                               const store::RankRange ranks = end == End::kMax
                                                                  ? store::RankRange{size - n, size}
                                                                  : store::RankRange{0, n};
                               set.Walk(ranks, end == End::kMax, add);
                               set.RemoveRanks(ranks);
                               return n > 0;
                             });
}

void PopOne(CommandContext& ctx, ArgReader& args, End end) {
  using Modified = store::Keyspace::Modified;
  const store::Key key = args.Key();
  if (args.left() > 1) return ctx.reply.Error(errors::kSyntax);
  const bool counted = !args.empty();
  const int64_t count =
      counted ? args.IntegerIn(0, std::numeric_limits<int64_t>::max(), errors::kNotPositive) : 1;
  if (!args.Done()) return ctx.reply.Error(args.error());
  const bool nested = counted && ctx.reply.resp3();
  const auto modified = Pop(
      ctx, key, end, static_cast<size_t>(count),
      [&](size_t n) { ctx.reply.Array(nested ? n : 2 * n); },
      [&](std::string_view member, double score) {
        if (nested) ctx.reply.Array(2);
        ctx.reply.Bulk(member);
        ctx.reply.Double(score);
      });
  if (modified == Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  if (modified == Modified::kAbsent) ctx.reply.Array(0);
}

}  // namespace

void ZPopMin(CommandContext& ctx, ArgReader& args) { PopOne(ctx, args, End::kMin); }
void ZPopMax(CommandContext& ctx, ArgReader& args) { PopOne(ctx, args, End::kMax); }

void ZMPop(CommandContext& ctx, ArgReader& args) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const int64_t keys = args.IntegerIn(1, kMost, "ERR numkeys should be greater than 0");
  if (args.ok() && static_cast<uint64_t>(keys) >= args.left()) args.FailSyntax();
  if (!args.ok()) return ctx.reply.Error(args.error());
  std::vector<store::Key> sources;
  for (int64_t i = 0; i < keys; ++i) sources.push_back(args.Key());
  const End end = args.Accept("MAX") ? End::kMax : End::kMin;
  if (end == End::kMin && !args.Accept("MIN")) args.FailSyntax();
  int64_t count = 1;
  if (args.left() >= 2 && args.Accept("COUNT")) {
    count = args.IntegerIn(1, kMost, "ERR count should be greater than 0");
  }
  if (!args.Done()) return ctx.reply.Error(args.error());

  for (const store::Key& key : sources) {
    size_t popped = 0;
    const auto modified = Pop(
        ctx, key, end, static_cast<size_t>(count),
        [&](size_t n) {
          popped = n;
          ctx.reply.Array(2);
          ctx.reply.Bulk(key.bytes);
          ctx.reply.Array(n);
        },
        [&](std::string_view member, double score) {
          ctx.reply.Array(2);
          ctx.reply.Bulk(member);
          ctx.reply.Double(score);
        });
    if (modified == store::Keyspace::Modified::kAbsent) continue;
    if (modified == store::Keyspace::Modified::kOtherType) {
      return ctx.reply.Error(errors::kWrongType);
    }
    return ctx.effects.Instead(
        {end == End::kMax ? "ZPOPMAX" : "ZPOPMIN", key.bytes, std::to_string(popped)});
  }
  ctx.reply.NullArray();
}

}  // namespace henge::commands
