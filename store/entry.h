// SPDX-License-Identifier: Apache-2.0
// Entry: a key with its value, in one allocation.
//
//   +------+-------+-------------+----------------+----------+-----------+-------+-------------------+
//   | type | flags | inline size | access clock 24| key len 8| expiry  8 | key   | value | | 1 B  |
//   1 B   | 2 B         |              4 B          | if TTL    | bytes | bytes, or pointer |
//   +------+-------+-------------+----------------+----------+-----------+-------+-------------------+
//
// A key of 255 bytes or more stores 255 in the header and its length in four bytes before the key.
// A string value of up to kMaxInlineValue bytes stands behind the key; a larger one is a counted
// Blob, and only the pointer stands there. An integer is eight bytes. Of a collection the pointer
// to its object stands there (value.h says what such an object can do). The upper two bytes of
// either pointer stand in the place of the inline size. Nothing behind the header is aligned.
//
// Entries of strings move when they grow: mutators return the entry to store in the table. One of a
// collection stays where it is, whatever happens to its object. Not thread-safe; the shard's lock
// is held around every use.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/blob.h"
#include "base/types.h"

namespace henge::store {

enum class Type : uint8_t {
  kString = 0,
  kList = 1,
  kSet = 2,
  kSortedSet = 3,
  kHash = 4,
  kStream = 6
};

enum class Encoding : uint8_t {
  kRaw = 0,
  kInt = 1,
  kEmbedded = 2,
  kListpack,
  kQuicklist,
  kIntset,
  kHashtable,
  kSkiplist,
  kStream,
  kListpackEx,
};

// As TYPE and OBJECT ENCODING print them.
std::string_view TypeName(Type type);
std::string_view EncodingName(Encoding encoding);

inline constexpr size_t kMaxInlineValue = 4096;
inline constexpr size_t kMaxEmbedded = 44;  // Redis's limit for "embstr".

class Entry {
 public:
  // A string, integer-encoded when `value` is a canonical 64-bit integer and `encode_integers`.
  static Entry* NewString(std::string_view key, std::string_view value, UnixMillis expiry,
                          bool encode_integers = true);
  static Entry* NewInteger(std::string_view key, int64_t value, UnixMillis expiry);
  // Like NewString, but writes over `old` (same key) where its allocation fits; else frees it.
  static Entry* Overwrite(Entry* old, std::string_view value, UnixMillis expiry,
                          bool encode_integers = true);
  static Entry* NewBlob(std::string_view key, BlobRef value, UnixMillis expiry);
  // An empty collection, in its type's smallest encoding.
  static Entry* NewCollection(std::string_view key, Type type, UnixMillis expiry = kNoExpiry);

  // One that takes over a collection's object, made in this encoding.
  static Entry* NewCollection(std::string_view key, Type type, UnixMillis expiry, Encoding encoding,
                              void* object);

  // The same value under another key or deadline: moves the value over, frees `entry`.
  static Entry* Rebuild(Entry* entry, std::string_view new_key, UnixMillis expiry);
  // A second entry with an equal value.
  static Entry* Copy(const Entry* entry, std::string_view new_key, UnixMillis expiry);
  static void Free(Entry* entry);

  Type type() const { return static_cast<Type>(type_encoding_ & 0x0f); }
  Encoding encoding() const { return static_cast<Encoding>(type_encoding_ >> 4); }

  std::string_view key() const {
    const char* p = Body() + (has_expiry() ? 8 : 0);
    const uint32_t short_size = access_and_key_ >> 24;
    if (short_size != kWideKey) return {p, short_size};
    uint32_t size;
    std::memcpy(&size, p, 4);
    return {p + 4, size};
  }

  bool has_expiry() const { return (flags_ & kHasExpiry) != 0; }
  UnixMillis expiry() const {  // kNoExpiry when there is none.
    if (!has_expiry()) return kNoExpiry;
    UnixMillis at;
    std::memcpy(&at, Body(), 8);
    return at;
  }
  bool ExpiredAt(UnixMillis now) const { return has_expiry() && expiry() < now; }
  // Returns the entry to keep: it moves when the deadline needs room that is not there.
  static Entry* SetExpiry(Entry* entry, UnixMillis expiry);

  // 24 bits: LRU seconds, or LFU minutes and counter, as Redis's.
  uint32_t access() const { return access_and_key_ & 0x00ffffff; }
  void set_access(uint32_t access) {
    access_and_key_ = (access_and_key_ & 0xff000000) | (access & 0x00ffffff);
  }

  // Which value of it means that the snapshot under way has seen the entry changes with each one
  // (snapshot_walk.h).
  bool mark() const { return (flags_ & kMark) != 0; }
  void set_mark(bool mark) {
    flags_ = static_cast<uint8_t>(mark ? flags_ | kMark : flags_ & ~kMark);
  }

  // A collection's object. Whoever replaces it frees the old one.
  bool is_collection() const { return type() != Type::kString; }
  void* object() const { return pointer(); }
  void set_object(Encoding encoding, void* object) {
    set_kind(type(), encoding);
    set_pointer(object);
  }
  // When the first of a collection's members is due; kNoExpiry where none has a deadline.
  UnixMillis member_deadline() const {
    // Only hashes have such, and not in this form.
    if (type() != Type::kHash || encoding() == Encoding::kListpack) return kNoExpiry;
    return EarliestMemberDeadline();
  }
  // When the entry is to be looked at for its age, or its members' age; kNoExpiry for never.
  UnixMillis due() const {
    const UnixMillis of_member = member_deadline();
    if (of_member == kNoExpiry) return expiry();
    return has_expiry() && expiry() < of_member ? expiry() : of_member;
  }
  // Whether a collection has nothing left for which its key should stay.
  bool IsEmptyCollection() const;

  bool is_integer() const { return encoding() == Encoding::kInt; }
  int64_t integer() const {
    int64_t value;
    std::memcpy(&value, Value(), 8);
    return value;
  }
  void set_integer(int64_t value) { std::memcpy(Value(), &value, 8); }

  // The bytes of a string that is not integer-encoded.
  std::string_view bytes() const {
    if (is_external()) return blob()->view();
    return {Value(), inline_size_};
  }
  size_t StringSize() const;  // Length as STRLEN tells it, integers printed.
  bool is_external() const { return (flags_ & kExternal) != 0; }
  Blob* blob() const { return static_cast<Blob*>(pointer()); }

  // Makes the string writable with `size` bytes: the old bytes kept, new ones zero, integers turned
  // into digits, a shared blob copied. The encoding becomes raw. Returns the entry to keep; its
  // bytes are at WritableBytes().
  static Entry* ResizeString(Entry* entry, size_t size);
  char* WritableBytes() { return is_external() ? blob()->data() : Value(); }

  // Bytes this entry costs the allocator, the value's own allocations included.
  size_t MemoryBytes() const;
  // What of it is the collection's own; the entry itself does not change with its members.
  // REQUIRES: a collection.
  size_t ObjectMemoryBytes() const;
  // How much of it frees slowly: number of allocations behind the value.
  size_t FreeEffort() const { return is_collection() ? CollectionFreeEffort() : 1; }

 private:
  enum : uint8_t { kHasExpiry = 1, kExternal = 2, kMark = 4 };
  static constexpr uint32_t kWideKey = 255;
  // Of a pointer, the rest stands in inline_size_: with 16-byte keys that makes the difference of a
  // size class.
  static constexpr size_t kPointerBytes = 6;

  // Room for `value_bytes` behind the key; header, expiry and key filled in, the value not.
  static Entry* Make(Type type, Encoding encoding, std::string_view key, UnixMillis expiry,
                     size_t value_bytes);
  // Copies header facts (type, encoding, access clock, flags but the expiry's) and value bytes.
  static Entry* Transplant(const Entry* from, std::string_view key, UnixMillis expiry);

  size_t CollectionFreeEffort() const;
  UnixMillis EarliestMemberDeadline() const;

  char* Body() { return reinterpret_cast<char*>(this + 1); }
  const char* Body() const { return reinterpret_cast<const char*>(this + 1); }
  char* Value() { return const_cast<char*>(static_cast<const Entry*>(this)->Value()); }
  const char* Value() const {
    const std::string_view k = key();
    return k.data() + k.size();
  }
  void* pointer() const {
    uintptr_t p = uintptr_t{inline_size_} << 8 * kPointerBytes;
    std::memcpy(&p, Value(), kPointerBytes);  // The low bytes come first.
    return reinterpret_cast<void*>(p);
  }
  void set_pointer(void* p) {
    std::memcpy(Value(), &p, kPointerBytes);
    inline_size_ = static_cast<uint16_t>(reinterpret_cast<uintptr_t>(p) >> 8 * kPointerBytes);
  }
  void set_kind(Type type, Encoding encoding) {
    type_encoding_ =
        static_cast<uint8_t>(static_cast<uint8_t>(type) | static_cast<uint8_t>(encoding) << 4);
  }
  size_t ValueBytes() const {
    if (is_external() || is_collection()) return kPointerBytes;
    return is_integer() ? 8 : size_t{inline_size_};
  }

  uint8_t type_encoding_;
  uint8_t flags_;
  uint16_t inline_size_;     // Of a string's bytes, or a pointer's upper half-word.
  uint32_t access_and_key_;  // Low 24 bits the access clock, high 8 the key's size or kWideKey.
};
static_assert(sizeof(Entry) == 8);

// An entry that is in no table yet, or no longer.
struct EntryFreer {
  void operator()(Entry* entry) const { Entry::Free(entry); }
};
using OwnedEntry = std::unique_ptr<Entry, EntryFreer>;

}  // namespace henge::store
