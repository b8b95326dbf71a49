// SPDX-License-Identifier: Apache-2.0
#include "store/entry.h"

#include <array>
#include <cstdlib>

#include "base/memory.h"
#include "base/numbers.h"
#include "base/strings.h"
#include "store/value.h"

namespace henge::store {
namespace {

constexpr size_t kMaxIntegerDigits = 20;

size_t HeaderBytes(std::string_view key, UnixMillis expiry) {
  return sizeof(Entry) + (expiry != kNoExpiry ? 8 : 0) + (key.size() >= 255 ? 4 : 0) + key.size();
}

void* Allocate(size_t size) {
  void* memory = std::malloc(size);
  if (memory == nullptr) std::abort();  // As Redis: a cache that can't allocate can't go on.
  return memory;
}

}  // namespace

std::string_view TypeName(Type type) {
  static constexpr std::array<std::string_view, 7> kNames = {"string", "list", "set",   "zset",
                                                             "hash",   "",     "stream"};
  return kNames[static_cast<size_t>(type)];
}

std::string_view EncodingName(Encoding encoding) {
  static constexpr std::array<std::string_view, 10> kNames = {
      "raw",    "int",       "embstr",   "listpack", "quicklist",
      "intset", "hashtable", "skiplist", "stream",   "listpackex"};
  return kNames[static_cast<size_t>(encoding)];
}

Entry* Entry::Make(Type type, Encoding encoding, std::string_view key, UnixMillis expiry,
                   size_t value_bytes) {
  auto* entry = static_cast<Entry*>(Allocate(HeaderBytes(key, expiry) + value_bytes));
  entry->set_kind(type, encoding);
  entry->flags_ = expiry != kNoExpiry ? kHasExpiry : 0;
  entry->inline_size_ = 0;
  const bool wide = key.size() >= kWideKey;
  entry->access_and_key_ = (wide ? kWideKey : static_cast<uint32_t>(key.size())) << 24;
  char* p = entry->Body();
  if (expiry != kNoExpiry) {
    std::memcpy(p, &expiry, 8);
    p += 8;
  }
  if (wide) {
    const auto size = static_cast<uint32_t>(key.size());
    std::memcpy(p, &size, 4);
    p += 4;
  }
  CopyBytes(p, key);
  return entry;
}

Entry* Entry::NewInteger(std::string_view key, int64_t value, UnixMillis expiry) {
  Entry* entry = Make(Type::kString, Encoding::kInt, key, expiry, 8);
  entry->set_integer(value);
  return entry;
}

Entry* Entry::NewString(std::string_view key, std::string_view value, UnixMillis expiry,
                        bool encode_integers) {
  if (encode_integers && value.size() <= kMaxIntegerDigits) {
    if (const auto integer = ParseInt64(value)) return NewInteger(key, *integer, expiry);
  }
  const Encoding encoding = value.size() <= kMaxEmbedded ? Encoding::kEmbedded : Encoding::kRaw;
  if (value.size() > kMaxInlineValue) {
    return NewBlob(key, ArgumentBlob::Keep(value), expiry);
  }
  Entry* entry = Make(Type::kString, encoding, key, expiry, value.size());
  entry->inline_size_ = static_cast<uint16_t>(value.size());
  CopyBytes(entry->Value(), value);
  return entry;
}

Entry* Entry::Overwrite(Entry* old, std::string_view value, UnixMillis expiry,
                        bool encode_integers) {
  const bool fits_kind = old->type() == Type::kString && !old->is_external() &&
                         value.size() <= kMaxInlineValue &&
                         old->has_expiry() == (expiry != kNoExpiry);
  if (fits_kind) {
    std::optional<int64_t> integer;
    if (encode_integers && value.size() <= kMaxIntegerDigits) integer = ParseInt64(value);
    const size_t need = static_cast<size_t>(old->Value() - reinterpret_cast<char*>(old)) +
                        (integer ? 8 : value.size());
    if (AllocationSize(need) == UsableSize(old)) {
      if (old->has_expiry()) std::memcpy(old->Body(), &expiry, 8);
      if (integer) {
        old->set_kind(Type::kString, Encoding::kInt);
        old->inline_size_ = 0;
        old->set_integer(*integer);
      } else {
        old->set_kind(Type::kString,
                      value.size() <= kMaxEmbedded ? Encoding::kEmbedded : Encoding::kRaw);
        old->inline_size_ = static_cast<uint16_t>(value.size());
        std::memmove(old->Value(), value.data(), value.size());
      }
      return old;
    }
  }
  Entry* entry = NewString(old->key(), value, expiry, encode_integers);
  entry->set_access(old->access());
  Free(old);
  return entry;
}

Entry* Entry::NewBlob(std::string_view key, BlobRef value, UnixMillis expiry) {
  Entry* entry = Make(Type::kString, Encoding::kRaw, key, expiry, kPointerBytes);
  entry->flags_ |= kExternal;
  entry->set_pointer(value.Release());
  return entry;
}

Entry* Entry::NewCollection(std::string_view key, Type type, UnixMillis expiry) {
  const ValueOperations& operations = OperationsOf(type);
  return NewCollection(key, type, expiry, operations.smallest, operations.make());
}

Entry* Entry::NewCollection(std::string_view key, Type type, UnixMillis expiry, Encoding encoding,
                            void* object) {
  Entry* entry = Make(type, encoding, key, expiry, kPointerBytes);
  entry->set_pointer(object);
  return entry;
}

bool Entry::IsEmptyCollection() const { return OperationsOf(type()).empty(encoding(), object()); }

size_t Entry::CollectionFreeEffort() const {
  return OperationsOf(type()).free_effort(encoding(), object());
}

UnixMillis Entry::EarliestMemberDeadline() const {
  return OperationsOf(type()).earliest_deadline(encoding(), object());
}

Entry* Entry::Transplant(const Entry* from, std::string_view key, UnixMillis expiry) {
  Entry* entry = Make(from->type(), from->encoding(), key, expiry, from->ValueBytes());
  entry->flags_ |= from->flags_ & kExternal;
  entry->inline_size_ = from->inline_size_;
  entry->set_access(from->access());
  std::memcpy(entry->Value(), from->Value(), from->ValueBytes());
  return entry;
}

Entry* Entry::Rebuild(Entry* entry, std::string_view new_key, UnixMillis expiry) {
  Entry* moved = Transplant(entry, new_key, expiry);
  std::free(entry);  // What it points to lives on in `moved`.
  return moved;
}

Entry* Entry::Copy(const Entry* entry, std::string_view new_key, UnixMillis expiry) {
  Entry* copy = Transplant(entry, new_key, expiry);
  if (copy->is_external()) copy->blob()->Ref();  // Copied when either side is next written.
  if (copy->is_collection()) {
    copy->set_pointer(OperationsOf(entry->type()).copy(entry->encoding(), entry->object()));
  }
  return copy;
}

void Entry::Free(Entry* entry) {
  if (entry->is_external()) entry->blob()->Unref();
  if (entry->is_collection()) {
    OperationsOf(entry->type()).free(entry->encoding(), entry->object());
  }
  std::free(entry);
}

Entry* Entry::SetExpiry(Entry* entry, UnixMillis expiry) {
  if (entry->has_expiry() == (expiry != kNoExpiry)) {
    if (expiry != kNoExpiry) std::memcpy(entry->Body(), &expiry, 8);
    return entry;
  }
  return Rebuild(entry, entry->key(), expiry);
}

size_t Entry::StringSize() const {
  if (!is_integer()) return bytes().size();
  char digits[24];
  return FormatInt64(integer(), digits);
}

Entry* Entry::ResizeString(Entry* entry, size_t size) {
  char digits[24];
  std::string_view old;
  if (entry->is_integer()) {
    old = {digits, FormatInt64(entry->integer(), digits)};
  } else {
    old = entry->bytes();
  }
  const size_t kept = old.size() < size ? old.size() : size;
  const size_t before = static_cast<size_t>(entry->Value() - reinterpret_cast<char*>(entry));
  const bool in_place = entry->is_external()
                            ? entry->blob()->Unique() && size <= entry->blob()->capacity()
                            : size <= kMaxInlineValue && before + size <= UsableSize(entry);
  if (!in_place) {
    Entry* grown;
    if (size > kMaxInlineValue || entry->is_external()) {
      // Appending is amortized: half as much again, but not to a fresh value.
      const bool appends = !old.empty() && old.size() < size;
      Blob* blob = Blob::New(size, size + (appends ? size / 2 : 0));
      CopyBytes(blob->data(), old.substr(0, kept));
      grown = NewBlob(entry->key(), BlobRef::Adopt(blob), entry->expiry());
    } else {
      grown = Make(Type::kString, Encoding::kRaw, entry->key(), entry->expiry(), size);
      CopyBytes(grown->Value(), old.substr(0, kept));
    }
    grown->set_access(entry->access());
    Free(entry);
    entry = grown;
  } else if (entry->is_integer()) {
    std::memcpy(entry->Value(), digits, kept);
  }
  entry->set_kind(Type::kString, Encoding::kRaw);
  if (entry->is_external()) {
    entry->blob()->set_size(size);
  } else {
    entry->inline_size_ = static_cast<uint16_t>(size);
  }
  if (size > kept) std::memset(entry->WritableBytes() + kept, 0, size - kept);
  return entry;
}

size_t Entry::MemoryBytes() const {
  size_t bytes = UsableSize(this);
  if (is_external()) bytes += UsableSize(blob());
  if (is_collection()) bytes += ObjectMemoryBytes();
  return bytes;
}

size_t Entry::ObjectMemoryBytes() const {
  return OperationsOf(type()).memory(encoding(), object());
}

}  // namespace henge::store
