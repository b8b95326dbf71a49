// SPDX-License-Identifier: Apache-2.0
// LoadedObject: a collection's object on its way from a file into an entry; freed if it never gets
// there. And the readers that make them, one a type: they return an empty LoadedObject where the
// reader has failed. For value_reader.cc and its parts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "persistence/rdb/rdb_reader.h"
#include "store/encoding/listpack.h"
#include "store/entry.h"
#include "store/store.h"
#include "store/value.h"

namespace henge::persistence {

class LoadedObject {
 public:
  LoadedObject() = default;
  LoadedObject(store::Type type, store::Encoding encoding, void* object)
      : object_(object), type_(type), encoding_(encoding) {}
  LoadedObject(LoadedObject&& other) noexcept
      : object_(std::exchange(other.object_, nullptr)),
        type_(other.type_),
        encoding_(other.encoding_) {}
  LoadedObject& operator=(LoadedObject other) noexcept {
    std::swap(object_, other.object_);
    std::swap(type_, other.type_);
    std::swap(encoding_, other.encoding_);
    return *this;
  }
  ~LoadedObject() {
    if (object_ != nullptr) store::OperationsOf(type_).free(encoding_, object_);
  }

  explicit operator bool() const { return object_ != nullptr; }
  bool HasElements() const { return !store::OperationsOf(type_).empty(encoding_, object_); }
  store::OwnedEntry IntoEntry(std::string_view key, UnixMillis expiry) && {
    return store::OwnedEntry(store::Entry::NewCollection(key, type_, expiry, encoding_,
                                                         std::exchange(object_, nullptr)));
  }

 private:
  void* object_ = nullptr;
  store::Type type_ = store::Type::kList;
  store::Encoding encoding_ = store::Encoding::kListpack;
};

using store::EncodingLimits;

// REQUIRE: one of their type's forms.
LoadedObject ReadList(RdbReader& reader, RdbType form, const EncodingLimits& limits);
LoadedObject ReadSet(RdbReader& reader, RdbType form, const EncodingLimits& limits);
LoadedObject ReadSortedSet(RdbReader& reader, RdbType form, const EncodingLimits& limits);
LoadedObject ReadHash(RdbReader& reader, RdbType form, const EncodingLimits& limits);
LoadedObject ReadStream(RdbReader& reader, RdbType form);

// For how many of `count` announced elements room is made at once: four bytes of input speak for
// one, so that an announcement costs little more than the input itself.
inline size_t RoomFor(const RdbReader& reader, uint64_t count) {
  return std::min<uint64_t>(count, reader.left() / 4);
}

inline size_t LimitOf(const std::atomic<int64_t>& limit) {
  const int64_t value = limit.load(std::memory_order_relaxed);
  return value < 0 ? 0 : static_cast<size_t>(value);
}

}  // namespace henge::persistence
