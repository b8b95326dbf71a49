// SPDX-License-Identifier: Apache-2.0
#include "store/hash/field_table.h"

#include "base/memory.h"

namespace henge::store {

FieldTable::~FieldTable() {
  table_.ForEach([](FieldRecord* record) { FieldRecord::Free(record); });
}

FieldTable* FieldTable::Copy() const {
  auto* copy = new FieldTable();
  copy->table_.CopyFrom(table_, [&](const FieldRecord* record) {
    FieldRecord* own = FieldRecord::Copy(record);
    copy->record_bytes_ += own->MemoryBytes();
    copy->Note(own);
    return own;
  });
  return copy;
}

size_t FieldTable::MemoryBytes() const {
  return AllocationSize(sizeof(FieldTable)) + table_.MemoryBytes() + record_bytes_ +
         (deadlines_ == nullptr ? 0 : deadlines_->MemoryBytes());
}

void FieldTable::Insert(FieldRecord* record, uint64_t hash) {
  record_bytes_ += record->MemoryBytes();
  table_.Insert(record, hash);
  Note(record);
}

void FieldTable::Note(FieldRecord* record) {
  const UnixMillis at = record->deadline();
  if (at == kNoExpiry) return;
  if (deadlines_ == nullptr) deadlines_ = std::make_unique<FieldDeadlines>();
  deadlines_->Add({at, record});
}

void FieldTable::Forget(FieldRecord* record) {
  const UnixMillis at = record->deadline();
  if (at != kNoExpiry) deadlines_->Remove({at, record});
}

void FieldTable::Add(std::string_view field, std::string_view value, UnixMillis deadline) {
  Insert(FieldRecord::New(field, value, deadline), HashKey(field));
}

void FieldTable::Change(Fields::Position position, std::string_view value, UnixMillis deadline) {
  FieldRecord* old = table_.At(position);
  Forget(old);
  record_bytes_ -= old->MemoryBytes();
  FieldRecord* record = FieldRecord::Change(old, value, deadline);
  record_bytes_ += record->MemoryBytes();
  if (record != old) table_.Replace(position, record);
  Note(record);
}

void FieldTable::SetDeadline(const FieldRecord* found, UnixMillis deadline) {
  const auto position = table_.FindPosition(found->field(), HashKey(found->field()));
  FieldRecord* old = table_.At(position);
  Forget(old);
  record_bytes_ -= old->MemoryBytes();
  FieldRecord* record = FieldRecord::ChangeDeadline(old, deadline);
  record_bytes_ += record->MemoryBytes();
  if (record != old) table_.Replace(position, record);
  Note(record);
}

bool FieldTable::Erase(std::string_view field) {
  FieldRecord* record = table_.Erase(field, HashKey(field));
  if (record == nullptr) return false;
  Forget(record);
  record_bytes_ -= record->MemoryBytes();
  FieldRecord::Free(record);
  return true;
}

const FieldRecord* FieldTable::DrawLive(Random& random, UnixMillis now) const {
  const auto is_live = [now](const FieldRecord* record) {
    const UnixMillis at = record->deadline();
    return at == kNoExpiry || at >= now;
  };
  constexpr int kTries = 64;
  for (int i = 0; i < kTries; ++i) {
    const FieldRecord* record = Draw(random);
    if (is_live(record)) return record;
  }
  // Nearly all have expired and wait to be deleted. The others are known by their deadlines …
  const size_t expired = deadlines_->CountBefore(now);
  const size_t rank = random.Below(size() - expired);
  if (rank < deadlines_->size() - expired) return deadlines_->At(expired + rank).record;
  // … or have none: the first such from a random place on.
  const FieldRecord* found = nullptr;
  for (uint64_t cursor = random.Next() >> 16; found == nullptr;) {
    cursor = Scan(cursor, [&](const FieldRecord* record) {
      if (record->deadline() == kNoExpiry) found = record;
    });
  }
  return found;
}

}  // namespace henge::store
