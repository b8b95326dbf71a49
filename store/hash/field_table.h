// SPDX-License-Identifier: Apache-2.0
// FieldTable: the fields of a large hash, found by name.
//
//   Table ──> FieldRecord {field, value, deadline}, one allocation each
//
// Owns its records. MemoryBytes is exact and costs nothing. Not thread-safe; the shard's lock is
// held around every call. A FieldRecord* is valid until its field changes.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/random.h"
#include "base/types.h"
#include "store/hash/field_record.h"
#include "store/key.h"
#include "store/table.h"

namespace henge::store {

class FieldTable {
 public:
  FieldTable() = default;
  ~FieldTable();
  FieldTable(const FieldTable&) = delete;
  FieldTable& operator=(const FieldTable&) = delete;

  FieldTable* Copy() const;

  size_t size() const { return table_.size(); }
  bool empty() const { return table_.empty(); }
  size_t MemoryBytes() const;

  const FieldRecord* Find(std::string_view field) const {
    return table_.Find(field, HashKey(field));
  }
  // Hints that the field of this hash will be looked for; see ValueOperations.
  void PrefetchBucket(uint64_t hash) const { table_.Prefetch(hash); }
  void PrefetchRecord(uint64_t hash) const { table_.PrefetchItem(hash); }
  // Whether the field is new.
  bool Put(std::string_view field, std::string_view value, UnixMillis deadline = kNoExpiry);
  // REQUIRES: the field is absent.
  void Add(std::string_view field, std::string_view value, UnixMillis deadline = kNoExpiry);
  bool Erase(std::string_view field);

  template <class F>
  void ForEach(F fn) const {
    table_.ForEach([&](FieldRecord* record) { fn(static_cast<const FieldRecord*>(record)); });
  }
  // As Table::Scan.
  template <class F>
  uint64_t Scan(uint64_t cursor, F fn) const {
    return table_.Scan(cursor,
                       [&](FieldRecord* record) { fn(static_cast<const FieldRecord*>(record)); });
  }
  // Any, each as likely as any other; null if there is none.
  const FieldRecord* Random(henge::Random& random) const { return table_.RandomItem(random); }

 private:
  struct Traits {
    using Item = FieldRecord;
    static std::string_view Key(const FieldRecord* record) { return record->field(); }
    static uint64_t Hash(std::string_view field) { return HashKey(field); }
  };

  Table<Traits> table_;
  size_t record_bytes_ = 0;
};

}  // namespace henge::store
