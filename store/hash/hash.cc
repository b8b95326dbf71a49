// SPDX-License-Identifier: Apache-2.0
#include "store/hash/hash.h"

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

void PrefetchBucket(Encoding, const void* object, uint64_t hash) {
  static_cast<const FieldTable*>(object)->PrefetchBucket(hash);
}

void PrefetchRecord(Encoding, const void* object, uint64_t hash) {
  static_cast<const FieldTable*>(object)->PrefetchRecord(hash);
}

}  // namespace

const ValueOperations kHashOperations = {
    Make,    Encoding::kListpack, Free,           Memory, FreeEffort, Copy,
    IsEmpty, PrefetchBucket,      PrefetchRecord,
};

// --- Reading ------------------------------------------------------------------------------------

std::optional<FieldText> Hash::Get(std::string_view field) const {
  if (is_table()) {
    const FieldRecord* record = table().Find(field);
    if (record == nullptr) return std::nullopt;
    return ValueOf(*record);
  }
  const Listpack p = pack();
  const Listpack::At at = p.Find(field, p.First(), 1);
  if (at == Listpack::kNone) return std::nullopt;
  return FieldText(p.Get(p.Next(at)));
}

bool Hash::Has(std::string_view field) const {
  if (is_table()) return table().Find(field) != nullptr;
  const Listpack p = pack();
  return p.Find(field, p.First(), 1) != Listpack::kNone;
}

std::vector<Listpack::At> Hash::Pairs() const {
  std::vector<Listpack::At> pairs;
  const Listpack p = pack();
  pairs.reserve(p.size() / 2);
  for (Listpack::At at = p.First(); at != Listpack::kNone; at = p.Next(p.Next(at))) {
    pairs.push_back(at);
  }
  return pairs;
}

// --- Changing -----------------------------------------------------------------------------------

bool Hash::Set(std::string_view field, std::string_view value) {
  if (!is_table()) {
    Listpack p = pack();
    const bool fits = FitsListpack(field) && FitsListpack(value) &&
                      p.HasRoomFor(field.size() + value.size() + 32);
    if (!fits) {
      BecomeTable();
      return table().Put(field, value);
    }
    const Listpack::At at = p.Find(field, p.First(), 1);
    if (at != Listpack::kNone) {
      p.Replace(p.Next(at), value);
    } else {
      p.Append(field);
      p.Append(value);
    }
    set_pack(p);
    if (TooManyForListpack(p.size() / 2)) BecomeTable();  // The limit may have come down.
    return at == Listpack::kNone;
  }
  return table().Put(field, value);
}

bool Hash::Delete(std::string_view field) {
  if (is_table()) return table().Erase(field);
  Listpack p = pack();
  const Listpack::At at = p.Find(field, p.First(), 1);
  if (at == Listpack::kNone) return false;
  p.Erase(at, 2);
  set_pack(p);
  return true;
}

void Hash::BecomeTable() {
  auto* fields = new FieldTable();
  ForEach([&](const FieldText& field, const FieldText& value) {
    ListpackElement::Digits field_digits;
    ListpackElement::Digits value_digits;
    fields->Add(field.Text(field_digits), value.Text(value_digits));
  });
  void* block = entry_.object();
  entry_.set_object(Encoding::kHashtable, fields);
  std::free(block);
}

}  // namespace henge::store
