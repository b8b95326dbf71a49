// SPDX-License-Identifier: Apache-2.0
// FieldDeadlines: the fields of a large hash that have a deadline, the earliest first.
//
//   chunks_ ──> | first | items | size | … |   sorted by (deadline, record)
//                            |
//                            +──> up to 256 × {deadline, record}
//
// A chunk that is full splits; one that has run low joins its neighbour. So every operation
// touches one chunk, a count over chunks tells how many are due, and an item costs about 20 bytes.
//
// Does not own records; whoever moves one in memory removes and adds it. Not thread-safe; the
// shard's lock is held around every call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/types.h"

namespace henge::store {

class FieldRecord;

class FieldDeadlines {
 public:
  struct Item {
    UnixMillis at;
    FieldRecord* record;
    auto operator<=>(const Item&) const = default;
  };

  FieldDeadlines() = default;
  ~FieldDeadlines();
  FieldDeadlines(const FieldDeadlines&) = delete;
  FieldDeadlines& operator=(const FieldDeadlines&) = delete;

  void Add(Item item);
  void Remove(Item item);  // REQUIRES: it was added.

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Item First() const { return chunks_.front().first; }  // REQUIRES: !empty().
  size_t CountBefore(UnixMillis time) const;
  Item At(size_t rank) const;  // REQUIRES: rank < size().
  size_t MemoryBytes() const;

 private:
  static constexpr uint32_t kFull = 256;

  struct Chunk {
    Item first;  // A copy of items[0], beside the others' for the search.
    Item* items;
    uint32_t size;
    uint32_t capacity;
  };

  size_t ChunkFor(const Item& item) const;  // REQUIRES: !empty().
  void Resize(Chunk& chunk, uint32_t capacity);
  void Split(size_t index, bool at_end);
  void JoinNext(size_t index);
  void DropChunk(size_t index);

  std::vector<Chunk> chunks_;
  size_t size_ = 0;
  size_t item_bytes_ = 0;
};

}  // namespace henge::store
