// SPDX-License-Identifier: Apache-2.0
// Hash: fields with values, over an Entry that holds them in one of two forms.
//
//   listpack   | field | value | field | value | …     one block (store/encoding/listpack.h)
//   hashtable  FieldTable ──> a record per field
//
// A hash begins as a listpack and becomes a table, for good, when it gets more fields or longer
// texts than the limits say. Small hashes therefore cost one allocation, and large ones one per
// field.
//
// A Hash is a handle for one command; it owns nothing. What it returns points into the hash and is
// good until the next change. Not thread-safe; the shard's lock is held around every use.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "store/encoding/listpack.h"
#include "store/entry.h"
#include "store/hash/field_table.h"
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
  // REQUIRES: an entry of a hash.
  Hash(Entry& entry, const EncodingLimits& limits) : entry_(entry), limits_(limits) {}

  size_t size() const { return is_table() ? table().size() : pack().size() / 2; }
  bool empty() const { return is_table() ? table().empty() : pack().empty(); }
  bool is_table() const { return entry_.encoding() == Encoding::kHashtable; }

  // --- Reading ----------------------------------------------------------------------------------
  std::optional<FieldText> Get(std::string_view field) const;
  bool Has(std::string_view field) const;
  // fn(field, value) for each.
  template <class F>
  void ForEach(F fn) const {
    if (is_table()) {
      table().ForEach([&](const FieldRecord* r) { fn(FieldOf(*r), ValueOf(*r)); });
      return;
    }
    const Listpack p = pack();
    for (Listpack::At at = p.First(); at != Listpack::kNone; at = p.Next(at)) {
      const ListpackElement field = p.Get(at);
      at = p.Next(at);
      fn(FieldText(field), FieldText(p.Get(at)));
    }
  }
  // One step from `cursor` (0: the start), as Table::Scan; a listpack is done in one. Returns the
  // next cursor, 0 at the end.
  template <class F>
  uint64_t Scan(uint64_t cursor, F fn) const {
    if (!is_table()) {
      ForEach(fn);
      return 0;
    }
    return table().Scan(cursor, [&](const FieldRecord* r) { fn(FieldOf(*r), ValueOf(*r)); });
  }

  // --- Drawing lots: every field is as likely as any other. REQUIRE: the hash isn't empty. ------
  // `count` times any field: fn(field, value).
  template <class F>
  void DrawAny(henge::Random& random, uint64_t count, F fn) const;
  // `count` different fields. REQUIRES: count <= size().
  template <class F>
  void DrawDifferent(henge::Random& random, uint64_t count, F fn) const;

  // --- Changing ---------------------------------------------------------------------------------
  // Whether the field is new.
  bool Set(std::string_view field, std::string_view value);
  bool SetKeepingDeadline(std::string_view field, std::string_view value) {
    return Set(field, value);
  }
  bool Delete(std::string_view field);

 private:
  Listpack pack() const { return Listpack(entry_.object()); }
  void set_pack(const Listpack& pack) { entry_.set_object(Encoding::kListpack, pack.block()); }
  FieldTable& table() const { return *static_cast<FieldTable*>(entry_.object()); }

  static FieldText FieldOf(const FieldRecord& record) { return FieldText(record.field()); }
  static FieldText ValueOf(const FieldRecord& record) {
    return FieldText(record.value(), record.blob());
  }
  bool FitsListpack(std::string_view text) const {
    const int64_t limit = limits_.hash_max_listpack_value.load(std::memory_order_relaxed);
    return text.size() <= static_cast<uint64_t>(limit);
  }
  bool TooManyForListpack(size_t fields) const {
    const int64_t limit = limits_.hash_max_listpack_entries.load(std::memory_order_relaxed);
    return fields > static_cast<uint64_t>(limit);
  }
  // Where each pair of the listpack begins.
  std::vector<Listpack::At> Pairs() const;
  void BecomeTable();

  Entry& entry_;
  const EncodingLimits& limits_;
};

}  // namespace henge::store

#include "store/hash/hash_draw.h"
