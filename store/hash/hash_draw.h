// SPDX-License-Identifier: Apache-2.0
// Hash's drawing of lots, templates; included by hash.h only.
#pragma once

#include <absl/container/flat_hash_set.h>

#include "store/hash/hash.h"

namespace henge::store {

template <class F>
void Hash::DrawAny(henge::Random& random, uint64_t count, F fn) const {
  if (is_table()) {
    for (; count > 0; --count) {
      const FieldRecord* r = table().Random(random);
      fn(FieldOf(*r), ValueOf(*r));
    }
    return;
  }
  const Listpack p = pack();
  const auto draw = [&](Listpack::At at) {
    fn(FieldText(p.Get(at)), FieldText(p.Get(p.Next(at))));
  };
  if (count == 1) return draw(p.Seek(static_cast<int64_t>(random.Below(size()) * 2)));
  const std::vector<Listpack::At> pairs = Pairs();
  for (; count > 0; --count) draw(pairs[random.Below(pairs.size())]);
}

template <class F>
void Hash::DrawDifferent(henge::Random& random, uint64_t count, F fn) const {
  if (count == 1) return DrawAny(random, 1, fn);
  uint64_t left = size();
  if (!is_table() || count > left / 3) {
    // One pass, in which each field is taken with the chance that fills what is still wanted
    // (selection sampling, Knuth 3.4.2).
    ForEach([&](const FieldText& field, const FieldText& value) {
      if (random.Below(left--) >= count) return;
      --count;
      fn(field, value);
    });
    return;
  }
  absl::flat_hash_set<const FieldRecord*> drawn;
  drawn.reserve(count);
  while (drawn.size() < count) {
    const FieldRecord* r = table().Random(random);
    if (drawn.insert(r).second) fn(FieldOf(*r), ValueOf(*r));
  }
}

}  // namespace henge::store
