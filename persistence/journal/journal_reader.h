// SPDX-License-Identifier: Apache-2.0
// JournalReader: one who follows a Journal. It reads without copying: a batch refers to chunks and
// keeps them alive until the next Read.
//
//       released          cursor                 end
//    ───────┼───────────────┼─────────────────────┼
//           │  read, and kept in case of SeekTo   │
//
// A *mandatory* reader loses nothing: what it has not released is kept, and writers are asked to
// wait (Journal::HasRoom) when that is too much. An *optional* one is kept up to hold_bytes behind
// the end; beyond, it may find that it lost its place, for good.
//
// Read, SeekTo and Arm are for one thread at a time; Release and position getters for any.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "persistence/journal/chunk.h"

namespace henge::persistence {

class Journal;

struct ReaderOptions {
  bool mandatory = false;
  uint64_t hold_bytes = 0;       // Of an optional reader: what is kept for it anyway.
  std::function<void()> notify;  // See Arm. Quick; called without locks, by whoever wakes.
};

// One record, or the rest of it if reading began inside.
struct Record {
  Lsn begin;
  Lsn end;
  std::string_view bytes;
  RecordTag tag;
  bool control() const { return tag.slot == kControlSlot; }
};

// Part of a chunk: whole records, but for the first if reading began inside.
class Slice {
 public:
  Slice(ChunkRef chunk, Lsn begin, Lsn end, uint32_t first, uint32_t behind)
      : chunk_(std::move(chunk)), begin_(begin), end_(end), first_(first), behind_(behind) {}

  Lsn begin() const { return begin_; }
  Lsn end() const { return end_; }
  std::string_view bytes() const { return chunk_->Bytes(begin_, end_); }
  uint32_t size() const { return behind_ - first_; }
  Record record(uint32_t i) const;
  // Whether a record among them may be no effect.
  bool has_control() const { return has_control_; }

 private:
  friend class JournalReader;
  ChunkRef chunk_;
  Lsn begin_;
  Lsn end_;
  uint32_t first_;   // Index of the first record in the chunk.
  uint32_t behind_;  // Index behind the last one.
  bool has_control_ = false;
};

class JournalBatch {
 public:
  Lsn begin() const { return begin_; }
  Lsn end() const { return end_; }
  bool empty() const { return slices_.empty(); }
  // The reader's place is no longer kept.
  bool lost() const { return lost_; }
  std::span<const Slice> slices() const { return slices_; }

 private:
  friend class JournalReader;
  Lsn begin_ = 0;
  Lsn end_ = 0;
  bool lost_ = false;
  std::vector<Slice> slices_;
};

class JournalReader {
 public:
  static constexpr Lsn kNoBound = ~Lsn{0};

  ~JournalReader();
  JournalReader(const JournalReader&) = delete;
  JournalReader& operator=(const JournalReader&) = delete;

  // What is there from the cursor on, which moves behind it: whole records, at most `max_bytes` but
  // at least one record; none that ends behind `until`, a record's boundary. Waits for nothing.
  const JournalBatch& Read(uint64_t max_bytes, Lsn until = kNoBound);
  // Forgets the last batch, so that its chunks can go.
  void DropBatch() { batch_.slices_.clear(); }

  // Nothing before `lsn` is needed any more. Never moves back.
  void Release(Lsn lsn);
  // To read again from `lsn` on, which is not released.
  void SeekTo(Lsn lsn);

  // Asks for one call of `notify` when there is more behind the cursor. False if there is already
  // (or the place was lost): no call will come.
  bool Arm();

  Lsn cursor() const;
  Lsn released() const;

 private:
  friend class Journal;
  JournalReader(Journal& journal, ReaderOptions options, Lsn from)
      : journal_(journal), options_(std::move(options)), cursor_(from), released_(from) {}
  void Collect(uint64_t max_bytes, Lsn until);
  bool AddSlice(const ChunkRef& chunk, uint64_t max_bytes, Lsn until);
  // Makes `armed_` be `armed`, with the journal's lock held.
  void SetArmed(bool armed);

  Journal& journal_;
  const ReaderOptions options_;
  JournalBatch batch_;
  // Under the journal's lock.
  Lsn cursor_;
  Lsn released_;
  bool armed_ = false;
};

}  // namespace henge::persistence
