// SPDX-License-Identifier: Apache-2.0
// ZRANDMEMBER. Members are drawn by rank, so each is exactly as likely as any other.
#include <absl/container/flat_hash_set.h>

#include <limits>

#include "base/random.h"
#include "commands/context.h"
#include "commands/sorted_sets/handlers.h"
#include "commands/sorted_sets/scored_reply.h"
#include "store/sorted_set/sorted_set.h"

namespace henge::commands {
namespace {

using store::SortedSet;

constexpr std::string_view kTooNegative =
    "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";

// As many draws as asked for, each from all members.
void WithRepeats(const SortedSet& set, size_t count, ScoredReply& reply) {
  reply.Begin(count);
  const size_t size = set.size();
  for (; count > 0; --count) {
    const size_t rank = ThreadRandom().Below(size);
    set.Walk({rank, rank + 1}, false, [&](std::string_view m, double s) { reply.Add(m, s); });
  }
}

// Different members: a walk that takes each with the chance that is left (Knuth's algorithm S)
// where many are wanted of few, draws until enough differ where few are wanted of many.
void Distinct(const SortedSet& set, size_t count, ScoredReply& reply) {
  size_t left = set.size();
  reply.Begin(std::min(count, left));
  const auto add = [&](std::string_view m, double s) { reply.Add(m, s); };
  if (count >= left) return set.ForEach(add);
  if (set.is_packed() || count * 3 > left) {
    size_t wanted = count;
    return set.ForEach([&](std::string_view member, double score) {
      if (ThreadRandom().Below(left--) >= wanted) return;
      --wanted;
      reply.Add(member, score);
    });
  }
  absl::flat_hash_set<size_t> drawn;
  while (drawn.size() < count) {
    const size_t rank = ThreadRandom().Below(left);
    if (drawn.insert(rank).second) set.Walk({rank, rank + 1}, false, add);
  }
}

}  // namespace

void ZRandMember(CommandContext& ctx, ArgReader& args) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const store::Key key = args.Key();
  const bool counted = !args.empty();
  const int64_t count = counted ? args.Integer() : 1;
  if (count < -kMost) args.Fail(kTooNegative);
  if (args.ok() && args.left() > 1) args.FailSyntax();
  const bool with_scores = counted && args.Accept("WITHSCORES");
  if (with_scores && (count < -kMost / 2 || count > kMost / 2)) {
    args.Fail("ERR value is out of range");
  }
  if (!args.Done()) return ctx.reply.Error(args.error());

  const auto found = ctx.keyspace.ReadAs(key, store::Type::kSortedSet);
  if (found.other_type) return ctx.reply.Error(errors::kWrongType);
  if (!found) return counted ? ctx.reply.Array(0) : ctx.reply.Null();
  const SortedSet set(*found.entry);
  if (!counted) {
    const size_t rank = ThreadRandom().Below(set.size());
    return set.Walk({rank, rank + 1}, false,
                    [&](std::string_view member, double) { ctx.reply.Bulk(member); });
  }
  ScoredReply reply(ctx.reply, with_scores);
  if (count < 0) return WithRepeats(set, static_cast<size_t>(-count), reply);
  Distinct(set, static_cast<size_t>(count), reply);
}

}  // namespace henge::commands
