// SPDX-License-Identifier: Apache-2.0
// Hash: fields with values, some with deadlines, over an Entry that holds them in one of three
// forms.
//
//   listpack    | field | value | …               one block (packed_fields.h)
//   listpackex  | field | value | deadline | …    the same, since a field first got a deadline
//   hashtable   FieldTable ──> a record per field
//
// A hash begins as a listpack and becomes a table, for good, when it gets more fields or longer
// texts than the limits say. Small hashes therefore cost one allocation, and large ones one per
// field.
//
// A field past its deadline is *expired*: it reads as absent at once, but stays, and is counted by
// size(), until someone deletes it: who comes upon it, or the expiry cycle, for which the keyspace
// notes the hash's earliest deadline. A hash may so be left with expired fields only; it is there
// until the last is deleted.
//
// A Hash is a handle for one command; it owns nothing. What it returns points into the hash and is
// good until the next change. Not thread-safe; the shard's lock is held around every use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "store/encoding/listpack.h"
#include "store/entry.h"
#include "store/hash/field_table.h"
#include "store/hash/packed_fields.h"
#include "store/store.h"
#include "store/value.h"

namespace henge::store {

extern const ValueOperations kHashOperations;

// A field or value as it is read: text or integer, and the blob it stands in if it has one.
struct FieldText : ListpackElement {
  FieldText() = default;
  FieldText(ListpackElement element) : ListpackElement(element) {}
  explicit FieldText(std::string_view text, Blob* shared = nullptr)
      : ListpackElement{text.data(), static_cast<uint32_t>(text.size()), 0}, blob(shared) {}
  Blob* blob = nullptr;
};

class Hash {
 public:
  // What to do with a field's deadline when its value is set.
  enum class Deadline : uint8_t { kDrop, kKeep };

  // REQUIRES: an entry of a hash. `now` decides what has expired: Keyspace::visible_now().
  Hash(Entry& entry, const EncodingLimits& limits, UnixMillis now)
      : entry_(entry), limits_(limits), now_(now) {}

  bool is_table() const { return entry_.encoding() == Encoding::kHashtable; }
  size_t size() const { return is_table() ? table().size() : packed().size(); }
  bool empty() const { return is_table() ? table().empty() : packed().empty(); }
  bool HasExpired() const {
    const UnixMillis earliest = entry_.member_deadline();
    return earliest != kNoExpiry && earliest < now_;
  }
  size_t ExpiredCount() const;
  size_t LiveCount() const { return size() - ExpiredCount(); }

  // --- Reading: live fields only ----------------------------------------------------------------
  std::optional<FieldText> Get(std::string_view field) const;
  bool Has(std::string_view field) const { return Get(field).has_value(); }
  // Nothing for an absent field, kNoExpiry for one that has no deadline.
  std::optional<UnixMillis> DeadlineOf(std::string_view field) const;
  // fn(field, value) for each.
  template <class F>
  void ForEach(F fn) const {
    ForEachWithDeadline([&](const FieldText& field, const FieldText& value, UnixMillis at) {
      if (IsLive(at)) fn(field, value);
    });
  }
  // fn(field, value, deadline) for each, the expired ones too.
  template <class F>
  void ForEachWithDeadline(F fn) const;
  // One step from `cursor` (0: the start), as Table::Scan; a listpack is done in one. Returns the
  // next cursor, 0 at the end. fn(field, value); `visited` counts the expired ones too.
  template <class F>
  uint64_t Scan(uint64_t cursor, uint64_t& visited, F fn) const;

  // --- Drawing lots: every field is as likely as any other. REQUIRE: LiveCount() > 0. -----------
  // `count` times any field: fn(field, value).
  template <class F>
  void DrawAny(Random& random, uint64_t count, F fn) const;
  // `count` different fields. REQUIRES: count <= LiveCount().
  template <class F>
  void DrawDifferent(Random& random, uint64_t count, F fn) const;

  // --- Changing ---------------------------------------------------------------------------------
  // Whether the field is new; an expired one is, and its deadline never kept.
  bool Set(std::string_view field, std::string_view value, Deadline old = Deadline::kDrop);
  bool Delete(std::string_view field);  // An expired field, too.
  // kNoExpiry removes it. REQUIRES: the field is there.
  void SetDeadline(std::string_view field, UnixMillis deadline);
  bool IsExpired(std::string_view field) const;
  // Deletes up to `limit` expired fields, the earliest first, and adds their names to `names`.
  void DeleteExpired(size_t limit, std::vector<std::string>& names);

 private:
  PackedFields packed() const {
    return PackedFields(entry_.object(), entry_.encoding() == Encoding::kListpackEx);
  }
  void Store(const PackedFields& packed) { entry_.set_object(entry_.encoding(), packed.block()); }
  FieldTable& table() const { return *static_cast<FieldTable*>(entry_.object()); }

  static FieldText FieldOf(const FieldRecord& record) { return FieldText(record.field()); }
  static FieldText ValueOf(const FieldRecord& record) {
    return FieldText(record.value(), record.blob());
  }
  bool IsLive(UnixMillis deadline) const { return deadline == kNoExpiry || deadline >= now_; }
  bool FitsListpack(std::string_view text) const {
    const int64_t limit = limits_.hash_max_listpack_value.load(std::memory_order_relaxed);
    return text.size() <= static_cast<uint64_t>(limit);
  }
  bool TooManyForListpack(size_t fields) const {
    const int64_t limit = limits_.hash_max_listpack_entries.load(std::memory_order_relaxed);
    return fields > static_cast<uint64_t>(limit);
  }
  bool SetInTable(std::string_view field, std::string_view value, Deadline old);
  bool SetInPack(std::string_view field, std::string_view value, Deadline old);
  void BecomeTable();

  Entry& entry_;
  const EncodingLimits& limits_;
  UnixMillis now_;
};

template <class F>
void Hash::ForEachWithDeadline(F fn) const {
  if (is_table()) {
    return table().ForEach(
        [&](const FieldRecord* r) { fn(FieldOf(*r), ValueOf(*r), r->deadline()); });
  }
  const PackedFields fields = packed();
  for (auto at = fields.First(); at != PackedFields::kNone; at = fields.Next(at)) {
    fn(FieldText(fields.Field(at)), FieldText(fields.Value(at)), fields.Deadline(at));
  }
}

template <class F>
uint64_t Hash::Scan(uint64_t cursor, uint64_t& visited, F fn) const {
  if (!is_table()) {
    ForEach(fn);
    return 0;
  }
  return table().Scan(cursor, [&](const FieldRecord* r) {
    ++visited;
    if (IsLive(r->deadline())) fn(FieldOf(*r), ValueOf(*r));
  });
}

}  // namespace henge::store

#include "store/hash/hash_draw.h"
