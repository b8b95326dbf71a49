// SPDX-License-Identifier: Apache-2.0
// SINTER, SINTERCARD, SINTERSTORE: the members of the smallest set that all others have.
#include <algorithm>
#include <span>
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
    if (sets_.size() == 1) return (void)smallest().ForEachWhile(fn);
    // Some at a time, so that the look-ups' memory comes for all of them at once.
    SetElement batch[kBatch];
    size_t n = 0;
    const bool went = smallest().ForEachWhile([&](const SetElement& element) {
      batch[n] = element;
      if (++n < kBatch) return true;
      n = 0;
      return VisitCommon(batch, fn);
    });
    if (went) VisitCommon({batch, n}, fn);
  }

 private:
  static constexpr size_t kBatch = 64;

  // fn(element) for each that all sets have, until it returns false.
  template <class F>
  bool VisitCommon(std::span<const SetElement> batch, F fn) const {
    uint64_t hashes[kBatch];
    for (size_t i = 0; i < batch.size(); ++i) {
      SetElement::Digits digits;
      hashes[i] = store::HashKey(batch[i].Text(digits));
    }
    const auto others = std::span(sets_).subspan(1);
    for (const SetView& set : others) {
      for (size_t i = 0; i < batch.size(); ++i) set.PrefetchBucket(hashes[i]);
      for (size_t i = 0; i < batch.size(); ++i) set.PrefetchMember(hashes[i]);
    }
    for (const SetElement& element : batch) {
      const bool common = std::all_of(others.begin(), others.end(),
                                      [&](const SetView& set) { return set.Contains(element); });
      if (common && !fn(element)) return false;
    }
    return true;
  }

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
    if (!all_integers) break;
  }
  set.AddAll(found);
  if (all_integers) set.BecomeIntset();
  result.Store(to, events::kSInterStore);
}

}  // namespace henge::commands
