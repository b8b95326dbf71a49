// SPDX-License-Identifier: Apache-2.0
// IdMap: records in the order of their StreamIds; the blocks of a stream, what a group has pending.
//
//   slots    | first id, chunk | first id, chunk | …        sorted; room before it after cuts
//                        |
//   chunk    begin │ size │ record record record …          up to 4 KB, sorted, room on both sides
//
// Two levels: finding is a binary search in each. Records mostly come at the end and go at the
// front, which costs nothing but the record. A change in the middle moves at most a chunk and, for
// every hundredth, slots: ten million records have a hundred thousand of them, at 24 bytes. A chunk
// that has become empty is freed; one that is nearly so is joined with a neighbour.
//
// Record is trivially copyable and has `StreamId id`. What its memory costs is added to the account
// given at construction. Not thread-safe. A Cursor, and a Record*, is valid until the next change.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "store/stream/memory_account.h"
#include "store/stream/stream_id.h"

namespace henge::store {

template <class Record>
class IdMap {
  struct Chunk;

 public:
  // A record's place, or the end.
  struct Cursor {
    size_t slot = 0;
    size_t index = 0;
    bool operator==(const Cursor&) const = default;
  };

  // Chunks cut out of a map: hands its records to a function, and frees them.
  class Cut {
   public:
    Cut() = default;
    Cut(Cut&& other) noexcept : chunks_(std::exchange(other.chunks_, {})) {}
    Cut& operator=(Cut&& other) noexcept {
      std::swap(chunks_, other.chunks_);
      return *this;
    }
    ~Cut() {
      for (Chunk* chunk : chunks_) std::free(chunk);
    }
    template <class F>
    void ForEach(F fn) const {
      for (Chunk* chunk : chunks_) {
        for (size_t i = 0; i < chunk->size; ++i) fn(chunk->at(i));
      }
    }

   private:
    friend class IdMap;
    std::vector<Chunk*> chunks_;
  };

  explicit IdMap(MemoryAccount& account) : account_(account) {}
  ~IdMap() { Clear(); }
  IdMap(const IdMap&) = delete;
  IdMap& operator=(const IdMap&) = delete;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t chunks() const { return count_; }

  // --- Finding ----------------------------------------------------------------------------------
  Record* Find(const StreamId& id) {
    const Cursor at = LowerBound(id);
    return at != End() && At(at).id == id ? &At(at) : nullptr;
  }
  const Record* Find(const StreamId& id) const { return const_cast<IdMap*>(this)->Find(id); }
  // The first record at `id` or behind it.
  Cursor LowerBound(const StreamId& id) const;
  // The last record at `id` or before it; the first one where there is none (the end if empty).
  Cursor Floor(const StreamId& id) const;
  Cursor Begin() const { return {0, 0}; }
  Cursor End() const { return {count_, 0}; }
  Cursor Last() const {  // REQUIRES: not empty.
    return {count_ - 1, slot(count_ - 1).chunk->size - size_t{1}};
  }
  Record& At(const Cursor& cursor) { return slot(cursor.slot).chunk->at(cursor.index); }
  const Record& At(const Cursor& cursor) const { return slot(cursor.slot).chunk->at(cursor.index); }
  Record& Front() { return At(Begin()); }
  Record& Back() { return At(Last()); }
  const Record& Front() const { return At(Begin()); }
  const Record& Back() const { return At(Last()); }
  Cursor Next(Cursor cursor) const {
    if (++cursor.index < slot(cursor.slot).chunk->size) return cursor;
    return {cursor.slot + 1, 0};
  }
  // From the first: the end.
  Cursor Previous(Cursor cursor) const {
    if (cursor.index > 0) return {cursor.slot, cursor.index - 1};
    if (cursor.slot == 0) return End();
    return {cursor.slot - 1, slot(cursor.slot - 1).chunk->size - size_t{1}};
  }
  // fn(record) from the cursor on, until it returns false.
  template <class F>
  void ForEachFrom(Cursor from, F fn) const {
    for (; from.slot < count_; from = {from.slot + 1, 0}) {
      Chunk* chunk = slot(from.slot).chunk;
      for (size_t i = from.index; i < chunk->size; ++i) {
        if (!fn(std::as_const(chunk->at(i)))) return;
      }
    }
  }
  template <class F>
  void ForEach(F fn) const {
    for (size_t s = 0; s < count_; ++s) {
      for (size_t i = 0; i < slot(s).chunk->size; ++i) fn(slot(s).chunk->at(i));
    }
  }

  // --- Changing ---------------------------------------------------------------------------------
  // REQUIRES: there is none of that ID.
  Record& Insert(const Record& record);
  // Returns where the record behind it stands then.
  Cursor Erase(Cursor cursor);
  bool Erase(const StreamId& id) {
    const Cursor at = LowerBound(id);
    if (at == End() || At(at).id != id) return false;
    Erase(at);
    return true;
  }
  // Drops every record for which `gone(record)`; one pass. Returns the chunks that this empties.
  template <class F>
  Cut EraseIf(F gone);
  // Takes out what stands before `end`. Chunks are handed over as they are.
  Cut CutBefore(Cursor end);
  void Clear();
  // Makes this a copy; `fix(record)` is called with each that was copied. REQUIRES: empty.
  template <class F>
  void CopyFrom(const IdMap& other, F fix);

 private:
  static_assert(std::is_trivially_copyable_v<Record>);
  struct Chunk {
    uint16_t begin;
    uint16_t size;
    uint16_t capacity;
    Record records[];  // NOLINT: as many as `capacity`.
    Record& at(size_t i) { return records[begin + i]; }
  };
  struct Slot {
    StreamId first;
    Chunk* chunk;
  };
  static constexpr size_t kChunkBytes = 4096;
  static constexpr uint16_t kFull = (kChunkBytes - sizeof(Chunk)) / sizeof(Record);
  static constexpr uint16_t kSmallest = 2;

  static size_t BytesOf(size_t capacity) {
    return AllocationSize(sizeof(Chunk) + capacity * sizeof(Record));
  }
  Slot& slot(size_t i) { return slots_[offset_ + i]; }
  const Slot& slot(size_t i) const { return slots_[offset_ + i]; }
  // The slot whose chunk holds `id` if any does; the first where all begin behind it.
  size_t SlotOf(const StreamId& id) const;

  Chunk* NewChunk(uint16_t capacity);
  void FreeChunk(Chunk* chunk);
  void InsertSlot(size_t at, const Slot& added);
  void EraseSlot(size_t at);
  void FreeSlots();  // REQUIRES: there are no chunks left, but there were.
  // Sees to it that `more` records can be put behind the last of the chunk.
  void Reserve(size_t s, size_t more);
  Cursor Split(size_t s, size_t index);
  void InsertIn(Chunk* chunk, size_t index, const Record& record);
  Cursor Tighten(Cursor cursor);
  bool Join(size_t left);  // With the one behind it, where both are small.

  Slot* slots_ = nullptr;
  size_t offset_ = 0;
  size_t count_ = 0;
  size_t capacity_ = 0;
  size_t size_ = 0;
  MemoryAccount& account_;
};

}  // namespace henge::store

#include "store/stream/id_map_inline.h"
