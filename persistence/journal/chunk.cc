// SPDX-License-Identifier: Apache-2.0
#include "persistence/journal/chunk.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <mutex>
#include <utility>

namespace henge::persistence {

Chunk::Chunk(size_t capacity)
    : capacity_(capacity),
      memory_(std::make_unique_for_overwrite<char[]>(capacity)),
      bytes_(memory_.get()),
      heads_(memory_.get() + capacity) {}

Chunk::Chunk(BlobRef blob, std::string_view bytes)
    : capacity_(bytes.size() + sizeof(Head)),
      memory_(std::make_unique_for_overwrite<char[]>(sizeof(Head))),
      blob_(std::move(blob)),
      bytes_(bytes.data()),
      heads_(memory_.get() + sizeof(Head)) {}

void Chunk::Open(Lsn begin) {
  begin_ = begin;
  used_ = skip_ = 0;
  records_ = 0;
  has_control_ = false;
}

void Chunk::Commit(size_t bytes, RecordTag tag) {
  used_ += bytes;
  constexpr size_t kMost = std::numeric_limits<uint32_t>::max();
  head(records_) = {static_cast<uint32_t>(std::min(size(), kMost)), tag.slot, tag.db};
  ++records_;
  if (tag.slot == kControlSlot) has_control_ = true;
}

void Chunk::CommitBehind(size_t skip, size_t bytes, RecordTag tag) {
  skip_ = skip;
  Commit(skip + bytes, tag);
}

Lsn Chunk::EndOf(uint32_t i, uint32_t records, Lsn end) const {
  return i + 1 == records ? end : begin_ + head(i).end;
}

ChunkRef ChunkPool::Take() {
  std::unique_ptr<Chunk> chunk;
  {
    const std::lock_guard lock(mutex_);
    if (!spares_.empty()) {
      chunk = std::move(spares_.back());
      spares_.pop_back();
    }
  }
  if (chunk == nullptr) chunk = std::make_unique<Chunk>(chunk_bytes_);
  return {chunk.release(),
          [pool = shared_from_this()](Chunk* done) { pool->Return(std::unique_ptr<Chunk>(done)); }};
}

ChunkRef ChunkPool::TakeFor(size_t record_bytes) {
  return std::make_shared<Chunk>(Chunk::CapacityFor(record_bytes));
}

void ChunkPool::Prepare() {
  {
    const std::lock_guard lock(mutex_);
    if (!spares_.empty()) return;
  }
  auto chunk = std::make_unique<Chunk>(chunk_bytes_);
  std::memset(chunk->tail(), 0, chunk->capacity());
  Return(std::move(chunk));
}

void ChunkPool::Return(std::unique_ptr<Chunk> chunk) {
  const std::lock_guard lock(mutex_);
  if (spares_.size() * chunk_bytes_ >= kSpareBytes)
    return;  // Freed behind the lock: the argument outlives it.
  spares_.push_back(std::move(chunk));
}

}  // namespace henge::persistence
