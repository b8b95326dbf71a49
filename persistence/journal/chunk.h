// SPDX-License-Identifier: Apache-2.0
// Chunk: a run of whole records of the journal in one piece of memory, with their index.
//
//   ┌──────────┬──────────┬───────┬ … free … ┬────────┬────────┬────────┐
//   │ record 0 │ record 1 │   …   │          │ head 2 │ head 1 │ head 0 │
//   └──────────┴──────────┴───────┴──────────┴────────┴────────┴────────┘
//
// Records grow from the front, their heads (8 bytes each) from the back. A record never straddles
// chunks. A chunk of another kind refers to one record that lies in a blob, a large command as the
// socket read it, whose value the store may share. Written under the journal's lock only; bytes and
// heads never change once written, so who learnt under the lock how many there are may read them
// without it.
//
// ChunkPool keeps a few unused chunks, so that opening one under a lock allocates nothing and
// touches no new pages. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/blob.h"
#include "base/mutex.h"
#include "base/types.h"
#include "persistence/effect_listener.h"

namespace henge::persistence {

// Instead of a slot: of a record that is no effect but a word between nodes (PING, REPLCONF).
inline constexpr Slot kControlSlot = 0xfffe;

struct RecordTag {
  DbIndex db = 0;  // Selected behind the record; before it, if that begins without a SELECT.
  Slot slot = kNoSlot;
};

class Chunk {
 public:
  explicit Chunk(size_t capacity);
  // Of the one record `bytes`, which `blob` keeps where they are: nothing is copied. To be opened,
  // then committed.
  Chunk(BlobRef blob, std::string_view bytes);
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;

  // What a chunk must have to hold one record of `bytes`.
  static size_t CapacityFor(size_t bytes) { return (bytes + sizeof(Head) + 7) / 8 * 8; }

  // Empties it and says where it begins.
  void Open(Lsn begin);
  bool Fits(size_t bytes) const {
    return bytes + sizeof(Head) <= capacity_ - used_ - records_ * sizeof(Head);
  }
  // Where the next record's bytes go; then Commit says how many there were.
  char* tail() { return memory_.get() + used_; }
  void Commit(size_t bytes, RecordTag tag);
  // As Commit for the first record, written already, whose first `skip` bytes are no part of it.
  void CommitBehind(size_t skip, size_t bytes, RecordTag tag);

  Lsn begin() const { return begin_; }
  Lsn end() const { return begin_ + size(); }
  size_t size() const { return used_ - skip_; }
  size_t capacity() const { return capacity_; }
  uint32_t records() const { return records_; }
  bool has_control() const { return has_control_; }

  std::string_view Bytes(Lsn from, Lsn until) const {
    return {bytes_ + skip_ + (from - begin_), until - from};
  }
  // Record i of `records`, of which `end` is the last one's.
  Lsn EndOf(uint32_t i, uint32_t records, Lsn end) const;
  RecordTag TagOf(uint32_t i) const { return {head(i).db, head(i).slot}; }

 private:
  struct Head {
    uint32_t end;  // From the chunk's beginning; the only record of a large chunk may exceed it.
    Slot slot;
    DbIndex db;
  };
  static_assert(sizeof(Head) == 8);
  Head& head(uint32_t i) const {
    return reinterpret_cast<Head*>(heads_)[-1 - static_cast<ptrdiff_t>(i)];
  }

  size_t capacity_;
  std::unique_ptr<char[]> memory_;
  BlobRef blob_;
  const char* bytes_;  // In memory_ or in the blob.
  char* heads_;        // The end of memory_.
  Lsn begin_ = 0;
  size_t used_ = 0;
  size_t skip_ = 0;
  uint32_t records_ = 0;
  bool has_control_ = false;
};

using ChunkRef = std::shared_ptr<Chunk>;

class ChunkPool : public std::enable_shared_from_this<ChunkPool> {
 public:
  explicit ChunkPool(size_t chunk_bytes) : chunk_bytes_(Chunk::CapacityFor(chunk_bytes)) {}

  // A chunk of the usual size, which comes back when its last reference goes.
  ChunkRef Take();
  // One of its own size, for a record that is longer than others may be.
  static ChunkRef TakeFor(size_t record_bytes);
  // Makes one in advance if there is none, its pages touched. Not under a shard's lock.
  void Prepare();
  size_t chunk_bytes() const { return chunk_bytes_; }

 private:
  static constexpr size_t kSpareBytes = size_t{2} << 20;
  void Return(std::unique_ptr<Chunk> chunk);

  const size_t chunk_bytes_;
  SpinFutexMutex mutex_;
  std::vector<std::unique_ptr<Chunk>> spares_;
};

}  // namespace henge::persistence
