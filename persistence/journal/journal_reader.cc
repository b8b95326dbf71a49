// SPDX-License-Identifier: Apache-2.0
#include "persistence/journal/journal_reader.h"

#include <algorithm>
#include <mutex>

#include "persistence/journal/journal.h"

namespace henge::persistence {

Record Slice::record(uint32_t i) const {
  const uint32_t index = first_ + i;
  const Lsn end = chunk_->EndOf(index, behind_, end_);
  const Lsn begin = i == 0 ? begin_ : chunk_->EndOf(index - 1, behind_, end_);
  return {begin, end, chunk_->Bytes(begin, end), chunk_->TagOf(index)};
}

JournalReader::~JournalReader() { journal_.Detach(*this); }

const JournalBatch& JournalReader::Read(uint64_t max_bytes, Lsn until) {
  batch_.slices_.clear();
  journal_.Prepare();
  const std::lock_guard lock(journal_.mutex_);
  batch_.begin_ = batch_.end_ = cursor_;
  batch_.lost_ = cursor_ < journal_.BeginLocked();
  if (!batch_.lost_) Collect(max_bytes, until);
  cursor_ = batch_.end_;
  return batch_;
}

void JournalReader::Collect(uint64_t max_bytes, Lsn until) {
  for (size_t i = journal_.ChunkAt(cursor_); i < journal_.chunks_.size(); ++i) {
    if (!AddSlice(journal_.chunks_[i], max_bytes, until)) return;
  }
}

// Whether the chunk was taken to its end.
bool JournalReader::AddSlice(const ChunkRef& chunk, uint64_t max_bytes, Lsn until) {
  const uint64_t taken = batch_.end_ - batch_.begin_;
  const Lsn begin = std::max(batch_.end_, chunk->begin());
  if (taken >= max_bytes || begin >= until) return false;
  const uint32_t records = chunk->records();
  const auto end_of = [&](uint32_t i) { return chunk->EndOf(i, records, chunk->end()); };
  // The number of records that end at or before `lsn`.
  const auto records_until = [&](Lsn lsn) {
    uint32_t low = 0;
    for (uint32_t high = records; low < high;) {
      const uint32_t middle = low + (high - low) / 2;
      end_of(middle) <= lsn ? low = middle + 1 : high = middle;
    }
    return low;
  };
  const uint32_t first = records_until(begin);
  const Lsn bound = std::min(until, begin + std::min(max_bytes - taken, chunk->end() - begin));
  uint32_t behind = bound >= chunk->end() ? records : records_until(bound);
  if (behind <= first) {
    if (taken > 0 || first == records || end_of(first) > until) return false;
    behind = first + 1;  // One record in any case.
  }
  const Lsn end = end_of(behind - 1);
  batch_.slices_.emplace_back(chunk, begin, end, first, behind);
  batch_.slices_.back().has_control_ = chunk->has_control();
  batch_.end_ = end;
  return end == chunk->end();
}

void JournalReader::Release(Lsn lsn) {
  Journal::Aftermath after;
  {
    const std::lock_guard lock(journal_.mutex_);
    if (lsn <= released_) return;
    released_ = lsn;
    cursor_ = std::max(cursor_, lsn);
    journal_.Settle(after);
  }
  after.Run();
}

void JournalReader::SeekTo(Lsn lsn) {
  const std::lock_guard lock(journal_.mutex_);
  cursor_ = std::max(lsn, released_);
}

bool JournalReader::Arm() {
  const std::lock_guard lock(journal_.mutex_);
  const bool idle = cursor_ == journal_.end();
  SetArmed(idle);
  return idle;
}

void JournalReader::SetArmed(bool armed) {
  if (armed_ == armed) return;
  armed_ = armed;
  armed ? journal_.armed_readers_.fetch_add(1, std::memory_order_relaxed)
        : journal_.armed_readers_.fetch_sub(1, std::memory_order_relaxed);
}

Lsn JournalReader::cursor() const {
  const std::lock_guard lock(journal_.mutex_);
  return cursor_;
}

Lsn JournalReader::released() const {
  const std::lock_guard lock(journal_.mutex_);
  return released_;
}

}  // namespace henge::persistence
