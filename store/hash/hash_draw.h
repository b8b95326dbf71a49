// SPDX-License-Identifier: Apache-2.0
// Hash's drawing of lots, templates; included by hash.h only.
#pragma once

#include <absl/container/flat_hash_set.h>

#include "store/hash/hash.h"

namespace henge::store {

template <class F>
void Hash::DrawAny(Random& random, uint64_t count, F fn) const {
  if (is_table()) {
    for (; count > 0; --count) {
      const FieldRecord* r = HasExpired() ? table().DrawLive(random, now_) : table().Draw(random);
      fn(FieldOf(*r), ValueOf(*r));
    }
    return;
  }
  const PackedFields fields = packed();
  const size_t expired = ExpiredCount();  // They stand first.
  const auto draw = [&](PackedFields::At at) {
    fn(FieldText(fields.Field(at)), FieldText(fields.Value(at)));
  };
  if (count == 1) return draw(fields.Nth(expired + random.Below(size() - expired)));
  std::vector<PackedFields::At> live;
  for (auto at = fields.Nth(expired); at != PackedFields::kNone; at = fields.Next(at)) {
    live.push_back(at);
  }
  for (; count > 0; --count) draw(live[random.Below(live.size())]);
}

template <class F>
void Hash::DrawDifferent(Random& random, uint64_t count, F fn) const {
  if (count == 1) return DrawAny(random, 1, fn);
  uint64_t left = LiveCount();
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
  const bool has_expired = HasExpired();
  while (drawn.size() < count) {
    const FieldRecord* r = has_expired ? table().DrawLive(random, now_) : table().Draw(random);
    if (drawn.insert(r).second) fn(FieldOf(*r), ValueOf(*r));
  }
}

}  // namespace henge::store
