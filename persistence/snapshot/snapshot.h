// SPDX-License-Identifier: Apache-2.0
// Snapshot: the store at one moment, as an RDB stream, while commands go on.
//
//   all shards locked: Begin        a thread of its own: Write ──> ByteSink (a file, a socket)
//
//   writers ──(save what they are about to change)──┐
//                                                    ├──> chunks per shard ──> compressed ──> sink
//   Write   ──(walks the rest, shard by shard)───────┘
//
// Under a shard's lock an entry is only copied out, as an uncompressed record; a large string is
// kept by its counted blob, and a large collection goes slice by slice, while what writers save
// waits in the queue: a record stands in one piece in the file. Compression, checksum and I/O are
// Write's, without a lock. If the sink fails, the walk goes on without writing: it must
// (store/snapshot_walk.h).
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <bitset>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/blob.h"
#include "base/types.h"
#include "persistence/rdb/file_writer.h"
#include "persistence/rdb/rdb_writer.h"
#include "persistence/snapshot/cancellation.h"
#include "persistence/snapshot/chunk_compressor.h"
#include "persistence/snapshot/value_slices.h"
#include "store/snapshot_walk.h"

namespace henge::persistence {

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual absl::Status Append(std::string_view bytes) = 0;
};

struct SnapshotOptions {
  RdbOptions rdb;
  bool checksum = true;
  std::vector<std::pair<std::string, std::string>> aux;  // Fields for the file's head, in order.
  // Further fields, known at the moment of the snapshot only. Null: none.
  std::function<std::vector<std::pair<std::string, std::string>>()> moment_aux;
  // The code of libraries of functions; asked at the moment of the snapshot. Null: none.
  std::function<std::vector<std::string>()> libraries;
  std::shared_ptr<Cancellation> cancellation;  // None: nobody can end it early.
  // Of these slots alone. Null: of all.
  std::shared_ptr<const std::bitset<kSlots>> slots;
  // Microseconds to wait for each key, for tests (rdb-key-save-delay). It may change while it is
  // waited. Null: none.
  std::function<int64_t()> key_delay;
};

// For INFO, metrics and the log, while it is under way. Any thread.
struct SnapshotProgress {
  uint64_t keys = 0;  // At the start.
  uint64_t saved = 0;
  uint64_t bytes = 0;            // Given to the sink.
  uint64_t saved_early = 0;      // Of `saved`, by who was about to change them;
  uint64_t copied = 0;           // the bytes of these.
  uint64_t longest_hold_us = 0;  // Of a shard, by the walk or for a large collection.
};

class Snapshot final : private store::SnapshotSink {
 public:
  Snapshot(store::Store& store, SnapshotOptions options)
      : Snapshot(store, std::move(options), store::SnapshotWalk::LargeFrom()) {}
  Snapshot(store::Store& store, SnapshotOptions options, store::SnapshotWalk::LargeFrom large_from);

  // The moment. REQUIRES: every shard locked by the caller; no other snapshot of the store under
  // way.
  void Begin(UnixMillis now);
  // Writes it all and returns when every entry is saved; what failed first is returned then. Once
  // it is cancelled nothing more is written. REQUIRES: begun. Once.
  absl::Status Write(ByteSink& sink);
  // Instead of both: here and now. REQUIRES: every shard locked by the caller, until it returns.
  absl::Status WriteLocked(ByteSink& sink, UnixMillis now);

  SnapshotProgress progress() const;

 private:
  static constexpr size_t kStepBytes = 64 * 1024;
  static constexpr size_t kStepEntries = 256;
  // A writer's records are queued from here on, so that Write takes them before its walk arrives.
  static constexpr size_t kQueueFrom = 64 * 1024;

  struct alignas(64) ShardRecords {
    RecordChunk chunk;
    int db = kNoDb;  // Selected last in the chunk.
  };
  static constexpr int kNoDb = -1;
  struct DbSize {
    uint64_t keys = 0;
    uint64_t with_expiry = 0;
  };

  // store::SnapshotSink, under the shard's lock.
  size_t Save(ShardIndex shard, DbIndex db, const store::Entry& entry) override;
  void BeginLarge(DbIndex db, const store::Entry& entry) override;
  bool SaveSlice() override;
  void EndStep(ShardIndex shard, bool within) override;

  void NoteMoment(UnixMillis now);
  // Sees to the wish to end early, and to the delay for `keys` more keys.
  void Pause(uint64_t keys);
  int64_t KeyDelay() const;
  void WriteHead(ByteSink& sink);
  absl::Status WriteTail(ByteSink& sink);
  void WriteQueued(ByteSink& sink);
  void TakeRecords(ShardIndex index);
  void WriteChunk(RecordChunk chunk, ByteSink& sink);
  void WriteSlice(RecordSlice slice, ByteSink& sink);
  void Give(std::string_view bytes, ByteSink& sink);
  KeyUse UseOf(const store::Entry& entry) const;

  store::Store& store_;
  SnapshotOptions options_;
  store::SnapshotWalk walk_;
  UnixMillis now_ = 0;
  std::vector<std::string> functions_;
  std::vector<DbSize> sizes_;  // By database.
  std::vector<ShardRecords> shards_;
  RecordChunk step_;        // What EndStep took from its shard; Write's, as the next.
  RecordSlice step_slice_;  // Or from the large entry that is being saved.
  // That one; with the lock of its shard.
  std::optional<ValueSlices> slices_;
  RecordSlice slice_;
  std::string compressed_;
  FileChecksum checksum_;
  absl::Status status_;

  std::mutex mu_;
  std::vector<RecordChunk> queue_;

  std::atomic<uint64_t> bytes_{0};
};

}  // namespace henge::persistence
