// SPDX-License-Identifier: Apache-2.0
#include "persistence/journal/journal.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>

#include "persistence/journal/unit_encoding.h"

namespace henge::persistence {
namespace {

constexpr uint64_t kChunksOfBacklog = 16;
constexpr uint64_t kLeastChunkBytes = 16 << 10;
constexpr uint64_t kMostChunkBytes = 1 << 20;

// Where a thread encodes; as long as the longest record that is not large.
char* EncodingSpace(size_t bytes) {
  struct Space {
    size_t size = 0;
    std::unique_ptr<char[]> memory;
  };
  thread_local Space space;
  if (space.size < bytes) {
    space.size = std::max(bytes, 2 * space.size);
    space.memory = std::make_unique_for_overwrite<char[]>(space.size);
  }
  return space.memory.get();
}

}  // namespace

void Journal::Aftermath::Run() {
  dropped.clear();
  for (const auto& callback : callbacks) callback();
}

Journal::Journal(const JournalLimits& limits, Lsn start)
    : end_(start),
      room_bytes_(limits.room_bytes),
      backlog_bytes_(limits.backlog_bytes),
      pool_(std::make_shared<ChunkPool>(limits.chunk_bytes)),
      chunk_bytes_(pool_->chunk_bytes()) {}

Journal::~Journal() = default;

Lsn Journal::Append(std::span<const Effect> unit, Slot slot) {
  if (unit.size() == 1 && !unit[0].wire.empty()) {
    const std::string_view wire = unit[0].wire;
    if (!IsLarge(wire.size() + kMaxSelectBytes)) return AppendWire(unit[0], slot);
    if (BlobRef blob = ArgumentBlob::Share(wire)) {
      return AppendShared(unit[0], slot, std::move(blob));
    }
  }
  const UnitLayout layout = MeasureUnit(unit);
  if (IsLarge(layout.total())) {
    return AppendLarge(unit, layout.opening, layout.select, layout.rest, slot);
  }
  char* const encoded = EncodingSpace(layout.total());
  EncodeUnit(unit, layout, encoded);
  Aftermath after;
  Lsn end;
  {
    const std::lock_guard lock(mutex_);
    const bool select = db_ != unit.front().db;
    const size_t bytes = layout.total() - (select ? 0 : layout.select);
    Chunk& chunk = ChunkWith(bytes, after);
    char* const out = chunk.tail();
    if (select) {
      std::memcpy(out, encoded, bytes);
    } else {
      std::memcpy(out, encoded, layout.opening);
      std::memcpy(out + layout.opening, encoded + layout.opening + layout.select, layout.rest);
    }
    chunk.Commit(bytes, {unit.back().db, slot});
    end = Publish(unit.back().db);
  }
  after.Run();
  return end;
}

Lsn Journal::AppendWire(const Effect& effect, Slot slot) {
  Aftermath after;
  Lsn end;
  {
    const std::lock_guard lock(mutex_);
    Chunk& chunk = ChunkWith(effect.wire.size() + kMaxSelectBytes, after);
    char* const begin = chunk.tail();
    char* const out = db_ == effect.db ? begin : EncodeSelect(effect.db, begin);
    std::memcpy(out, effect.wire.data(), effect.wire.size());
    const auto bytes = static_cast<size_t>(out - begin) + effect.wire.size();
    chunk.Commit(bytes, {effect.db, slot});
    end = Publish(effect.db);
  }
  after.Run();
  return end;
}

// The SELECT, where one is needed, is a record of its own.
Lsn Journal::AppendShared(const Effect& effect, Slot slot, BlobRef blob) {
  const auto chunk = std::make_shared<Chunk>(std::move(blob), effect.wire);
  const RecordTag tag = {effect.db, slot};
  Aftermath after;
  Lsn end;
  {
    const std::lock_guard lock(mutex_);
    if (db_ != effect.db) {
      Chunk& open = ChunkWith(kMaxSelectBytes, after);
      const char* const begin = open.tail();
      open.Commit(static_cast<size_t>(EncodeSelect(effect.db, open.tail()) - begin), tag);
      Publish(effect.db);
    }
    chunk->Open(end_.load(std::memory_order_relaxed));
    chunk->Commit(effect.wire.size(), tag);
    Push(chunk);
    end = Publish(effect.db);
    Settle(after);
  }
  after.Run();
  return end;
}

// A record that no usual chunk holds gets one of its own, filled before the lock is taken. If the
// SELECT is not needed, the little that stands before it moves up.
Lsn Journal::AppendLarge(std::span<const Effect> unit, size_t opening, size_t select, size_t rest,
                         Slot slot) {
  ChunkRef chunk = ChunkPool::TakeFor(opening + select + rest);
  chunk->Open(0);
  EncodeUnit(unit, {opening, select, rest}, chunk->tail());
  Aftermath after;
  Lsn end;
  {
    const std::lock_guard lock(mutex_);
    const size_t skip = db_ == unit.front().db ? select : 0;
    if (skip > 0) std::memmove(chunk->tail() + skip, chunk->tail(), opening);
    chunk->Open(end_.load(std::memory_order_relaxed));
    chunk->CommitBehind(skip, opening + select + rest - skip, {unit.back().db, slot});
    Push(std::move(chunk));
    end = Publish(unit.back().db);
    Settle(after);
  }
  after.Run();
  return end;
}

Lsn Journal::AppendControl(std::span<const std::string_view> words) {
  std::string bytes(MeasureCommand(words), '\0');
  EncodeCommand(words, bytes.data());
  return AppendEncoded(bytes, {0, kControlSlot});
}

Lsn Journal::AppendMessage(std::span<const std::string_view> words) {
  std::string bytes(MeasureCommand(words), '\0');
  EncodeCommand(words, bytes.data());
  char select[kMaxSelectBytes];
  const std::string_view selected(select, static_cast<size_t>(EncodeSelect(0, select) - select));
  Aftermath after;
  Lsn end = 0;
  {
    const std::lock_guard lock(mutex_);
    if (db_ == kNoDb) CopyIn(selected, {0, kNoSlot}, after);
    end = CopyIn(bytes, {0, kControlSlot}, after);
  }
  after.Run();
  return end;
}

Lsn Journal::AppendEncoded(std::string_view bytes, RecordTag tag) {
  const EncodedRecord record{bytes.size(), tag};
  return AppendRun(bytes, {&record, 1});
}

Lsn Journal::AppendRun(std::string_view bytes, std::span<const EncodedRecord> records) {
  Aftermath after;
  Lsn end = 0;
  {
    const std::lock_guard lock(mutex_);
    for (const EncodedRecord& record : records) {
      end = CopyIn(bytes.substr(0, record.bytes), record.tag, after);
      bytes.remove_prefix(record.bytes);
    }
  }
  after.Run();
  return end;
}

Lsn Journal::CopyIn(std::string_view bytes, RecordTag tag, Aftermath& after) {
  const int db = db_;
  const bool control = tag.slot == kControlSlot;
  if (control) tag.db = static_cast<DbIndex>(std::max(db, 0));
  Chunk& chunk = ChunkWith(bytes.size(), after);
  std::memcpy(chunk.tail(), bytes.data(), bytes.size());
  chunk.Commit(bytes.size(), tag);
  const Lsn end = Publish(tag.db);
  if (control) db_ = db;
  return end;
}

Lsn Journal::Cut() {
  const std::lock_guard lock(mutex_);
  db_ = kNoDb;
  return end_.load(std::memory_order_relaxed);
}

Lsn Journal::begin() const {
  const std::lock_guard lock(mutex_);
  return BeginLocked();
}

Lsn Journal::promised_from() const {
  const std::lock_guard lock(mutex_);
  const Lsn floor = Floor();
  const Lsn chunk = chunk_bytes_.load(std::memory_order_relaxed);
  return std::max(BeginLocked(), floor - std::min(floor, chunk));
}

Chunk& Journal::ChunkWith(size_t bytes, Aftermath& after) {
  if (chunks_.empty() || !chunks_.back()->Fits(bytes)) {
    ChunkRef chunk = IsLarge(bytes) ? ChunkPool::TakeFor(bytes) : pool_->Take();
    chunk->Open(end_.load(std::memory_order_relaxed));
    Push(std::move(chunk));
    Settle(after);
  }
  return *chunks_.back();
}

void Journal::Push(ChunkRef chunk) {
  memory_bytes_.fetch_add(chunk->capacity(), std::memory_order_relaxed);
  chunks_.push_back(std::move(chunk));
}

Lsn Journal::Publish(DbIndex db) {
  db_ = db;
  const Lsn end = chunks_.back()->end();
  end_.store(end, std::memory_order_release);
  return end;
}

// What is before it may go.
Lsn Journal::Floor() const {
  const Lsn end = end_.load(std::memory_order_relaxed);
  Lsn floor = end - std::min(end, backlog_bytes_);
  for (const JournalReader* reader : readers_) {
    const bool held =
        reader->options_.mandatory || end - reader->released_ <= reader->options_.hold_bytes;
    if (held) floor = std::min(floor, reader->released_);
  }
  return floor;
}

Lsn Journal::UpdateMandatoryFloor() {
  Lsn floor = kNever;
  for (const JournalReader* reader : readers_) {
    if (reader->options_.mandatory) floor = std::min(floor, reader->released_);
  }
  mandatory_floor_.store(floor, std::memory_order_relaxed);
  return floor;
}

// After something was released or a chunk was opened: drops what nobody needs, and sees whether
// there is room again.
void Journal::Settle(Aftermath& after) {
  const Lsn floor = Floor();
  while (chunks_.size() > 1 && chunks_.front()->end() <= floor) {
    memory_bytes_.fetch_sub(chunks_.front()->capacity(), std::memory_order_relaxed);
    after.dropped.push_back(std::move(chunks_.front()));
    chunks_.pop_front();
  }
  const Lsn mandatory = UpdateMandatoryFloor();
  if (room_callbacks_.empty()) return;
  const uint64_t room = room_bytes_.load(std::memory_order_relaxed);
  if (mandatory == kNever || end() - mandatory <= room - room / 4) {
    std::move(room_callbacks_.begin(), room_callbacks_.end(), std::back_inserter(after.callbacks));
    room_callbacks_.clear();
  }
}

bool Journal::CallWhenRoom(std::function<void()> callback) {
  const std::lock_guard lock(mutex_);
  if (HasRoom()) return false;
  room_callbacks_.push_back(std::move(callback));
  return true;
}

void Journal::SetBacklog(uint64_t backlog_bytes) {
  const auto pool = std::make_shared<ChunkPool>(
      std::clamp<uint64_t>(backlog_bytes / kChunksOfBacklog, kLeastChunkBytes, kMostChunkBytes));
  Aftermath after;
  {
    const std::lock_guard lock(mutex_);
    backlog_bytes_ = backlog_bytes;
    if (pool->chunk_bytes() != pool_->chunk_bytes()) {
      pool_ = pool;
      chunk_bytes_.store(pool->chunk_bytes(), std::memory_order_relaxed);
    }
    Settle(after);
  }
  after.Run();
}

std::shared_ptr<ChunkPool> Journal::Pool() const {
  const std::lock_guard lock(mutex_);
  return pool_;
}

void Journal::SetRoom(uint64_t room_bytes) {
  Aftermath after;
  {
    const std::lock_guard lock(mutex_);
    room_bytes_.store(room_bytes, std::memory_order_relaxed);
    Settle(after);
  }
  after.Run();
}

void Journal::WakeReadersSlow() {
  std::vector<std::function<void()>> calls;
  {
    const std::lock_guard lock(mutex_);
    for (JournalReader* reader : readers_) {
      if (!reader->armed_ || reader->cursor_ == end()) continue;
      reader->SetArmed(false);
      calls.push_back(reader->options_.notify);
    }
  }
  for (const auto& call : calls) call();
}

// The index of the chunk that holds the byte at `lsn`; chunks_.size() if none does yet.
size_t Journal::ChunkAt(Lsn lsn) const {
  const auto at = std::partition_point(chunks_.begin(), chunks_.end(),
                                       [&](const ChunkRef& chunk) { return chunk->end() <= lsn; });
  return static_cast<size_t>(at - chunks_.begin());
}

std::unique_ptr<JournalReader> Journal::Attach(ReaderOptions options, Lsn from) {
  Prepare();
  const std::lock_guard lock(mutex_);
  if (from < BeginLocked() || from > end()) return nullptr;
  return AttachLocked(std::move(options), from);
}

std::unique_ptr<JournalReader> Journal::AttachAtEnd(ReaderOptions options) {
  Prepare();
  const std::lock_guard lock(mutex_);
  db_ = kNoDb;
  return AttachLocked(std::move(options), end());
}

std::unique_ptr<JournalReader> Journal::AttachLocked(ReaderOptions options, Lsn from) {
  std::unique_ptr<JournalReader> reader(new JournalReader(*this, std::move(options), from));
  readers_.push_back(reader.get());
  UpdateMandatoryFloor();
  return reader;
}

void Journal::Detach(JournalReader& reader) {
  Aftermath after;
  {
    const std::lock_guard lock(mutex_);
    reader.SetArmed(false);
    std::erase(readers_, &reader);
    Settle(after);
  }
  after.Run();
}

}  // namespace henge::persistence
