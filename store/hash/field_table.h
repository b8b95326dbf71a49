// SPDX-License-Identifier: Apache-2.0
// FieldTable: the fields of a large hash, found by name and, where they have deadlines, by those.
//
//   Table ──> FieldRecord {field, value, deadline}, one allocation each
//     FieldDeadlines ──┘      once any field has a deadline
//
// Owns its records. MemoryBytes is exact and costs nothing. Not thread-safe; the shard's lock is
// held around every call. A FieldRecord* is valid until its field changes.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/random.h"
#include "base/types.h"
#include "store/hash/field_deadlines.h"
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
  // As Table's Prefetch and PrefetchItem.
  void PrefetchBucket(uint64_t hash) const { table_.Prefetch(hash); }
  void PrefetchRecord(uint64_t hash) const { table_.PrefetchItem(hash); }
  void Reserve(size_t fields) { table_.Reserve(fields); }  // As Table's. REQUIRES: empty.
  // REQUIRES: the field is absent.
  void Add(std::string_view field, std::string_view value, UnixMillis deadline);
  // One look-up: the field's deadline before (0 where it was absent), which `deadline_of` turns
  // into the one from now on.
  template <class F>
  UnixMillis Put(std::string_view field, std::string_view value, F deadline_of);
  static constexpr UnixMillis kAbsent = 0;
  // REQUIRES: `record` is what Find returned.
  void SetDeadline(const FieldRecord* record, UnixMillis deadline);
  bool Erase(std::string_view field);

  // Deadlines, null while no field ever had one.
  const FieldDeadlines* deadlines() const { return deadlines_.get(); }

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
  const FieldRecord* Draw(Random& random) const { return table_.RandomItem(random); }
  // The same among those whose deadline isn't before `now`. REQUIRES: there is one.
  const FieldRecord* DrawLive(Random& random, UnixMillis now) const;

 private:
  struct Traits {
    using Item = FieldRecord;
    static std::string_view Key(const FieldRecord* record) { return record->field(); }
    static uint64_t Hash(std::string_view field) { return HashKey(field); }
  };
  using Fields = Table<Traits>;

  void Insert(FieldRecord* record, uint64_t hash);
  void Note(FieldRecord* record);  // In the deadlines, if it has one.
  void Forget(FieldRecord* record);
  void Change(Fields::Position position, std::string_view value, UnixMillis deadline);

  Fields table_;
  std::unique_ptr<FieldDeadlines> deadlines_;
  size_t record_bytes_ = 0;
};

template <class F>
UnixMillis FieldTable::Put(std::string_view field, std::string_view value, F deadline_of) {
  const uint64_t hash = HashKey(field);
  const auto position = table_.FindPosition(field, hash);
  if (!position) {
    Insert(FieldRecord::New(field, value, deadline_of(kAbsent)), hash);
    return kAbsent;
  }
  const UnixMillis before = table_.At(position)->deadline();
  Change(position, value, deadline_of(before));
  return before;
}

}  // namespace henge::store
