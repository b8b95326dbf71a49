// SPDX-License-Identifier: Apache-2.0
// FieldRecord: a field of a large hash with its value, in one allocation.
//
//   +-------+-------------+---------------+-------------+-------+------------------------+
//   | flags | (deadline 8)| field size 1,4| value size  | field | value, or its blob's   |
//   | 1 B   |             |               | 1, 2 or none|       | pointer                |
//   +-------+-------------+---------------+-------------+-------+------------------------+
//
// A value of more than kMaxInline bytes is a counted Blob, so that replies and copies share it.
// Nothing behind the flags is aligned. The owner is the hash's FieldTable; a record moves when its
// value or deadline asks for another size class. Not thread-safe; the shard's lock is held around
// every use.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/blob.h"
#include "base/types.h"

namespace henge::store {

class FieldRecord {
 public:
  static constexpr size_t kMaxInline = 4096;

  static FieldRecord* New(std::string_view field, std::string_view value,
                          UnixMillis deadline = kNoExpiry);
  // Gives the record another value and deadline, in place where its allocation fits; else frees it.
  // Returns the record to keep.
  static FieldRecord* Change(FieldRecord* record, std::string_view value, UnixMillis deadline);
  static FieldRecord* ChangeDeadline(FieldRecord* record, UnixMillis deadline);
  static FieldRecord* Copy(const FieldRecord* record);  // Shares a blob.
  static void Free(FieldRecord* record);

  std::string_view field() const {
    const char* p = Sizes();
    if ((flags_ & kWideField) == 0) {
      return {p + 1 + ValueSizeBytes(), static_cast<unsigned char>(*p)};
    }
    uint32_t size;
    std::memcpy(&size, p, 4);
    return {p + 4 + ValueSizeBytes(), size};
  }
  std::string_view value() const {
    if (const Blob* large = blob()) return large->view();
    return {ValueStart(), InlineSize()};
  }
  // The value's blob; null where it stands inline.
  Blob* blob() const {
    if ((flags_ & kBlob) == 0) return nullptr;
    Blob* blob;
    std::memcpy(&blob, ValueStart(), sizeof(blob));
    return blob;
  }
  UnixMillis deadline() const {  // kNoExpiry when there is none.
    if ((flags_ & kDeadline) == 0) return kNoExpiry;
    UnixMillis at;
    std::memcpy(&at, rest_, 8);
    return at;
  }
  // What it costs the allocator, its blob included.
  size_t MemoryBytes() const;

 private:
  enum : uint8_t { kWideField = 1, kWideValue = 2, kBlob = 4, kDeadline = 8 };

  static uint8_t FlagsFor(size_t field, size_t value, UnixMillis deadline);
  // Bytes before the field.
  static size_t HeadBytes(uint8_t flags);
  static FieldRecord* Make(uint8_t flags, std::string_view field, size_t value_bytes);
  // Writes sizes, deadline and value; the field stands already where the flags want it.
  void Fill(std::string_view value, UnixMillis deadline);
  size_t Bytes() const;
  void set_deadline(UnixMillis deadline) { std::memcpy(rest_, &deadline, 8); }

  const char* Sizes() const { return rest_ + ((flags_ & kDeadline) != 0 ? 8 : 0); }
  size_t ValueSizeBytes() const {
    if ((flags_ & kBlob) != 0) return 0;
    return (flags_ & kWideValue) != 0 ? 2 : 1;
  }
  size_t InlineSize() const {
    const char* p = Sizes() + ((flags_ & kWideField) != 0 ? 4 : 1);
    if ((flags_ & kWideValue) == 0) return static_cast<unsigned char>(*p);
    uint16_t size;
    std::memcpy(&size, p, 2);
    return size;
  }
  const char* ValueStart() const {
    const std::string_view f = field();
    return f.data() + f.size();
  }
  char* ValueStart() {
    return const_cast<char*>(static_cast<const FieldRecord*>(this)->ValueStart());
  }

  uint8_t flags_;
  char rest_[15];  // As long as the allocation, really.
};

}  // namespace henge::store
