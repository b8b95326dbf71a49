// SPDX-License-Identifier: Apache-2.0
#include "store/hash/field_deadlines.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/memory.h"

namespace henge::store {

FieldDeadlines::~FieldDeadlines() {
  for (const Chunk& chunk : chunks_) std::free(chunk.items);
}

size_t FieldDeadlines::ChunkFor(const Item& item) const {
  const auto after =
      std::upper_bound(chunks_.begin(), chunks_.end(), item,
                       [](const Item& i, const Chunk& chunk) { return i < chunk.first; });
  return after == chunks_.begin() ? 0 : static_cast<size_t>(after - chunks_.begin()) - 1;
}

void FieldDeadlines::Resize(Chunk& chunk, uint32_t capacity) {
  if (chunk.items != nullptr) item_bytes_ -= AllocationSize(chunk.capacity * sizeof(Item));
  chunk.items = static_cast<Item*>(std::realloc(chunk.items, capacity * sizeof(Item)));
  if (chunk.items == nullptr) std::abort();
  chunk.capacity = capacity;
  item_bytes_ += AllocationSize(capacity * sizeof(Item));
}

// Makes room in a full chunk; behind the last item of all a new chunk begins, so that deadlines
// that arrive in order fill their chunks.
void FieldDeadlines::Split(size_t index, bool at_end) {
  const uint32_t kept = at_end ? kFull : kFull / 2;
  Chunk tail{};
  Resize(tail, at_end ? 4 : kFull);
  Chunk& chunk = chunks_[index];
  tail.size = chunk.size - kept;
  if (tail.size > 0) {
    std::memcpy(tail.items, chunk.items + kept, tail.size * sizeof(Item));
    tail.first = tail.items[0];
  }
  chunk.size = kept;
  chunks_.insert(chunks_.begin() + static_cast<ptrdiff_t>(index) + 1, tail);
}

void FieldDeadlines::Add(Item item) {
  if (chunks_.empty()) {
    Chunk chunk{};
    Resize(chunk, 4);
    chunks_.push_back(chunk);
  }
  size_t index = ChunkFor(item);
  if (chunks_[index].size == kFull) {
    const bool at_end = index + 1 == chunks_.size() && chunks_[index].items[kFull - 1] < item;
    Split(index, at_end);
    if (at_end || !(item < chunks_[index + 1].first)) ++index;
  }
  Chunk& chunk = chunks_[index];
  if (chunk.size == chunk.capacity) Resize(chunk, chunk.capacity * 2);
  Item* end = chunk.items + chunk.size;
  Item* at = std::lower_bound(chunk.items, end, item);
  std::memmove(at + 1, at, static_cast<size_t>(end - at) * sizeof(Item));
  *at = item;
  ++chunk.size;
  chunk.first = chunk.items[0];
  ++size_;
}

void FieldDeadlines::Remove(Item item) {
  const size_t index = ChunkFor(item);
  Chunk& chunk = chunks_[index];
  Item* end = chunk.items + chunk.size;
  Item* at = std::lower_bound(chunk.items, end, item);
  if (at == end || *at != item) std::abort();  // Was never added.
  std::memmove(at, at + 1, static_cast<size_t>(end - at - 1) * sizeof(Item));
  --chunk.size;
  --size_;
  if (chunk.size == 0) return DropChunk(index);
  chunk.first = chunk.items[0];
  if (index + 1 < chunks_.size() && chunk.size + chunks_[index + 1].size <= kFull / 2) {
    JoinNext(index);
  }
}

void FieldDeadlines::JoinNext(size_t index) {
  Chunk& chunk = chunks_[index];
  const Chunk& next = chunks_[index + 1];
  if (chunk.capacity < chunk.size + next.size) Resize(chunk, kFull);
  std::memcpy(chunk.items + chunk.size, next.items, next.size * sizeof(Item));
  chunk.size += next.size;
  DropChunk(index + 1);
}

void FieldDeadlines::DropChunk(size_t index) {
  item_bytes_ -= AllocationSize(chunks_[index].capacity * sizeof(Item));
  std::free(chunks_[index].items);
  chunks_.erase(chunks_.begin() + static_cast<ptrdiff_t>(index));
}

size_t FieldDeadlines::CountBefore(UnixMillis time) const {
  if (empty() || First().at >= time) return 0;
  const size_t last = ChunkFor({time, nullptr});
  size_t count = 0;
  for (size_t i = 0; i < last; ++i) count += chunks_[i].size;
  const Item* begin = chunks_[last].items;
  const Item* end = begin + chunks_[last].size;
  return count + static_cast<size_t>(std::lower_bound(begin, end, Item{time, nullptr}) - begin);
}

FieldDeadlines::Item FieldDeadlines::At(size_t rank) const {
  size_t index = 0;
  while (rank >= chunks_[index].size) rank -= chunks_[index++].size;
  return chunks_[index].items[rank];
}

size_t FieldDeadlines::MemoryBytes() const {
  const size_t directory = chunks_.capacity() * sizeof(Chunk);
  return AllocationSize(sizeof(FieldDeadlines)) + item_bytes_ +
         (directory == 0 ? 0 : AllocationSize(directory));
}

}  // namespace henge::store
