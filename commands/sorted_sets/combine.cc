// SPDX-License-Identifier: Apache-2.0
// ZUNION, ZINTER, ZDIFF, their STORE forms, and ZINTERCARD.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/numbers.h"
#include "commands/context.h"
#include "commands/sorted_sets/combine_source.h"
#include "commands/sorted_sets/handlers.h"
#include "commands/sorted_sets/scored_reply.h"
#include "commands/sorted_sets/sorted_set_events.h"
#include "store/sorted_set/sorted_set_builder.h"

namespace henge::commands {
namespace {

using store::SortedSetBuilder;

enum class Operation : uint8_t { kUnion, kIntersection, kDifference };
enum class Purpose : uint8_t { kReply, kStore, kCount };
enum class Aggregate : uint8_t { kSum, kMin, kMax };

struct Combination {
  Operation operation;
  Purpose purpose;
  std::vector<CombineSource> sources;
  Aggregate aggregate = Aggregate::kSum;
  bool with_scores = false;
  int64_t limit = 0;  // 0: none.
};

// A number whatever the operands were: infinities of both signs make zero, as in Redis.
double Weigh(double weight, double score) {
  const double value = weight * score;
  return std::isnan(value) ? 0 : value;
}

double Sum(double a, double b) {
  const double sum = a + b;
  return std::isnan(sum) ? 0 : sum;
}
double Lower(double a, double b) { return b < a ? b : a; }
double Higher(double a, double b) { return b > a ? b : a; }

SortedSetBuilder::Combine CombineOf(Aggregate aggregate) {
  switch (aggregate) {
    case Aggregate::kMin:
      return Lower;
    case Aggregate::kMax:
      return Higher;
    case Aggregate::kSum:
      break;
  }
  return Sum;
}

// --- Arguments ----------------------------------------------------------------------------------

void ReadSources(CommandContext& ctx, ArgReader& args, Combination& combination) {
  const int64_t keys = args.Integer();
  if (args.ok() && keys < 1) {
    args.Fail("ERR at least 1 input key is needed for '" + std::string(ctx.spec.name) +
              "' command");
  }
  if (args.ok() && static_cast<uint64_t>(keys) > args.left()) args.FailSyntax();
  for (int64_t i = 0; args.ok() && i < keys; ++i) {
    const store::Entry* entry = ctx.keyspace.Read(args.Key());
    if (entry != nullptr && !CombineSource::Takes(*entry)) args.Fail(errors::kWrongType);
    combination.sources.push_back({.entry = entry});
  }
}

void ReadWeights(ArgReader& args, Combination& combination) {
  for (CombineSource& source : combination.sources) {
    const auto weight = ParseDouble(args.Next());
    if (!weight) args.Fail("ERR weight value is not a float");
    source.weight = weight.value_or(0);
  }
}

void ReadAggregate(ArgReader& args, Combination& combination) {
  if (args.Accept("SUM")) {
    combination.aggregate = Aggregate::kSum;
  } else if (args.Accept("MIN")) {
    combination.aggregate = Aggregate::kMin;
  } else if (args.Accept("MAX")) {
    combination.aggregate = Aggregate::kMax;
  } else {
    args.FailSyntax();
  }
}

void ReadOptions(ArgReader& args, Combination& combination) {
  const bool counts = combination.purpose == Purpose::kCount;
  const bool weighs = combination.operation != Operation::kDifference && !counts;
  while (args.ok() && !args.empty()) {
    if (weighs && args.left() > combination.sources.size() && args.Accept("WEIGHTS")) {
      ReadWeights(args, combination);
    } else if (weighs && args.left() >= 2 && args.Accept("AGGREGATE")) {
      ReadAggregate(args, combination);
    } else if (combination.purpose == Purpose::kReply && args.Accept("WITHSCORES")) {
      combination.with_scores = true;
    } else if (counts && args.left() >= 2 && args.Accept("LIMIT")) {
      combination.limit =
          args.IntegerIn(0, std::numeric_limits<int64_t>::max(), "ERR LIMIT can't be negative");
    } else {
      args.FailSyntax();
    }
  }
}

// --- Combining ----------------------------------------------------------------------------------

using Scored = CombineSource::Scored;

// What a member of the first source comes to with all others; nothing where one does not have it.
std::optional<double> IntersectOne(const Combination& combination, const Scored& own) {
  const auto& sources = combination.sources;
  const auto combine = CombineOf(combination.aggregate);
  double score = Weigh(sources[0].weight, own.score);
  for (size_t i = 1; i < sources.size(); ++i) {
    const auto other =
        sources[i].entry == sources[0].entry ? own.score : sources[i].Score(own.member);
    if (!other) return std::nullopt;
    score = combine(score, sources[i].weight * *other);
  }
  return score;
}

// Calls visit(member, score) for each member of all sources until it returns false.
template <class F>
void Intersect(const Combination& combination, F visit) {
  const auto& sources = combination.sources;
  if (sources[0].size() == 0) return;
  sources[0].ForEachBatch([&](std::span<const Scored> batch) {
    for (const CombineSource& other : sources) {
      if (other.entry != sources[0].entry) other.Prefetch(batch);
    }
    for (const Scored& own : batch) {
      const auto score = IntersectOne(combination, own);
      if (score && !visit(own.member, *score)) return false;
    }
    return true;
  });
}

void Unite(const Combination& combination, SortedSetBuilder& result) {
  size_t most = 0;
  for (const CombineSource& source : combination.sources) most = std::max(most, source.size());
  result.Expect(most);
  const auto combine = CombineOf(combination.aggregate);
  for (const CombineSource& source : combination.sources) {
    source.ForEachBatch([&](std::span<const Scored> batch) {
      for (const Scored& own : batch) {
        result.Merge(own.member, Weigh(source.weight, own.score), combine);
      }
      return true;
    });
  }
}

void Subtract(const Combination& combination, SortedSetBuilder& result) {
  const auto& sources = combination.sources;
  const auto others = std::span(sources).subspan(1);
  sources[0].ForEachBatch([&](std::span<const Scored> batch) {
    for (const CombineSource& other : others) other.Prefetch(batch);
    for (const Scored& own : batch) {
      const bool elsewhere = std::any_of(
          others.begin(), others.end(),
          [&](const CombineSource& source) { return source.Score(own.member).has_value(); });
      if (!elsewhere) result.Add(own.member, own.score);
    }
    return true;
  });
}

void Combine(const Combination& combination, SortedSetBuilder& result) {
  switch (combination.operation) {
    case Operation::kUnion:
      return Unite(combination, result);
    case Operation::kIntersection:
      return Intersect(combination, [&](std::string_view member, double score) {
        result.Add(member, score);
        return true;
      });
    case Operation::kDifference:
      return Subtract(combination, result);
  }
}

// Reads the sources and options. The smallest source comes first where their order does not matter.
bool Read(CommandContext& ctx, ArgReader& args, Combination& combination) {
  ReadSources(ctx, args, combination);
  ReadOptions(args, combination);
  if (!args.Done()) {
    ctx.reply.Error(args.error());
    return false;
  }
  if (combination.operation != Operation::kDifference) {
    auto& sources = combination.sources;
    std::stable_sort(sources.begin(), sources.end(),
                     [](const auto& a, const auto& b) { return a.size() < b.size(); });
  }
  return true;
}

void CombineAndReply(CommandContext& ctx, ArgReader& args, Operation operation) {
  Combination combination{.operation = operation, .purpose = Purpose::kReply};
  if (!Read(ctx, args, combination)) return;
  const auto result = std::make_shared<SortedSetBuilder>();
  Combine(combination, *result);
  ScoredReply reply(ctx.reply, combination.with_scores);
  reply.Begin(result->size());
  result->ForEach([&](std::string_view member, double score) { reply.Add(member, score); });
  ctx.keyspace.locks().FreeAfterUnlock(result);
}

void CombineAndStore(CommandContext& ctx, ArgReader& args, Operation operation,
                     std::string_view event) {
  const store::Key target = args.Key();
  Combination combination{.operation = operation, .purpose = Purpose::kStore};
  if (!Read(ctx, args, combination)) return;
  SortedSetBuilder result;
  Combine(combination, result);
  const auto size = static_cast<int64_t>(result.size());
  const auto limits = store::SortedSetLimits::Of(ctx.keyspace.store().settings());
  ctx.keyspace.SetCollection(target, result.Build(target.bytes, limits), SortedSetEvent(event));
  ctx.reply.Integer(size);
}

}  // namespace

void ZUnion(CommandContext& ctx, ArgReader& args) { CombineAndReply(ctx, args, Operation::kUnion); }
void ZInter(CommandContext& ctx, ArgReader& args) {
  CombineAndReply(ctx, args, Operation::kIntersection);
}
void ZDiff(CommandContext& ctx, ArgReader& args) {
  CombineAndReply(ctx, args, Operation::kDifference);
}
void ZUnionStore(CommandContext& ctx, ArgReader& args) {
  CombineAndStore(ctx, args, Operation::kUnion, "zunionstore");
}
void ZInterStore(CommandContext& ctx, ArgReader& args) {
  CombineAndStore(ctx, args, Operation::kIntersection, "zinterstore");
}
void ZDiffStore(CommandContext& ctx, ArgReader& args) {
  CombineAndStore(ctx, args, Operation::kDifference, "zdiffstore");
}

void ZInterCard(CommandContext& ctx, ArgReader& args) {
  Combination combination{.operation = Operation::kIntersection, .purpose = Purpose::kCount};
  if (!Read(ctx, args, combination)) return;
  int64_t count = 0;
  Intersect(combination, [&](std::string_view, double) { return ++count != combination.limit; });
  ctx.reply.Integer(count);
}

}  // namespace henge::commands
