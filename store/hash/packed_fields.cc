// SPDX-License-Identifier: Apache-2.0
#include "store/hash/packed_fields.h"

#include <cstdlib>
#include <string>

namespace henge::store {

size_t PackedFields::CountBefore(UnixMillis time) const {
  size_t count = 0;
  for (At at = First(); at != kNone; at = Next(at), ++count) {
    const UnixMillis deadline = Deadline(at);
    if (deadline == kNoExpiry || deadline >= time) break;
  }
  return count;
}

// Behind those that are due before or at the same time; those without a deadline are due last.
PackedFields::At PackedFields::PlaceFor(UnixMillis deadline) const {
  if (deadline == kNoExpiry) return pack_.End();
  for (At at = First(); at != kNone; at = Next(at)) {
    const UnixMillis other = Deadline(at);
    if (other == kNoExpiry || other > deadline) return at;
  }
  return pack_.End();
}

void PackedFields::Add(std::string_view field, std::string_view value, UnixMillis deadline) {
  if (!with_deadlines_) {
    pack_.Append(field);
    pack_.Append(value);
    return;
  }
  const At at = PlaceFor(deadline);
  pack_.Insert(at, deadline == kNoExpiry ? 0 : deadline);
  pack_.Insert(at, value);
  pack_.Insert(at, field);
}

void PackedFields::SetDeadline(At at, UnixMillis deadline) {
  ListpackElement::Digits digits;
  const std::string field(Field(at).Text(digits));
  const std::string value(Value(at).Text(digits));
  Erase(at);
  Add(field, value, deadline);
}

void PackedFields::AddDeadlines() {
  Listpack wide = Listpack::New();
  for (At at = First(); at != kNone; at = Next(at)) {
    ListpackElement::Digits digits;
    wide.Append(Field(at).Text(digits));
    wide.Append(Value(at).Text(digits));
    wide.Append(int64_t{0});
  }
  std::free(pack_.block());
  pack_ = wide;
  with_deadlines_ = true;
  width_ = 3;
}

}  // namespace henge::store
