// SPDX-License-Identifier: Apache-2.0
// Intset: distinct integers in ascending order in one allocation, Redis's byte for byte, since it
// stands in RDB files and DUMP payloads as it is. The layout, with an example:
// docs/formats/intset.md.
//
//   | width 4 | count 4 | integer | integer | … |
//
// All integers have the same width, 2, 4 or 8 bytes: what the largest that was ever in needs. It
// grows, it never shrinks.
//
// An Intset is a handle: it does not own its block. Changing it may move the block; the owner
// stores block() back. Blocks have exactly the allocator's size class of their bytes, so that their
// memory is known from their header. Not thread-safe.
//
// Every member REQUIRES a sound block; what comes from outside goes through Validate first.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "base/memory.h"

namespace henge::store {

class Intset {
 public:
  static constexpr size_t kHeader = 8;

  explicit Intset(void* block) : block_(static_cast<uint8_t*>(block)) {}
  static Intset New();                                     // Empty; freed with std::free.
  static Intset Copy(std::string_view bytes);              // REQUIRES: Validate(bytes).
  static Intset FromSorted(std::span<const int64_t> all);  // REQUIRES: ascending and distinct.
  static constexpr uint32_t WidthFor(int64_t value) {
    if (value == static_cast<int16_t>(value)) return 2;
    return value == static_cast<int32_t>(value) ? 4 : 8;
  }

  uint8_t* block() const { return block_; }
  uint32_t width() const { return Load<uint32_t>(block_); }
  uint32_t size() const { return Load<uint32_t>(block_ + 4); }
  bool empty() const { return size() == 0; }
  size_t bytes() const { return kHeader + size_t{size()} * width(); }
  std::string_view view() const { return {reinterpret_cast<const char*>(block_), bytes()}; }
  size_t MemoryBytes() const { return AllocationSize(bytes()); }

  // --- Reading ----------------------------------------------------------------------------------
  int64_t Get(uint32_t index) const {  // REQUIRES: index < size().
    switch (width()) {
      case 2:
        return At<int16_t>(index);
      case 4:
        return At<int32_t>(index);
      default:
        return At<int64_t>(index);
    }
  }
  int64_t Min() const { return Get(0); }  // REQUIRES, as Max: !empty().
  int64_t Max() const { return Get(size() - 1); }
  bool Contains(int64_t value) const;

  // --- Changing: the block may move -------------------------------------------------------------
  bool Add(int64_t value);     // Whether it is new.
  bool Remove(int64_t value);  // Whether it was there.
  void EraseAt(uint32_t index);
  // REQUIRES: ascending and distinct indices below size(). One pass over the whole.
  void EraseAt(std::span<const uint32_t> indices);

  // --- From outside -----------------------------------------------------------------------------
  // How many integers `bytes` hold, or nothing where they are not a sound intset of exactly that
  // size.
  static std::optional<uint32_t> Validate(std::string_view bytes);

 private:
  template <class T>
  static T Load(const uint8_t* p) {
    T value;
    std::memcpy(&value, p, sizeof(value));
    return value;
  }
  template <class T>
  T At(uint32_t index) const {
    return Load<T>(block_ + kHeader + size_t{index} * sizeof(T));
  }
  uint8_t* Place(uint32_t index) const { return block_ + kHeader + size_t{index} * width(); }
  template <class T>
  uint32_t LowerBoundIn(T value) const;
  // The first place whose integer isn't below. REQUIRES: the value fits the width.
  uint32_t LowerBound(int64_t value) const;
  void Put(uint32_t index, int64_t value);
  void SetSize(uint32_t size) { std::memcpy(block_ + 4, &size, 4); }
  void Reallocate(size_t old_bytes, size_t new_bytes);
  void Widen(uint32_t width, int64_t value);  // And adds the value, which needed that.

  uint8_t* block_;
};

}  // namespace henge::store
