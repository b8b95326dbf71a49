// SPDX-License-Identifier: Apache-2.0
// ZADD and ZINCRBY.
#include <absl/container/inlined_vector.h>

#include <cmath>
#include <optional>

#include "base/strings.h"
#include "commands/context.h"
#include "commands/sorted_sets/handlers.h"
#include "commands/sorted_sets/sorted_set_events.h"
#include "store/sorted_set/sorted_set.h"

namespace henge::commands {
namespace {

using store::SortedSet;

struct AddOptions {
  bool only_new = false;
  bool only_present = false;
  bool only_greater = false;
  bool only_less = false;
  bool count_changed = false;
  bool increment = false;
};

struct ScoredMember {
  double score;
  std::string_view member;
};
using ScoredMembers = absl::InlinedVector<ScoredMember, 8>;

AddOptions ReadOptions(ArgReader& args) {
  AddOptions options;
  while (true) {
    if (args.Accept("NX")) {
      options.only_new = true;
    } else if (args.Accept("XX")) {
      options.only_present = true;
    } else if (args.Accept("GT")) {
      options.only_greater = true;
    } else if (args.Accept("LT")) {
      options.only_less = true;
    } else if (args.Accept("CH")) {
      options.count_changed = true;
    } else if (args.Accept("INCR")) {
      options.increment = true;
    } else {
      return options;
    }
  }
}

void CheckOptions(const AddOptions& options, ArgReader& args) {
  if (args.left() % 2 != 0 || args.empty()) args.FailSyntax();
  if (options.only_new && options.only_present) {
    args.Fail("ERR XX and NX options at the same time are not compatible");
  }
  if ((options.only_new && (options.only_greater || options.only_less)) ||
      (options.only_greater && options.only_less)) {
    args.Fail("ERR GT, LT, and/or NX options at the same time are not compatible");
  }
  if (options.increment && args.left() > 2) {
    args.Fail("ERR INCR option supports a single increment-element pair");
  }
}

// What became of the members of one call.
class Addition {
 public:
  explicit Addition(const AddOptions& options) : options_(options) {}

  bool changed() const { return added_ + rescored_ > 0; }
  int64_t Count() const { return options_.count_changed ? added_ + rescored_ : added_; }
  bool not_a_number() const { return not_a_number_; }
  // The last member's score after all; none where an option kept it from being looked at.
  std::optional<double> score() const { return score_; }

  void Put(SortedSet& set, const store::SortedSetLimits& limits, const ScoredMember& item) {
    const auto outcome = set.Put(item.member, limits, [&](std::optional<double> present) {
      score_ = Decide(present, item.score);
      return score_;
    });
    if (outcome == SortedSet::Outcome::kAdded) ++added_;
    if (outcome == SortedSet::Outcome::kRescored) ++rescored_;
  }

 private:
  std::optional<double> Decide(std::optional<double> present, double score) {
    if (!present) return options_.only_present ? std::nullopt : std::optional(score);
    if (options_.only_new) return std::nullopt;
    if (options_.increment) score += *present;
    not_a_number_ = std::isnan(score);
    if (not_a_number_ || (options_.only_less && score >= *present) ||
        (options_.only_greater && score <= *present)) {
      return std::nullopt;
    }
    return score;
  }

  const AddOptions& options_;
  int64_t added_ = 0;
  int64_t rescored_ = 0;
  bool not_a_number_ = false;
  std::optional<double> score_;
};

void Add(CommandContext& ctx, const store::Key& key, const AddOptions& options,
         const ScoredMembers& members) {
  using Keyspace = store::Keyspace;
  const auto limits = store::SortedSetLimits::Of(ctx.keyspace.store().settings());
  Addition addition(options);
  const auto change = [&](store::Entry& entry) {
    SortedSet set(entry);
    set.Expect(members.size(), members[0].member.size(), limits);
    for (const ScoredMember& item : members) addition.Put(set, limits, item);
    return addition.changed();
  };
  const auto modified = ctx.keyspace.Modify(
      key, store::Type::kSortedSet,
      options.only_present ? Keyspace::IfAbsent::kLeave : Keyspace::IfAbsent::kCreate,
      SortedSetEvent(options.increment ? "zincr" : "zadd"), change);
  if (modified == Keyspace::Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  if (addition.not_a_number()) {
    return ctx.reply.Error("ERR resulting score is not a number (NaN)");
  }
  if (!options.increment) return ctx.reply.Integer(addition.Count());
  addition.score() ? ctx.reply.Double(*addition.score()) : ctx.reply.Null();
}

}  // namespace

void ZAdd(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const AddOptions options = ReadOptions(args);
  CheckOptions(options, args);
  if (!args.ok()) return ctx.reply.Error(args.error());
  ScoredMembers members;
  members.reserve(args.left() / 2);
  while (args.ok() && !args.empty()) {
    const double score = args.Double();
    members.push_back({score, args.Next()});
  }
  if (!args.Done()) return ctx.reply.Error(args.error());
  Add(ctx, key, options, members);
}

void ZIncrBy(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  // Redis reads ZADD's options here, too, and then has too little left.
  for (const std::string_view option : {"NX", "XX", "GT", "LT", "CH", "INCR"}) {
    if (EqualsIgnoreCase(args.Peek(), option)) return ctx.reply.Error(errors::kSyntax);
  }
  const double increment = args.Double();
  const ScoredMembers members = {{increment, args.Next()}};
  if (!args.Done()) return ctx.reply.Error(args.error());
  Add(ctx, key, {.increment = true}, members);
}

}  // namespace henge::commands
