// SPDX-License-Identifier: Apache-2.0
#include "store/hash/field_table.h"

#include "base/memory.h"

namespace henge::store {

FieldTable::~FieldTable() {
  table_.ForEach([](FieldRecord* record) { FieldRecord::Free(record); });
}

FieldTable* FieldTable::Copy() const {
  auto* copy = new FieldTable();
  ForEach([&](const FieldRecord* record) {
    FieldRecord* own = FieldRecord::Copy(record);
    copy->record_bytes_ += own->MemoryBytes();
    copy->table_.Insert(own, HashKey(own->field()));
  });
  return copy;
}

size_t FieldTable::MemoryBytes() const {
  return AllocationSize(sizeof(FieldTable)) + table_.MemoryBytes() + record_bytes_;
}

bool FieldTable::Put(std::string_view field, std::string_view value, UnixMillis deadline) {
  const uint64_t hash = HashKey(field);
  const auto position = table_.FindPosition(field, hash);
  if (!position) {
    FieldRecord* record = FieldRecord::New(field, value, deadline);
    record_bytes_ += record->MemoryBytes();
    table_.Insert(record, hash);
    return true;
  }
  FieldRecord* old = table_.At(position);
  record_bytes_ -= old->MemoryBytes();
  FieldRecord* record = FieldRecord::Change(old, value, deadline);
  record_bytes_ += record->MemoryBytes();
  if (record != old) table_.Replace(position, record);
  return false;
}

void FieldTable::Add(std::string_view field, std::string_view value, UnixMillis deadline) {
  FieldRecord* record = FieldRecord::New(field, value, deadline);
  record_bytes_ += record->MemoryBytes();
  table_.Insert(record, HashKey(field));
}

bool FieldTable::Erase(std::string_view field) {
  FieldRecord* record = table_.Erase(field, HashKey(field));
  if (record == nullptr) return false;
  record_bytes_ -= record->MemoryBytes();
  FieldRecord::Free(record);
  return true;
}

}  // namespace henge::store
