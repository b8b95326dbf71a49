// SPDX-License-Identifier: Apache-2.0
// Listpack: a run of strings and integers in one allocation, Redis's byte for byte, since it stands
// in RDB files and DUMP payloads as it is. The layout, with an example: docs/formats/listpack.md.
//
//   | total bytes 4 | elements 2 | element | element | … | 0xff |
//   element: | encoding and size 1-5 | bytes | length of what stands before, 1-5 |
//
// A string that is a canonical 64-bit integer is kept as one. Elements are named by their offset
// (`At`), which stays good when the block moves, and until something before it changes.
//
// A Listpack is a handle: it does not own its block. Changing it may move the block; the owner
// stores block() back. Blocks have exactly the allocator's size class of their total, so that their
// memory is known from their header. Not thread-safe.
//
// Every member REQUIRES a sound block; what comes from outside goes through Validate first.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "base/memory.h"
#include "base/numbers.h"

namespace henge::store {

// One element as it is read. `data` is null for an integer, and good until the block changes.
struct ListpackElement {
  const char* data = nullptr;
  uint32_t size = 0;
  int64_t integer = 0;

  using Digits = char[kInt64Chars + 1];
  bool is_integer() const { return data == nullptr; }
  // Its text; an integer's is written to `digits`.
  std::string_view Text(Digits& digits) const {
    return is_integer() ? std::string_view(digits, FormatInt64(integer, digits))
                        : std::string_view(data, size);
  }
  size_t TextSize() const {
    Digits digits;
    return is_integer() ? FormatInt64(integer, digits) : size;
  }
};

class ListpackRun;

class Listpack {
 public:
  using At = uint32_t;
  static constexpr At kNone = 0;

  // What Redis bounds a block by: an element is added only if the block stays below.
  static constexpr size_t kMaxBytes = size_t{1} << 30;

  explicit Listpack(void* block) : block_(static_cast<uint8_t*>(block)) {}
  static Listpack New();                         // Empty; freed with std::free.
  static Listpack Copy(std::string_view bytes);  // REQUIRES: Validate(bytes).

  uint8_t* block() const { return block_; }
  size_t bytes() const { return Load<uint32_t>(block_); }
  std::string_view view() const { return {reinterpret_cast<const char*>(block_), bytes()}; }
  size_t MemoryBytes() const { return AllocationSize(bytes()); }
  bool empty() const { return block_[kHeader] == kEnd; }
  uint32_t size() const;  // Elements; counted one by one from 65535 on.
  bool HasRoomFor(size_t more) const { return bytes() + more < kMaxBytes; }

  // --- Reading ----------------------------------------------------------------------------------
  At First() const { return Checked(kHeader); }
  At Last() const { return Prev(static_cast<At>(bytes() - 1)); }
  At Next(At at) const { return Checked(at + ElementBytes(block_ + at)); }
  At Prev(At at) const;  // kNone before the first. `at` may be End().
  At End() const { return static_cast<At>(bytes() - 1); }  // Behind the last: for insertions.
  At Seek(int64_t index) const;  // From the end if negative; kNone when out of range.
  ListpackElement Get(At at) const { return Decode(block_ + at); }
  // The first element from `from` on that equals `text`; looks at one, passes over `skip`, and so
  // on: skip 1 from the first finds field names. kNone if there is none.
  At Find(std::string_view text, At from, uint32_t skip = 0) const;
  bool Equals(At at, std::string_view text) const;
  // A text made ready to be compared with many elements; must outlive the pattern.
  class Pattern;
  bool Matches(At at, const Pattern& pattern) const;
  uint32_t CountMatches(const Pattern& pattern) const;
  // False only if no element matches; much quicker than looking at each.
  bool MayMatch(const Pattern& pattern) const;

  // --- Changing: the block may move
  // --------------------------------------------------------------- Each returns where the new
  // element stands.
  At Insert(At before, std::string_view text);  // Before End(): appends.
  At Insert(At before, int64_t value);
  At Append(std::string_view text) { return Insert(End(), text); }
  At Append(int64_t value) { return Insert(End(), value); }
  At Prepend(std::string_view text) { return Insert(kHeader, text); }
  At Prepend(int64_t value) { return Insert(kHeader, value); }
  At Replace(At at, std::string_view text);
  At Replace(At at, int64_t value);
  // Removes `count` elements from `at` on (fewer if there are no more); returns what stands there
  // then, or kNone at the end.
  At Erase(At at, uint32_t count = 1);
  // In place, for an owner whose allocation is larger than the block. The first two move the
  // block's beginning; each returns by how many bytes, 0 if the element needs more than `room`.
  size_t PrependInto(size_t room, std::string_view text);  // `room` bytes before the block.
  size_t EraseFirstInPlace();
  size_t AppendInto(size_t room, std::string_view text);  // `room` bytes behind it.
  void EraseLastInPlace();
  // Appends many at once: the block moves at most once.
  void Append(const ListpackRun& run);
  // Removes the elements that match, but not the first `skip` of them, and at most `limit`. Returns
  // how many.
  uint32_t EraseMatches(const Pattern& pattern, uint32_t skip, uint32_t limit);
  // Appends all elements of `other`.
  void Concatenate(const Listpack& other);
  // Cuts off the elements from `at` on and returns them as a new listpack.
  Listpack Split(At at);

  // --- From outside
  // ------------------------------------------------------------------------------- How many
  // elements `bytes` hold, or nothing where they are not a sound listpack of exactly that size.
  // Walks every element in both directions; never reads outside.
  static std::optional<uint32_t> Validate(std::string_view bytes);

  // Bytes an element takes.
  static size_t BytesFor(std::string_view text);

  static constexpr uint8_t kEnd = 0xff;
  static constexpr At kHeader = 6;

 private:
  friend class ListpackRun;
  // An element's encoding byte, size and integer payload; strings stay where they are.
  struct Encoded {
    uint8_t head[9];
    uint8_t head_size = 0;
    std::string_view text;
    uint8_t back_size = 0;  // Of the length behind.
    size_t Bytes() const { return head_size + text.size() + back_size; }
  };
  static bool Matches(const uint8_t* p, const Encoded& wanted);
  static const uint8_t* Behind(const uint8_t* p);  // Where the next element stands.
  static Encoded Encode(std::string_view text);
  static Encoded Encode(int64_t value);
  static Encoded EncodeText(std::string_view text);
  static void Finish(Encoded& encoded);

  template <class T>
  static T Load(const uint8_t* p) {
    T value;
    std::memcpy(&value, p, sizeof(value));
    return value;
  }
  static ListpackElement Decode(const uint8_t* p);
  static size_t PayloadBytes(const uint8_t* p);  // Encoding, size and bytes.
  static size_t BackBytes(size_t payload);       // Of the length behind.
  static size_t ElementBytes(const uint8_t* p) {
    const size_t payload = PayloadBytes(p);
    return payload + BackBytes(payload);
  }
  static uint8_t* PutBack(uint8_t* p, size_t payload);
  static std::optional<size_t> CheckElement(const uint8_t* p, const uint8_t* end);

  At Checked(size_t at) const { return block_[at] == kEnd ? kNone : static_cast<At>(at); }
  // Makes the `old_bytes` at `at` into room for `new_bytes`; what follows moves.
  void Resize(At at, size_t old_bytes, size_t new_bytes);
  void Put(At at, const Encoded& encoded);
  At Splice(At at, size_t old_bytes, const Encoded& encoded);
  void AddToCount(int64_t delta);
  void SetCount(uint32_t count);

  uint8_t* block_;
};

// Elements put together before they are appended.
class ListpackRun {
 public:
  ListpackRun() = default;
  ~ListpackRun() {
    if (bytes_ != small_) std::free(bytes_);
  }
  ListpackRun(const ListpackRun&) = delete;
  ListpackRun& operator=(const ListpackRun&) = delete;

  void Add(std::string_view text) { Put(Listpack::Encode(text)); }
  void Add(int64_t value) { Put(Listpack::Encode(value)); }
  size_t bytes() const { return size_; }

 private:
  friend class Listpack;
  void Put(const Listpack::Encoded& encoded);
  void Grow(size_t more);

  uint8_t small_[512];
  uint8_t* bytes_ = small_;
  size_t size_ = 0;
  size_t capacity_ = sizeof(small_);
  uint32_t count_ = 0;
};

class Listpack::Pattern {
 public:
  explicit Pattern(std::string_view text) : encoded_(Encode(text)), bytes_(BytesOf(encoded_)) {}

 private:
  friend class Listpack;
  static std::string BytesOf(const Encoded& encoded);
  Encoded encoded_;
  std::string bytes_;  // What an element that matches begins with.
};

}  // namespace henge::store
