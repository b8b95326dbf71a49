// SPDX-License-Identifier: Apache-2.0
// SUNION, SDIFF and the commands that store what these reply.
//
// The sets that are stored are put together in Redis's order of steps, because the encoding of the
// outcome follows from it.
#include <algorithm>
#include <vector>

#include "commands/sets/handlers.h"
#include "commands/sets/set_results.h"

namespace henge::commands {
namespace {

using store::SetElement;
using store::SetView;
using Sources = std::vector<const store::Entry*>;  // Null: absent.

bool AnyContains(std::span<const store::Entry* const> sets, const SetElement& element) {
  return std::any_of(sets.begin(), sets.end(), [&](const store::Entry* set) {
    return set != nullptr && SetView(*set).Contains(element);
  });
}

size_t SizeOf(const store::Entry* set) { return set == nullptr ? 0 : SetView(*set).size(); }

void AddAll(const Sources& sources, store::Set& set) {
  size_t most = 0;
  for (const store::Entry* source : sources) most = std::max(most, SizeOf(source));
  set.ExpectDistinct(most);
  for (const store::Entry* source : sources) {
    if (source == nullptr) continue;
    SetView(*source).ForEach([&](const SetElement& element) { set.Add(element); });
  }
}

// A difference is had by looking up the first set's members in the others, or by removing the
// others' members from a copy of the first; whichever is likely to be less work.
enum class DiffBy : uint8_t { kNothing, kLookUp, kRemoval };

DiffBy ChooseDiff(Sources& sources) {
  const auto others = std::span(sources).subspan(1);
  const store::Entry* first = sources[0];
  if (first == nullptr || std::find(others.begin(), others.end(), first) != others.end()) {
    return DiffBy::kNothing;
  }
  size_t look_ups = 0;
  size_t removals = 0;
  for (const store::Entry* set : sources) {
    if (set == nullptr) continue;
    look_ups += SizeOf(first);
    removals += SizeOf(set);
  }
  if (look_ups / 2 > removals) return DiffBy::kRemoval;
  // The largest first: there a member is most likely found.
  std::stable_sort(others.begin(), others.end(), [](const store::Entry* a, const store::Entry* b) {
    return SizeOf(a) > SizeOf(b);
  });
  return DiffBy::kLookUp;
}

// fn(element) for each of the difference.
template <class F>
void ForEachByLookUp(const Sources& sources, F fn) {
  const auto others = std::span(sources).subspan(1);
  SetView(*sources[0]).ForEach([&](const SetElement& element) {
    if (!AnyContains(others, element)) fn(element);
  });
}

void DiffByRemoval(const Sources& sources, store::Set set) {
  AddAll({sources[0]}, set);
  for (const store::Entry* other : std::span(sources).subspan(1)) {
    if (other == nullptr) continue;
    SetView(*other).ForEachWhile([&](const SetElement& element) {
      set.Remove(element);
      return !set.empty();
    });
    if (set.empty()) return;
  }
}

// Up to so many sets, to look a member up in those before its own is cheaper than to gather all.
constexpr size_t kLookUpUnion = 4;

}  // namespace

void SUnion(CommandContext& ctx, ArgReader& args) {
  auto sources = ReadSets(ctx, args, args.left());
  if (!sources) return;
  std::erase(*sources, nullptr);
  if (sources->size() > kLookUpUnion) {
    NewSet all(ctx);
    store::Set set = all.set();
    AddAll(*sources, set);
    return all.Reply();
  }
  CollectedSet found(ctx.reply.protocol());
  for (size_t i = 0; i < sources->size(); ++i) {
    const auto before = std::span(*sources).first(i);
    SetView(*(*sources)[i]).ForEach([&](const SetElement& element) {
      if (!AnyContains(before, element)) found.Add(element);
    });
  }
  found.WriteTo(ctx.reply);
}

void SUnionStore(CommandContext& ctx, ArgReader& args) {
  const store::Key to = args.Key();
  const auto sources = ReadSets(ctx, args, args.left());
  if (!sources) return;
  NewSet all(ctx, to.bytes);
  store::Set set = all.set();
  AddAll(*sources, set);
  all.Store(to, events::kSUnionStore);
}

void SDiff(CommandContext& ctx, ArgReader& args) {
  auto sources = ReadSets(ctx, args, args.left());
  if (!sources) return;
  const DiffBy by = ChooseDiff(*sources);
  if (by == DiffBy::kRemoval) {
    NewSet rest(ctx);
    DiffByRemoval(*sources, rest.set());
    return rest.Reply();
  }
  CollectedSet found(ctx.reply.protocol());
  if (by == DiffBy::kLookUp) {
    ForEachByLookUp(*sources, [&](const SetElement& e) { found.Add(e); });
  }
  found.WriteTo(ctx.reply);
}

void SDiffStore(CommandContext& ctx, ArgReader& args) {
  const store::Key to = args.Key();
  auto sources = ReadSets(ctx, args, args.left());
  if (!sources) return;
  NewSet rest(ctx, to.bytes);
  store::Set set = rest.set();
  const DiffBy by = ChooseDiff(*sources);
  if (by == DiffBy::kRemoval) DiffByRemoval(*sources, set);
  if (by == DiffBy::kLookUp) {
    std::vector<SetElement> found;
    ForEachByLookUp(*sources, [&](const SetElement& element) { found.push_back(element); });
    set.ExpectDistinct(found.size());
    set.AddAll(found);
  }
  rest.Store(to, events::kSDiffStore);
}

}  // namespace henge::commands
