// SPDX-License-Identifier: Apache-2.0
// The templates of IdMap; included by id_map.h only.
#pragma once

#include "base/prefetch.h"
#include "store/stream/id_map.h"

namespace henge::store {

// --- Finding ------------------------------------------------------------------------------------

template <class Record>
size_t IdMap<Record>::SlotOf(const StreamId& id) const {
  if (count_ < 2 || id < slot(1).first) return 0;
  if (id >= slot(count_ - 1).first) return count_ - 1;
  size_t low = 1, high = count_ - 1;  // slot(low).first <= id < slot(high).first
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    (slot(middle).first <= id ? low : high) = middle;
  }
  return low;
}

template <class Record>
auto IdMap<Record>::LowerBound(const StreamId& id) const -> Cursor {
  if (empty()) return End();
  const size_t s = SlotOf(id);
  Chunk* chunk = slot(s).chunk;
  const Record* begin = &chunk->at(0);
  const Record* end = begin + chunk->size;
  const Record* found =
      begin->id >= id
          ? begin
          : std::lower_bound(begin, end, id, [](const Record& record, const StreamId& to) {
              return record.id < to;
            });
  if (found == end) return {s + 1, 0};
  return {s, static_cast<size_t>(found - begin)};
}

template <class Record>
auto IdMap<Record>::Floor(const StreamId& id) const -> Cursor {
  if (empty()) return End();
  const size_t s = SlotOf(id);
  Chunk* chunk = slot(s).chunk;
  const Record* begin = &chunk->at(0);
  const Record* end = begin + chunk->size;
  if (end[-1].id <= id) return {s, chunk->size - size_t{1}};
  const Record* found = std::upper_bound(
      begin, end, id, [](const StreamId& to, const Record& record) { return to < record.id; });
  return {s, found == begin ? 0 : static_cast<size_t>(found - begin) - 1};
}

// --- Slots and chunks ---------------------------------------------------------------------------

template <class Record>
auto IdMap<Record>::NewChunk(uint16_t capacity) -> Chunk* {
  auto* chunk = static_cast<Chunk*>(std::malloc(sizeof(Chunk) + capacity * sizeof(Record)));
  if (chunk == nullptr) std::abort();
  chunk->begin = chunk->size = 0;
  chunk->capacity = capacity;
  account_.Add(BytesOf(capacity));
  return chunk;
}

template <class Record>
void IdMap<Record>::FreeChunk(Chunk* chunk) {
  account_.Subtract(BytesOf(chunk->capacity));
  std::free(chunk);
}

template <class Record>
void IdMap<Record>::InsertSlot(size_t at, const Slot& added) {
  if (offset_ + count_ == capacity_) {
    if (offset_ > capacity_ / 2) {
      std::memmove(slots_, slots_ + offset_, count_ * sizeof(Slot));
    } else {
      const size_t capacity = std::max<size_t>(1, 2 * capacity_);
      auto* slots = static_cast<Slot*>(std::malloc(capacity * sizeof(Slot)));
      if (slots == nullptr) std::abort();
      if (count_ > 0) std::memcpy(slots, slots_ + offset_, count_ * sizeof(Slot));
      std::free(slots_);
      account_.Add(AllocationSize(capacity * sizeof(Slot)));
      if (capacity_ > 0) account_.Subtract(AllocationSize(capacity_ * sizeof(Slot)));
      slots_ = slots;
      capacity_ = capacity;
    }
    offset_ = 0;
  }
  std::memmove(slots_ + offset_ + at + 1, slots_ + offset_ + at, (count_ - at) * sizeof(Slot));
  slots_[offset_ + at] = added;
  ++count_;
}

template <class Record>
void IdMap<Record>::EraseSlot(size_t at) {
  FreeChunk(slot(at).chunk);
  if (at == 0) {
    ++offset_;
  } else {
    Slot* erased = slots_ + offset_ + at;
    std::memmove(erased, erased + 1, (count_ - at - 1) * sizeof(Slot));
  }
  if (--count_ == 0) FreeSlots();
}

template <class Record>
void IdMap<Record>::Reserve(size_t s, size_t more) {
  Chunk* chunk = slot(s).chunk;
  if (chunk->begin + chunk->size + more <= chunk->capacity) return;
  if (chunk->size + more <= chunk->capacity) {
    std::memmove(chunk->records, &chunk->at(0), chunk->size * sizeof(Record));
    chunk->begin = 0;
    return;
  }
  const size_t wanted = std::max<size_t>(size_t{2} * chunk->capacity, chunk->size + more);
  Chunk* larger = NewChunk(static_cast<uint16_t>(std::min<size_t>(kFull, wanted)));
  std::memcpy(larger->records, &chunk->at(0), chunk->size * sizeof(Record));
  larger->size = chunk->size;
  FreeChunk(chunk);
  slot(s).chunk = larger;
}

// Cuts a full chunk in two; returns where what stood at `index` goes. At the end of all, the new
// one starts empty: what comes in order fills its chunks.
template <class Record>
auto IdMap<Record>::Split(size_t s, size_t index) -> Cursor {
  Chunk* chunk = slot(s).chunk;
  const bool at_end = s + 1 == count_ && index == chunk->size;
  const size_t kept = at_end ? chunk->size : chunk->size / 2;
  const auto moved = static_cast<uint16_t>(chunk->size - kept);
  Chunk* right = NewChunk(at_end ? std::max<uint16_t>(kSmallest, kFull / 8) : kFull);
  if (moved > 0) std::memcpy(right->records, &chunk->at(kept), moved * sizeof(Record));
  right->size = moved;
  chunk->size = static_cast<uint16_t>(kept);
  InsertSlot(s + 1, {moved > 0 ? right->records[0].id : StreamId(), right});
  return at_end || index > kept ? Cursor{s + 1, index - kept} : Cursor{s, index};
}

template <class Record>
void IdMap<Record>::InsertIn(Chunk* chunk, size_t index, const Record& record) {
  if (index == 0 && chunk->begin > 0) {
    --chunk->begin;
  } else {
    std::memmove(&chunk->at(index) + 1, &chunk->at(index), (chunk->size - index) * sizeof(Record));
  }
  ++chunk->size;
  chunk->at(index) = record;
}

template <class Record>
bool IdMap<Record>::Join(size_t left) {
  if (left + 1 >= count_) return false;
  Chunk* right = slot(left + 1).chunk;
  if (slot(left).chunk->size + right->size > kFull / 2) return false;
  Reserve(left, right->size);
  Chunk* chunk = slot(left).chunk;
  std::memcpy(&chunk->at(chunk->size), &right->at(0), right->size * sizeof(Record));
  chunk->size = static_cast<uint16_t>(chunk->size + right->size);
  EraseSlot(left + 1);
  return true;
}

// --- Changing -----------------------------------------------------------------------------------

template <class Record>
Record& IdMap<Record>::Insert(const Record& record) {
  ++size_;
  if (count_ == 0) InsertSlot(0, {record.id, NewChunk(kSmallest)});
  size_t s = SlotOf(record.id);
  Chunk* chunk = slot(s).chunk;
  size_t index = chunk->size;
  if (index > 0 && chunk->at(index - 1).id > record.id) {
    const Record* begin = &chunk->at(0);
    index = static_cast<size_t>(
        std::lower_bound(begin, begin + chunk->size, record.id,
                         [](const Record& r, const StreamId& to) { return r.id < to; }) -
        begin);
  }
  if (chunk->size == kFull) {
    const Cursor at = Split(s, index);
    s = at.slot;
    index = at.index;
  }
  if (index > 0 || slot(s).chunk->begin == 0) Reserve(s, 1);
  chunk = slot(s).chunk;
  InsertIn(chunk, index, record);
  if (index == 0) slot(s).first = record.id;
  return chunk->at(index);
}

template <class Record>
auto IdMap<Record>::Erase(Cursor cursor) -> Cursor {
  Chunk* chunk = slot(cursor.slot).chunk;
  --size_;
  if (cursor.index == 0) {
    ++chunk->begin;
  } else {
    std::memmove(&chunk->at(cursor.index), &chunk->at(cursor.index) + 1,
                 (chunk->size - cursor.index - 1) * sizeof(Record));
  }
  if (--chunk->size == 0) {
    EraseSlot(cursor.slot);
    return {cursor.slot, 0};
  }
  if (cursor.index == 0) slot(cursor.slot).first = chunk->at(0).id;
  if (chunk->size < chunk->capacity / 4) cursor = Tighten(cursor);
  return cursor.index < slot(cursor.slot).chunk->size ? cursor : Cursor{cursor.slot + 1, 0};
}

// After an erasure that left few records in a chunk; returns where `cursor` points to then.
template <class Record>
auto IdMap<Record>::Tighten(Cursor cursor) -> Cursor {
  Join(cursor.slot);
  if (cursor.slot > 0) {
    const size_t before = slot(cursor.slot - 1).chunk->size;
    if (Join(cursor.slot - 1)) cursor = {cursor.slot - 1, before + cursor.index};
  }
  Chunk* chunk = slot(cursor.slot).chunk;
  if (chunk->size < chunk->capacity / 8 && chunk->capacity > 8 * kSmallest) {
    Chunk* smaller = NewChunk(chunk->capacity / 4);
    std::memcpy(smaller->records, &chunk->at(0), chunk->size * sizeof(Record));
    smaller->size = chunk->size;
    FreeChunk(chunk);
    slot(cursor.slot).chunk = smaller;
  }
  return cursor;
}

template <class Record>
template <class F>
auto IdMap<Record>::EraseIf(F gone) -> Cut {
  Cut cut;
  if (empty()) return cut;
  size_t to = 0;      // The chunk written to: one read before, or the one being read.
  uint16_t kept = 0;  // Records in it.
  size_ = 0;
  const auto finish = [&] {
    slot(to).chunk->begin = 0;
    slot(to).chunk->size = kept;
    slot(to).first = slot(to).chunk->at(0).id;
  };
  for (size_t s = 0; s < count_; ++s) {
    Chunk* from = slot(s).chunk;
    for (size_t i = from->begin, end = i + from->size; i < end; ++i) {
      const Record record = from->records[i];
      if (gone(record)) continue;
      if (kept == slot(to).chunk->capacity) {
        finish();
        ++to;
        kept = 0;
      }
      slot(to).chunk->records[kept++] = record;
      ++size_;
    }
  }
  if (kept > 0) finish();
  for (size_t s = to + (kept > 0 ? 1 : 0); s < count_; ++s) {
    slot(s).chunk->size = 0;
    cut.chunks_.push_back(slot(s).chunk);
    account_.Subtract(BytesOf(slot(s).chunk->capacity));
  }
  count_ -= cut.chunks_.size();
  if (count_ == 0) FreeSlots();
  return cut;
}

template <class Record>
void IdMap<Record>::FreeSlots() {
  account_.Subtract(AllocationSize(capacity_ * sizeof(Slot)));
  std::free(slots_);
  slots_ = nullptr;
  offset_ = capacity_ = 0;
}

template <class Record>
auto IdMap<Record>::CutBefore(Cursor end) -> Cut {
  Cut cut;
  cut.chunks_.reserve(end.slot + 1);
  constexpr size_t kAhead = 16;
  for (size_t s = 0; s < end.slot; ++s) {
    if (s + kAhead < count_) PrefetchLine(slot(s + kAhead).chunk);
    Chunk* chunk = slot(s).chunk;
    size_ -= chunk->size;
    account_.Subtract(BytesOf(chunk->capacity));
    cut.chunks_.push_back(chunk);
  }
  offset_ += end.slot;
  count_ -= end.slot;
  if (count_ == 0 && capacity_ > 0) FreeSlots();
  if (end.index == 0) return cut;
  Chunk* chunk = slot(0).chunk;
  const auto taken = static_cast<uint16_t>(end.index);
  Chunk* part = NewChunk(taken);
  std::memcpy(part->records, &chunk->at(0), taken * sizeof(Record));
  part->size = taken;
  account_.Subtract(BytesOf(taken));
  cut.chunks_.push_back(part);
  chunk->begin = static_cast<uint16_t>(chunk->begin + taken);
  chunk->size = static_cast<uint16_t>(chunk->size - taken);
  size_ -= taken;
  slot(0).first = chunk->at(0).id;
  return cut;
}

template <class Record>
void IdMap<Record>::Clear() {
  while (count_ > 0) EraseSlot(count_ - 1);
  size_ = 0;
}

template <class Record>
template <class F>
void IdMap<Record>::CopyFrom(const IdMap& other, F fix) {
  for (size_t s = 0; s < other.count_; ++s) {
    Chunk* from = other.slot(s).chunk;
    Chunk* chunk = NewChunk(std::max(from->size, kSmallest));
    chunk->size = from->size;
    std::memcpy(chunk->records, &from->at(0), from->size * sizeof(Record));
    for (size_t i = 0; i < chunk->size; ++i) fix(chunk->records[i]);
    InsertSlot(count_, {chunk->at(0).id, chunk});
  }
  size_ = other.size_;
}

}  // namespace henge::store
