// SPDX-License-Identifier: Apache-2.0
// The templates of SetView and Set; included by set.h only.
#pragma once

#include <absl/container/inlined_vector.h>

#include "base/prefetch.h"
#include "store/set/set.h"

namespace henge::store {

template <class F>
bool SetView::ForEachWhile(F fn) const {
  if (encoding() == Encoding::kIntset) {
    const Intset set = intset();
    for (uint32_t i = 0; i < set.size(); ++i) {
      if (!fn(ElementOf(set.Get(i)))) return false;
    }
    return true;
  }
  if (encoding() == Encoding::kListpack) {
    const Listpack pack = listpack();
    for (auto at = pack.First(); at != Listpack::kNone; at = pack.Next(at)) {
      if (!fn(pack.Get(at))) return false;
    }
    return true;
  }
  uint64_t cursor = 0;
  absl::InlinedVector<const SetMember*, 32> step;
  do {
    step.clear();
    cursor = large().members().Scan(cursor, [&](const SetMember* member) {
      PrefetchLine(member);
      step.push_back(member);
    });
    for (const SetMember* member : step) {
      if (!fn(ElementOf(member))) return false;
    }
  } while (cursor != 0);
  return true;
}

template <class F>
void SetView::ForEach(F fn) const {
  if (encoding() == Encoding::kHashtable) {
    large().members().ForEach([&](const SetMember* member) { fn(ElementOf(member)); });
    return;
  }
  ForEachWhile([&](const SetElement& element) {
    fn(element);
    return true;
  });
}

template <class F>
uint64_t SetView::Scan(uint64_t cursor, F fn) const {
  if (encoding() != Encoding::kHashtable) {
    ForEach(fn);
    return 0;
  }
  return large().members().Scan(cursor, [&](const SetMember* m) { fn(ElementOf(m)); });
}

template <class F>
void SetView::Draw(uint64_t count, henge::Random& random, F fn) const {
  if (encoding() != Encoding::kListpack) {
    for (uint64_t i = 0; i < count; ++i) fn(Random(random));
    return;
  }
  std::vector<SetElement> all;
  all.reserve(size());
  ForEach([&](const SetElement& element) { all.push_back(element); });
  for (uint64_t i = 0; i < count; ++i) fn(all[random.Below(all.size())]);
}

template <class F>
void SetView::Sample(size_t count, henge::Random& random, F fn) const {
  if (count >= size()) return ForEach(fn);
  if (encoding() == Encoding::kIntset) {
    for (const uint32_t place : SamplePlaces(count, size(), random)) {
      fn(ElementOf(intset().Get(place)));
    }
  } else if (encoding() == Encoding::kListpack) {
    for (const Listpack::At at : SampleListpack(count, random)) fn(listpack().Get(at));
  } else {
    for (const SetMember* member : SampleMembers(count, random)) fn(ElementOf(member));
  }
}

template <class F>
void Set::Pop(henge::Random& random, F fn) {
  if (encoding() == Encoding::kIntset) {
    Intset set = intset();
    const auto place = static_cast<uint32_t>(random.Below(set.size()));
    fn(ElementOf(set.Get(place)));
    set.EraseAt(place);
    return Keep(set);
  }
  if (encoding() == Encoding::kListpack) {
    Listpack pack = listpack();
    const auto at = pack.Seek(static_cast<int64_t>(random.Below(pack.size())));
    fn(pack.Get(at));
    pack.Erase(at);
    return Keep(pack);
  }
  SetMember* member = large().members().RandomItem(random);
  fn(ElementOf(member));
  SetMember::Free(large().Take(member->bytes()));
}

template <class F>
std::unique_ptr<LargeSet> Set::PopSample(size_t count, henge::Random& random, F fn) {
  if (encoding() == Encoding::kIntset) {
    Intset set = intset();
    const std::vector<uint32_t> places = SamplePlaces(count, set.size(), random);
    for (const uint32_t place : places) fn(ElementOf(set.Get(place)));
    set.EraseAt(places);
    Keep(set);
  } else if (encoding() == Encoding::kListpack) {
    Listpack pack = listpack();
    const std::vector<Listpack::At> places = SampleListpack(count, random);
    for (const Listpack::At at : places) fn(pack.Get(at));
    for (auto at = places.rbegin(); at != places.rend(); ++at) pack.Erase(*at);
    Keep(pack);
  } else if (const size_t remaining = size() - count; remaining * kMoveStrategyFactor > count) {
    for (size_t i = 0; i < count; ++i) Pop(random, fn);
  } else {
    std::unique_ptr<LargeSet> rest = Retain(SampleMembers(remaining, random));
    rest->members().ForEach([&](const SetMember* member) { fn(ElementOf(member)); });
    return rest;
  }
  return nullptr;
}

template <class F>
std::unique_ptr<LargeSet> Set::PopAll(F fn) {
  ForEach(fn);
  std::unique_ptr<LargeSet> all;
  encoding() == Encoding::kHashtable ? all.reset(&large()) : std::free(entry().object());
  Keep(Intset::New());
  return all;
}

}  // namespace henge::store
