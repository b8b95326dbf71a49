// SPDX-License-Identifier: Apache-2.0
// Journal: the in-memory log of effects of one replica group. Workers append whole units; readers
// (JournalReader) follow, each at its own position.
//
//     begin()                                                                    end()
//       ├── chunk ──┬── chunk ──┬── large record ──┬── chunk ──┬── open chunk ──┤
//                         ^ released ^ cursor (a reader)                         ^ Append
//
// An LSN is a byte offset in the stream of RESP commands that the records make, as
// master_repl_offset is: the first byte has LSN 0, and end() is the number of bytes ever appended.
//
// Any thread may call anything. Append runs under shard locks: it encodes into memory of its
// thread, then copies under the journal's own lock, one memcpy and a few words; it never waits for
// a reader, wakes none and does no I/O. A large command whose blob the thread's ArgumentBlob names
// is not copied but referred to. Hence two duties of its callers:
//
//  - after the shard locks are gone, once for any number of appends: WakeReaders();
//  - before they take shard locks: HasRoom(). It is false while a mandatory reader (the AOF writer)
//    is behind by more than the limit. Those already past the question still append: the limit may
//    be exceeded by what workers have in hand.
//
// Kept are the last backlog_bytes, and what readers hold (ReaderOptions).
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/blob.h"
#include "base/mutex.h"
#include "base/types.h"
#include "persistence/effect_listener.h"
#include "persistence/journal/chunk.h"
#include "persistence/journal/journal_reader.h"

namespace henge::persistence {

struct JournalLimits {
  size_t chunk_bytes = size_t{64} << 10;
  uint64_t backlog_bytes = uint64_t{1} << 20;  // Kept though nobody holds it.
  uint64_t room_bytes = uint64_t{256} << 20;   // How far a mandatory reader may fall behind.
};

class Journal {
 public:
  explicit Journal(const JournalLimits& limits, Lsn start = 0);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Appends a unit that is not empty as one record and returns the LSN behind it. The database is
  // selected first where it is not the record before's. `slot`: that of all its keys.
  Lsn Append(std::span<const Effect> unit, Slot slot = kNoSlot);
  // A word between nodes, such as PING: in the stream, but no effect.
  Lsn AppendControl(std::span<const std::string_view> words);
  // A message, which is one that a database is selected before, as Redis does.
  Lsn AppendMessage(std::span<const std::string_view> words);
  // What is encoded already, as one record: a follower's, from its leader's stream.
  Lsn AppendEncoded(std::string_view bytes, RecordTag tag);
  // The same for several, whose bytes follow each other in `bytes`: under one lock.
  struct EncodedRecord {
    size_t bytes;
    RecordTag tag;
  };
  Lsn AppendRun(std::string_view bytes, std::span<const EncodedRecord> records);

  // A place from which the stream can be read on its own: whatever comes behind it selects its
  // database. With all shard locks held, what was applied and what is behind it part here.
  Lsn Cut();

  Lsn end() const { return end_.load(std::memory_order_acquire); }
  // The first byte that is still kept.
  Lsn begin() const;
  // The same, for who is to be told no more than the backlog's size says, to a chunk: a record of
  // any length is kept as a whole, and readers hold what they have yet to read.
  Lsn promised_from() const;
  // Memory of all chunks that are kept.
  uint64_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }

  // Tells armed readers that there is more. Cheap when none is. No shard lock may be held.
  void WakeReaders() {
    if (armed_readers_.load(std::memory_order_relaxed) != 0) WakeReadersSlow();
  }

  // Whether those who are about to write may.
  bool HasRoom() const {
    const Lsn floor = mandatory_floor_.load(std::memory_order_relaxed);
    const Lsn end = end_.load(std::memory_order_relaxed);
    return end <= floor || end - floor < room_bytes_.load(std::memory_order_relaxed);
  }
  // Calls back once, from a reader's thread, when there is room again: a quarter of the limit.
  // False, and no call, if there is room now. The callback must be quick and not call back in.
  bool CallWhenRoom(std::function<void()> callback);

  // Chunks opened from now on are a sixteenth of it, so that hardly more is kept; within reason.
  void SetBacklog(uint64_t backlog_bytes);
  void SetRoom(uint64_t room_bytes);

  // Makes memory ready, so that attaching under shard locks costs little.
  void Prepare() { Pool()->Prepare(); }
  // A reader from `from` on, anywhere in [begin(), end()]; null if that is not kept. It must not
  // outlive the journal.
  std::unique_ptr<JournalReader> Attach(ReaderOptions options, Lsn from);
  // From the end on, which is a place as Cut makes one.
  std::unique_ptr<JournalReader> AttachAtEnd(ReaderOptions options);

 private:
  friend class JournalReader;
  using Lock = SpinFutexMutex;
  static constexpr int kNoDb = -1;
  static constexpr Lsn kNever = ~Lsn{0};
  // What a change leaves to be done behind the lock.
  struct Aftermath {
    std::vector<ChunkRef> dropped;
    std::vector<std::function<void()>> callbacks;
    void Run();
  };

  // An effect that is encoded already; in the second case large and in a blob, from where readers
  // take it.
  Lsn AppendWire(const Effect& effect, Slot slot);
  Lsn AppendShared(const Effect& effect, Slot slot, BlobRef blob);
  Lsn AppendLarge(std::span<const Effect> unit, size_t opening, size_t select, size_t rest,
                  Slot slot);
  void WakeReadersSlow();
  std::unique_ptr<JournalReader> AttachLocked(ReaderOptions options, Lsn from);
  void Detach(JournalReader& reader);

  bool IsLarge(size_t bytes) const {
    return Chunk::CapacityFor(bytes) > chunk_bytes_.load(std::memory_order_relaxed);
  }
  std::shared_ptr<ChunkPool> Pool() const;

  // With the lock held.
  Chunk& ChunkWith(size_t bytes, Aftermath& after);
  void Push(ChunkRef chunk);
  Lsn Publish(DbIndex db);
  Lsn CopyIn(std::string_view bytes, RecordTag tag, Aftermath& after);
  Lsn Floor() const;
  Lsn UpdateMandatoryFloor();
  void Settle(Aftermath& after);
  Lsn BeginLocked() const { return chunks_.empty() ? end() : chunks_.front()->begin(); }
  size_t ChunkAt(Lsn lsn) const;

  mutable Lock mutex_;
  std::atomic<Lsn> end_;
  std::atomic<Lsn> mandatory_floor_{kNever};
  std::atomic<uint64_t> room_bytes_;
  std::atomic<uint32_t> armed_readers_{0};
  std::atomic<uint64_t> memory_bytes_{0};
  int db_ = kNoDb;  // Selected by the last record; kNoDb: the next selects in any case.
  uint64_t backlog_bytes_;
  std::deque<ChunkRef> chunks_;  // In order, without gaps; the last is open.
  std::vector<JournalReader*> readers_;
  std::vector<std::function<void()>> room_callbacks_;
  std::shared_ptr<ChunkPool> pool_;
  std::atomic<size_t> chunk_bytes_;  // Of the pool's chunks.
};

}  // namespace henge::persistence
