// SPDX-License-Identifier: Apache-2.0
// ZPOPMIN, ZPOPMAX, ZMPOP, and what waits for members: BZPOPMIN, BZPOPMAX, BZMPOP.
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "commands/blocking.h"
#include "commands/context.h"
#include "commands/sorted_sets/handlers.h"
#include "commands/sorted_sets/sorted_set_events.h"
#include "store/sorted_set/sorted_set.h"
#include "store/sorted_set/sweep.h"

namespace henge::commands {
namespace {

using store::SortedSet;

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

enum class End : uint8_t { kMin, kMax };

std::string_view PopName(End end) { return end == End::kMax ? "ZPOPMAX" : "ZPOPMIN"; }

// Removes up to `count` members from one end, lowest or highest first. Calls begin(n) with how many
// there will be, then add(member, score) for each. Returns what Modify does.
template <class Begin, class Add>
store::Keyspace::Modified Pop(CommandContext& ctx, const store::Key& key, End end, size_t count,
                              Begin begin, Add add) {
  const std::string_view event = end == End::kMax ? "zpopmax" : "zpopmin";
  bool swept = true;
  const auto change = [&](store::Entry& entry) {
    SortedSet set(entry);
    const size_t size = set.size();
    const size_t n = std::min(count, size);
    begin(n);
    const store::RankRange ranks =
        end == End::kMax ? store::RankRange{size - n, size} : store::RankRange{0, n};
    set.Walk(ranks, end == End::kMax, add);
    set.RemoveRanks(ranks);
    swept = n == size || set.swept();
    return n > 0;
  };
  const auto modified =
      ctx.keyspace.Modify(key, store::Type::kSortedSet, store::Keyspace::IfAbsent::kLeave,
                          SortedSetEvent(event), change);
  if (!swept) store::SweepInBackground(ctx.keyspace.store(), ctx.keyspace.db(), key);
  return modified;
}

void AddPair(proto::ReplyWriter& reply, std::string_view member, double score) {
  reply.Array(2);
  reply.Bulk(member);
  reply.Double(score);
}

void PopOne(CommandContext& ctx, ArgReader& args, End end) {
  using Modified = store::Keyspace::Modified;
  const store::Key key = args.Key();
  if (args.left() > 1) return ctx.reply.Error(errors::kSyntax);
  const bool counted = !args.empty();
  const int64_t count = counted ? args.IntegerIn(0, kMost, errors::kNotPositive) : 1;
  if (!args.Done()) return ctx.reply.Error(args.error());
  const bool nested = counted && ctx.reply.resp3();
  const auto modified = Pop(
      ctx, key, end, static_cast<size_t>(count),
      [&](size_t n) { ctx.reply.Array(nested ? n : 2 * n); },
      [&](std::string_view member, double score) {
        if (nested) return AddPair(ctx.reply, member, score);
        ctx.reply.Bulk(member);
        ctx.reply.Double(score);
      });
  if (modified == Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  if (modified == Modified::kAbsent) ctx.reply.Array(0);
}

// Tries each key until pop(key) says that it was there. Whether there was one, or an error.
template <class PopKey>
bool PopFirst(CommandContext& ctx, const std::vector<store::Key>& keys, PopKey pop) {
  using Modified = store::Keyspace::Modified;
  for (const store::Key& key : keys) {
    const Modified modified = pop(key);
    if (modified == Modified::kAbsent) continue;
    if (modified == Modified::kOtherType) ctx.reply.Error(errors::kWrongType);
    return true;
  }
  return false;
}

void Wait(CommandContext& ctx, const std::vector<store::Key>& keys, int64_t timeout_ms) {
  ctx.services.BlockOnKeys(
      ctx, {.keys = keys, .type = store::Type::kSortedSet, .timeout_ms = timeout_ms});
}

// One member of the first key that has any: [key, member, score].
void PopOneOrWait(CommandContext& ctx, ArgReader& args, End end) {
  std::vector<store::Key> keys;
  while (args.left() > 1) keys.push_back(args.Key());
  const int64_t timeout_ms = ReadTimeoutSeconds(args, ctx.keyspace.now());
  if (!args.Done()) return ctx.reply.Error(args.error());
  const bool served = PopFirst(ctx, keys, [&](const store::Key& key) {
    return Pop(
        ctx, key, end, 1,
        [&](size_t) {
          ctx.reply.Array(3);
          ctx.reply.Bulk(key.bytes);
          ctx.effects.Instead({PopName(end), key.bytes});
        },
        [&](std::string_view member, double score) {
          ctx.reply.Bulk(member);
          ctx.reply.Double(score);
        });
  });
  if (!served) Wait(ctx, keys, timeout_ms);
}

struct ManyPops {
  std::vector<store::Key> keys;
  End end = End::kMin;
  int64_t count = 1;
};

// numkeys key [key ...] <MIN | MAX> [COUNT count]
ManyPops ReadManyPops(ArgReader& args) {
  ManyPops pops;
  const int64_t keys = args.IntegerIn(1, kMost, "ERR numkeys should be greater than 0");
  if (args.ok() && static_cast<uint64_t>(keys) >= args.left()) args.FailSyntax();
  for (int64_t i = 0; args.ok() && i < keys; ++i) pops.keys.push_back(args.Key());
  if (args.Accept("MAX")) {
    pops.end = End::kMax;
  } else if (!args.Accept("MIN")) {
    args.FailSyntax();
  }
  if (args.left() >= 2 && args.Accept("COUNT")) {
    pops.count = args.IntegerIn(1, kMost, "ERR count should be greater than 0");
  }
  args.Done();
  return pops;
}

// [key, [[member, score] ...]] of the first key that has any.
bool PopMany(CommandContext& ctx, const ManyPops& pops) {
  return PopFirst(ctx, pops.keys, [&](const store::Key& key) {
    return Pop(
        ctx, key, pops.end, static_cast<size_t>(pops.count),
        [&](size_t n) {
          ctx.reply.Array(2);
          ctx.reply.Bulk(key.bytes);
          ctx.reply.Array(n);
          ctx.effects.Instead({PopName(pops.end), key.bytes, std::to_string(n)});
        },
        [&](std::string_view member, double score) { AddPair(ctx.reply, member, score); });
  });
}

}  // namespace

void ZPopMin(CommandContext& ctx, ArgReader& args) { PopOne(ctx, args, End::kMin); }
void ZPopMax(CommandContext& ctx, ArgReader& args) { PopOne(ctx, args, End::kMax); }

void BZPopMin(CommandContext& ctx, ArgReader& args) { PopOneOrWait(ctx, args, End::kMin); }
void BZPopMax(CommandContext& ctx, ArgReader& args) { PopOneOrWait(ctx, args, End::kMax); }

void ZMPop(CommandContext& ctx, ArgReader& args) {
  const ManyPops pops = ReadManyPops(args);
  if (!args.ok()) return ctx.reply.Error(args.error());
  if (!PopMany(ctx, pops)) ctx.reply.NullArray();
}

void BZMPop(CommandContext& ctx, ArgReader& args) {
  ArgReader timeout(args.all().first(1), {});  // Its errors come last.
  args.Skip();
  const ManyPops pops = ReadManyPops(args);
  if (!args.ok()) return ctx.reply.Error(args.error());
  const int64_t timeout_ms = ReadTimeoutSeconds(timeout, ctx.keyspace.now());
  if (!timeout.ok()) return ctx.reply.Error(timeout.error());
  if (!PopMany(ctx, pops)) Wait(ctx, pops.keys, timeout_ms);
}

}  // namespace henge::commands
