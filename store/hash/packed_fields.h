// SPDX-License-Identifier: Apache-2.0
// PackedFields: the fields of a small hash in one listpack, Redis's forms (docs/formats/hash.md).
//
//   listpack    | field | value | field | value | …                           as they came
//   listpackex  | field | value | deadline | field | value | deadline | …     the earliest first
//
// In the second form a deadline is an integer in milliseconds, 0 where there is none; those
// without stand last. A handle that does not own its block: changing it may move the block, and the
// owner stores block() back. Not thread-safe.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/types.h"
#include "store/encoding/listpack.h"

namespace henge::store {

class PackedFields {
 public:
  using At = Listpack::At;
  static constexpr At kNone = Listpack::kNone;

  PackedFields(void* block, bool with_deadlines)
      : pack_(block), with_deadlines_(with_deadlines), width_(with_deadlines ? 3 : 2) {}

  void* block() const { return pack_.block(); }
  size_t size() const { return pack_.size() / width_; }
  bool empty() const { return pack_.empty(); }
  bool HasRoomFor(size_t bytes) const { return pack_.HasRoomFor(bytes); }

  // A field is named by where it stands.
  At First() const { return pack_.First(); }
  At Next(At field) const {
    for (uint32_t i = 1; i < width_; ++i) field = pack_.Next(field);
    return pack_.Next(field);
  }
  At Nth(size_t index) const { return pack_.Seek(static_cast<int64_t>(index * width_)); }
  At Find(std::string_view field) const { return pack_.Find(field, First(), width_ - 1); }
  ListpackElement Field(At field) const { return pack_.Get(field); }
  ListpackElement Value(At field) const { return pack_.Get(pack_.Next(field)); }
  UnixMillis Deadline(At field) const {
    if (!with_deadlines_) return kNoExpiry;
    const int64_t at = pack_.Get(pack_.Next(pack_.Next(field))).integer;
    return at == 0 ? kNoExpiry : at;
  }
  // Of all fields, kNoExpiry if none has one.
  UnixMillis EarliestDeadline() const { return empty() ? kNoExpiry : Deadline(First()); }
  size_t CountBefore(UnixMillis time) const;  // Fields with an earlier deadline.

  // REQUIRE: a deadline only where with_deadlines.
  void Add(std::string_view field, std::string_view value, UnixMillis deadline);
  void SetValue(At field, std::string_view value) { pack_.Replace(pack_.Next(field), value); }
  void SetDeadline(At field, UnixMillis deadline);  // Moves the field.
  void Erase(At field) { pack_.Erase(field, width_); }
  // The same fields as listpackex; the old block is freed.
  void AddDeadlines();

 private:
  At PlaceFor(UnixMillis deadline) const;

  Listpack pack_;
  bool with_deadlines_;
  uint32_t width_;
};

}  // namespace henge::store
