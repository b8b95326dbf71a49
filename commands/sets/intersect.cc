// SPDX-License-Identifier: Apache-2.0
// SINTER, SINTERCARD, SINTERSTORE: the members of the smallest set that all others have.
#include <algorithm>
#include <vector>

#include "commands/sets/handlers.h"
#include "commands/sets/set_results.h"

namespace henge::commands {
namespace {

using store::SetElement;
using store::SetView;

// The sets to intersect, each once, the smallest first; empty if one of them is.
class Intersection {
 public:
  explicit Intersection(const std::vector<const store::Entry*>& sets) {
    if (std::find(sets.begin(), sets.end(), nullptr) != sets.end()) return;
    for (const store::Entry* set : sets) sets_.emplace_back(*set);
    std::stable_sort(sets_.begin(), sets_.end(),
                     [](SetView a, SetView b) { return a.size() < b.size(); });
    const auto same = [&](SetView set) { return &set.entry() == &sets_[0].entry(); };
    sets_.erase(std::remove_if(sets_.begin() + 1, sets_.end(), same), sets_.end());
  }

  bool empty() const { return sets_.empty(); }
  const SetView& smallest() const { return sets_[0]; }
  // Until fn(element) returns false.
  template <class F>
  void ForEachWhile(F fn) const {
    if (empty()) return;
    smallest().ForEachWhile([&](const SetElement& element) {
      for (size_t i = 1; i < sets_.size(); ++i) {
        if (!sets_[i].Contains(element)) return true;
      }
      return fn(element);
    });
  }

 private:
  std::vector<SetView> sets_;
};

}  // namespace

void SInter(CommandContext& ctx, ArgReader& args) {
  const auto sets = ReadSets(ctx, args, args.left());
  if (!sets) return;
  CollectedSet found(ctx.reply.protocol());
  Intersection(*sets).ForEachWhile([&](const SetElement& element) {
    found.Add(element);
    return true;
  });
  found.WriteTo(ctx.reply);
}

void SInterCard(CommandContext& ctx, ArgReader& args) {
  const int64_t count = args.IntegerIn(1, INT64_MAX, "ERR numkeys should be greater than 0");
  if (!args.ok()) return ctx.reply.Error(args.error());
  if (static_cast<uint64_t>(count) > args.left()) {
    return ctx.reply.Error("ERR Number of keys can't be greater than number of args");
  }
  ArgReader options = args;
  options.Skip(static_cast<size_t>(count));
  int64_t limit = 0;
  while (options.ok() && !options.empty()) {
    if (options.left() < 2 || !options.Accept("LIMIT")) {
      options.FailSyntax();
    } else {
      limit = options.IntegerIn(0, INT64_MAX, "ERR LIMIT can't be negative");
    }
  }
  if (!options.Done()) return ctx.reply.Error(options.error());
  const auto sets = ReadSets(ctx, args, static_cast<size_t>(count));
  if (!sets) return;
  int64_t size = 0;
  Intersection(*sets).ForEachWhile([&](const SetElement&) { return ++size != limit; });
  ctx.reply.Integer(size);
}

void SInterStore(CommandContext& ctx, ArgReader& args) {
  const store::Key to = args.Key();
  const auto sets = ReadSets(ctx, args, args.left());
  if (!sets) return;
  const Intersection common(*sets);
  NewSet result(ctx, to.bytes);
  store::Set set = result.set();
  // As Redis does it: what comes from an intset begins as one; the rest begins as a listpack and
  // may turn out to be all integers.
  if (!common.empty() && common.smallest().encoding() != store::Encoding::kIntset) {
    set.BecomeListpack();
  }
  std::vector<SetElement> found;
  common.ForEachWhile([&](const SetElement& element) {
    found.push_back(element);
    return true;
  });
  set.ExpectDistinct(found.size());
  bool all_integers = true;
  for (const SetElement& element : found) {
    all_integers = all_integers && store::IntegerOf(element).has_value();
    set.Add(element);
  }
  if (all_integers) set.BecomeIntset();
  result.Store(to, events::kSInterStore);
}

}  // namespace henge::commands
