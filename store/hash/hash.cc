// SPDX-License-Identifier: Apache-2.0
#include "store/hash/hash.h"

#include <algorithm>
#include <cstdlib>

namespace henge::store {

// --- As a value ---------------------------------------------------------------------------------

namespace {

void* Make() { return Listpack::New().block(); }
const FieldTable& AsTable(const void* object) { return *static_cast<const FieldTable*>(object); }
Listpack AsPack(const void* object) { return Listpack(const_cast<void*>(object)); }

void Free(Encoding encoding, void* object) {
  if (encoding == Encoding::kHashtable) {
    delete static_cast<FieldTable*>(object);
  } else {
    std::free(object);
  }
}
size_t Memory(Encoding encoding, const void* object) {
  return encoding == Encoding::kHashtable ? AsTable(object).MemoryBytes()
                                          : AsPack(object).MemoryBytes();
}
size_t FreeEffort(Encoding encoding, const void* object) {
  return encoding == Encoding::kHashtable ? AsTable(object).size() : 1;
}
void* Copy(Encoding encoding, const void* object) {
  if (encoding == Encoding::kHashtable) return AsTable(object).Copy();
  return Listpack::Copy(AsPack(object).view()).block();
}
bool IsEmpty(Encoding encoding, const void* object) {
  return encoding == Encoding::kHashtable ? AsTable(object).empty() : AsPack(object).empty();
}
UnixMillis EarliestDeadline(Encoding encoding, const void* object) {
  if (encoding == Encoding::kListpack) return kNoExpiry;
  if (encoding == Encoding::kListpackEx) {
    return PackedFields(const_cast<void*>(object), true).EarliestDeadline();
  }
  const FieldDeadlines* deadlines = AsTable(object).deadlines();
  return deadlines == nullptr || deadlines->empty() ? kNoExpiry : deadlines->First().at;
}

}  // namespace

const ValueOperations kHashOperations = {
    .make = Make,
    .smallest = Encoding::kListpack,
    .free = Free,
    .memory = Memory,
    .free_effort = FreeEffort,
    .copy = Copy,
    .empty = IsEmpty,
    .prefetch_bucket = [](Encoding, const void* object,
                          uint64_t hash) { AsTable(object).PrefetchBucket(hash); },
    .prefetch_record = [](Encoding, const void* object,
                          uint64_t hash) { AsTable(object).PrefetchRecord(hash); },
    .earliest_deadline = EarliestDeadline,
};

// --- Reading ------------------------------------------------------------------------------------

size_t Hash::ExpiredCount() const {
  if (!HasExpired()) return 0;
  return is_table() ? table().deadlines()->CountBefore(now_) : packed().CountBefore(now_);
}

std::optional<FieldText> Hash::Get(std::string_view field) const {
  if (is_table()) {
    const FieldRecord* record = table().Find(field);
    if (record == nullptr || !IsLive(record->deadline())) return std::nullopt;
    return ValueOf(*record);
  }
  const PackedFields fields = packed();
  const auto at = fields.Find(field);
  if (at == PackedFields::kNone || !IsLive(fields.Deadline(at))) return std::nullopt;
  return FieldText(fields.Value(at));
}

std::optional<UnixMillis> Hash::DeadlineOf(std::string_view field) const {
  UnixMillis deadline;
  if (is_table()) {
    const FieldRecord* record = table().Find(field);
    if (record == nullptr) return std::nullopt;
    deadline = record->deadline();
  } else {
    const PackedFields fields = packed();
    const auto at = fields.Find(field);
    if (at == PackedFields::kNone) return std::nullopt;
    deadline = fields.Deadline(at);
  }
  if (!IsLive(deadline)) return std::nullopt;
  return deadline;
}

bool Hash::IsExpired(std::string_view field) const {
  if (!HasExpired()) return false;
  if (is_table()) {
    const FieldRecord* record = table().Find(field);
    return record != nullptr && !IsLive(record->deadline());
  }
  const PackedFields fields = packed();
  const auto at = fields.Find(field);
  return at != PackedFields::kNone && !IsLive(fields.Deadline(at));
}

// --- Changing -----------------------------------------------------------------------------------

bool Hash::Set(std::string_view field, std::string_view value, Deadline old) {
  if (is_table()) return SetInTable(field, value, old);
  constexpr size_t kOverhead = 32;  // More than what the listpack adds to two texts.
  if (FitsListpack(field) && FitsListpack(value) &&
      packed().HasRoomFor(field.size() + value.size() + kOverhead)) {
    return SetInPack(field, value, old);
  }
  BecomeTable();
  return SetInTable(field, value, old);
}

bool Hash::SetInTable(std::string_view field, std::string_view value, Deadline old) {
  const UnixMillis before = table().Put(field, value, [&](UnixMillis deadline) {
    const bool keeps = old == Deadline::kKeep && deadline != FieldTable::kAbsent;
    return keeps && IsLive(deadline) ? deadline : kNoExpiry;
  });
  return before == FieldTable::kAbsent || !IsLive(before);
}

bool Hash::SetInPack(std::string_view field, std::string_view value, Deadline old) {
  PackedFields fields = packed();
  const auto at = fields.Find(field);
  if (at != PackedFields::kNone) {
    const UnixMillis deadline = fields.Deadline(at);
    fields.SetValue(at, value);
    const bool live = IsLive(deadline);
    if (deadline != kNoExpiry && (old == Deadline::kDrop || !live)) {
      fields.SetDeadline(at, kNoExpiry);
    }
    Store(fields);
    if (TooManyForListpack(fields.size())) BecomeTable();  // The limit may have come down.
    return !live;
  }
  fields.Add(field, value, kNoExpiry);
  Store(fields);
  if (TooManyForListpack(fields.size())) BecomeTable();
  return true;
}

bool Hash::Delete(std::string_view field) {
  if (is_table()) return table().Erase(field);
  PackedFields fields = packed();
  const auto at = fields.Find(field);
  if (at == PackedFields::kNone) return false;
  fields.Erase(at);
  Store(fields);
  return true;
}

void Hash::SetDeadline(std::string_view field, UnixMillis deadline) {
  if (is_table()) return table().SetDeadline(table().Find(field), deadline);
  PackedFields fields = packed();
  if (entry_.encoding() == Encoding::kListpack) {
    if (deadline == kNoExpiry) return;
    fields.AddDeadlines();
    entry_.set_object(Encoding::kListpackEx, fields.block());
  }
  fields.SetDeadline(fields.Find(field), deadline);
  Store(fields);
}

void Hash::DeleteExpired(size_t limit, std::vector<std::string>& names) {
  for (; limit > 0 && !empty() && HasExpired(); --limit) {
    if (is_table()) {
      names.emplace_back(table().deadlines()->First().record->field());
      table().Erase(names.back());
      continue;
    }
    PackedFields fields = packed();
    ListpackElement::Digits digits;
    names.emplace_back(fields.Field(fields.First()).Text(digits));
    fields.Erase(fields.First());
    Store(fields);
  }
}

void Hash::BecomeTable() {
  auto* fields = new FieldTable();
  ForEachWithDeadline([&](const FieldText& field, const FieldText& value, UnixMillis deadline) {
    ListpackElement::Digits field_digits;
    ListpackElement::Digits value_digits;
    fields->Add(field.Text(field_digits), value.Text(value_digits), deadline);
  });
  void* block = entry_.object();
  entry_.set_object(Encoding::kHashtable, fields);
  std::free(block);
}

}  // namespace henge::store
