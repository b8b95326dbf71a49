// SPDX-License-Identifier: Apache-2.0
#include "store/hash/field_record.h"

#include <cstdlib>

#include "base/memory.h"
#include "base/strings.h"

namespace henge::store {

uint8_t FieldRecord::FlagsFor(size_t field, size_t value, UnixMillis deadline) {
  int flags = 0;
  if (field > 255) flags |= kWideField;
  if (value > kMaxInline) {
    flags |= kBlob;
  } else if (value > 255) {
    flags |= kWideValue;
  }
  if (deadline != kNoExpiry) flags |= kDeadline;
  return static_cast<uint8_t>(flags);
}

size_t FieldRecord::HeadBytes(uint8_t flags) {
  size_t bytes = 1;
  if ((flags & kDeadline) != 0) bytes += 8;
  bytes += (flags & kWideField) != 0 ? 4 : 1;
  if ((flags & kBlob) == 0) bytes += (flags & kWideValue) != 0 ? 2 : 1;
  return bytes;
}

FieldRecord* FieldRecord::Make(uint8_t flags, std::string_view field, size_t value_bytes) {
  const size_t head = HeadBytes(flags);
  void* memory = std::malloc(head + field.size() + value_bytes);
  if (memory == nullptr) std::abort();
  auto* record = static_cast<FieldRecord*>(memory);
  record->flags_ = flags;
  char* sizes = const_cast<char*>(record->Sizes());
  if ((flags & kWideField) != 0) {
    const auto size = static_cast<uint32_t>(field.size());
    std::memcpy(sizes, &size, 4);
  } else {
    *sizes = static_cast<char>(field.size());
  }
  CopyBytes(reinterpret_cast<char*>(record) + head, field);
  return record;
}

void FieldRecord::Fill(std::string_view value, UnixMillis deadline) {
  if (deadline != kNoExpiry) set_deadline(deadline);
  if ((flags_ & kBlob) != 0) {
    Blob* blob = ArgumentBlob::Keep(value).Release();
    std::memcpy(ValueStart(), &blob, sizeof(blob));
    return;
  }
  char* p = const_cast<char*>(Sizes()) + ((flags_ & kWideField) != 0 ? 4 : 1);
  if ((flags_ & kWideValue) != 0) {
    const auto size = static_cast<uint16_t>(value.size());
    std::memcpy(p, &size, 2);
  } else {
    *p = static_cast<char>(value.size());
  }
  CopyBytes(ValueStart(), value);
}

FieldRecord* FieldRecord::New(std::string_view field, std::string_view value, UnixMillis deadline) {
  const uint8_t flags = FlagsFor(field.size(), value.size(), deadline);
  FieldRecord* record = Make(flags, field, (flags & kBlob) != 0 ? sizeof(Blob*) : value.size());
  record->Fill(value, deadline);
  return record;
}

FieldRecord* FieldRecord::Change(FieldRecord* record, std::string_view value, UnixMillis deadline) {
  const std::string_view field = record->field();
  const uint8_t flags = FlagsFor(field.size(), value.size(), deadline);
  const size_t bytes =
      HeadBytes(flags) + field.size() + ((flags & kBlob) != 0 ? sizeof(Blob*) : value.size());
  if (flags == record->flags_ && AllocationSize(bytes) == UsableSize(record)) {
    if (Blob* old = record->blob()) old->Unref();
    record->Fill(value, deadline);
    return record;
  }
  FieldRecord* changed = New(field, value, deadline);
  Free(record);
  return changed;
}

FieldRecord* FieldRecord::ChangeDeadline(FieldRecord* record, UnixMillis deadline) {
  const bool had = (record->flags_ & kDeadline) != 0;
  const bool has = deadline != kNoExpiry;
  if (had == has) {
    if (has) record->set_deadline(deadline);
    return record;
  }
  const auto flags = static_cast<uint8_t>(record->flags_ ^ kDeadline);
  const size_t value_bytes = (flags & kBlob) != 0 ? sizeof(Blob*) : record->InlineSize();
  FieldRecord* changed = Make(flags, record->field(), value_bytes);
  if (has) changed->set_deadline(deadline);
  if ((flags & kBlob) == 0) {
    changed->Fill({record->ValueStart(), value_bytes}, deadline);
  } else {  // The blob moves over.
    std::memcpy(changed->ValueStart(), record->ValueStart(), value_bytes);
  }
  std::free(record);
  return changed;
}

FieldRecord* FieldRecord::Copy(const FieldRecord* record) {
  const size_t bytes = record->Bytes();
  void* memory = std::malloc(bytes);
  if (memory == nullptr) std::abort();
  std::memcpy(memory, record, bytes);
  auto* copy = static_cast<FieldRecord*>(memory);
  if (Blob* blob = copy->blob()) blob->Ref();
  return copy;
}

void FieldRecord::Free(FieldRecord* record) {
  if (Blob* blob = record->blob()) blob->Unref();
  std::free(record);
}

size_t FieldRecord::Bytes() const {
  const size_t value = (flags_ & kBlob) != 0 ? sizeof(Blob*) : InlineSize();
  return HeadBytes(flags_) + field().size() + value;
}

size_t FieldRecord::MemoryBytes() const {
  const Blob* large = blob();
  return AllocationSize(Bytes()) + (large != nullptr ? UsableSize(large) : 0);
}

}  // namespace henge::store
