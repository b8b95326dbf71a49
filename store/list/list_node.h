// SPDX-License-Identifier: Apache-2.0
// ListNode: one link of a quicklist. A packed node is a listpack of elements; a plain node is one
// element too large for a listpack:
//
//   packed   a Listpack's block
//   plain    its bytes
//
// A ListNode is a handle that someone else keeps; it neither owns nor frees its block by itself.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string_view>

#include "base/memory.h"
#include "store/encoding/listpack.h"

namespace henge::store {

// What `list-max-listpack-size` allows a listpack of a list to hold: 4, 8, 16, 32 or 64 kB for -1
// to -5, else so many elements, if those stay within 8 kB.
struct ListNodeLimit {
  static constexpr size_t kSafeBytes = 8192;
  size_t bytes = std::numeric_limits<size_t>::max();
  uint32_t count = std::numeric_limits<uint32_t>::max();

  static ListNodeLimit Of(int fill) {
    if (fill >= 0) return {.count = fill == 0 ? 1 : static_cast<uint32_t>(fill)};
    return {.bytes = size_t{4096} << (fill >= -5 ? -fill - 1 : 4)};
  }
  bool by_count() const { return count != std::numeric_limits<uint32_t>::max(); }
  bool Allows(size_t new_bytes, uint64_t new_count) const {
    if (!by_count()) return new_bytes <= bytes;
    return new_bytes <= kSafeBytes && new_count <= count;
  }
};

struct ListNode {
  uint8_t* block = nullptr;
  uint32_t bytes = 0;  // Of the listpack or the element, as Redis counts a node's size.
  static constexpr uint32_t kMostElements = 0x7fffffff;  // No listpack can hold as many.
  uint32_t count : 31 = 0;
  uint32_t plain : 1 = 0;

  static ListNode Packed(const Listpack& pack, uint32_t count) {
    return {pack.block(), static_cast<uint32_t>(pack.bytes()), count & kMostElements, 0};
  }
  // REQUIRES: less than 4 GB.
  static ListNode Plain(std::string_view text) {
    auto* block = static_cast<uint8_t*>(std::malloc(PlainBytes(text.size())));
    if (block == nullptr) std::abort();
    if (!text.empty()) std::memcpy(block, text.data(), text.size());
    return {block, static_cast<uint32_t>(text.size()), 1, 1};
  }

  Listpack pack() const { return Listpack(block); }
  std::string_view text() const {  // REQUIRES: plain.
    return {reinterpret_cast<const char*>(block), bytes};
  }
  ListpackElement plain_element() const { return {reinterpret_cast<const char*>(block), bytes, 0}; }
  size_t MemoryBytes() const { return AllocationSize(plain ? PlainBytes(bytes) : bytes); }
  ListNode Copy() const {
    return plain ? Plain(text()) : Packed(Listpack::Copy(pack().view()), count);
  }
  void Free() const { std::free(block); }

 private:
  static size_t PlainBytes(size_t size) { return size == 0 ? 1 : size; }
};
static_assert(sizeof(ListNode) == 16);

}  // namespace henge::store
