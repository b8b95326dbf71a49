// SPDX-License-Identifier: Apache-2.0
#include "persistence/snapshot/snapshot.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "persistence/rdb/value_writer.h"
#include "persistence/snapshot/courtesy.h"
#include "store/access_clock.h"

namespace henge::persistence {
namespace {

// Larger strings are kept by their blob instead of copied under the lock.
constexpr size_t kCopiedValue = 16 * 1024;

RdbOptions Uncompressed(RdbOptions options) {
  options.compress = false;
  return options;
}

}  // namespace

Snapshot::Snapshot(store::Store& store, SnapshotOptions options,
                   store::SnapshotWalk::LargeFrom large_from)
    : store_(store),
      options_(std::move(options)),
      walk_(store, *this, large_from),
      shards_(store.shards()) {}

void Snapshot::Begin(UnixMillis now) {
  NoteMoment(now);
  if (options_.slots != nullptr) walk_.Restrict(*options_.slots);
  walk_.Begin();
}

void Snapshot::NoteMoment(UnixMillis now) {
  now_ = now;
  if (options_.libraries) functions_ = options_.libraries();
  if (options_.moment_aux) {
    for (auto& field : options_.moment_aux()) options_.aux.push_back(std::move(field));
  }
  sizes_.resize(store_.databases());
  bool field_deadlines = false;
  for (DbIndex db = 0; db < store_.databases(); ++db) {
    sizes_[db] = {store_.KeyCount(db), store_.KeyCountWithExpiry(db)};
    field_deadlines = field_deadlines || store_.KeyCountWithMemberExpiry(db) > 0;
  }
  options_.rdb.version = FileVersion(options_.rdb.version, field_deadlines);
}

KeyUse Snapshot::UseOf(const store::Entry& entry) const {
  const auto policy = store_.settings().policy.load(std::memory_order_relaxed);
  KeyUse use;
  if (store::IsLru(policy)) use.idle_seconds = store::IdleSeconds(entry.access(), now_);
  if (store::IsLfu(policy)) {
    use.frequency = store::LfuFrequency(store_.settings(), entry.access(), now_);
  }
  return use;
}

size_t Snapshot::Save(ShardIndex index, DbIndex db, const store::Entry& entry) {
  ShardRecords& shard = shards_[index];
  std::string& bytes = shard.chunk.bytes;
  const size_t before = bytes.size();
  RdbWriter writer(bytes, Uncompressed(options_.rdb));
  if (shard.db != db) {
    writer.Opcode(RdbOpcode::kSelect);
    writer.Length(db);
    shard.db = db;
  }
  if (entry.is_external() && entry.blob()->view().size() > kCopiedValue) {
    WriteKeyHead(writer, entry, UseOf(entry));
    shard.chunk.blobs.emplace_back(bytes.size(), BlobRef::Share(entry.blob()));
  } else {
    WriteKey(writer, entry, UseOf(entry));
  }
  const size_t made = bytes.size() - before;
  if (bytes.size() >= kQueueFrom) {
    const std::lock_guard lock(mu_);
    queue_.push_back(std::exchange(shard.chunk, {}));
    shard.db = kNoDb;
  }
  return made;
}

void Snapshot::BeginLarge(DbIndex db, const store::Entry& entry) {
  RdbWriter writer(slice_.bytes, Uncompressed(options_.rdb));
  writer.Opcode(RdbOpcode::kSelect);
  writer.Length(db);
  WriteKeyHead(writer, entry, UseOf(entry));
  slices_.emplace(entry, options_.rdb.version);
}

bool Snapshot::SaveSlice() { return slices_->Next(slice_); }

void Snapshot::EndStep(ShardIndex index, bool within) {
  if (!within) return TakeRecords(index);
  step_slice_ = std::exchange(slice_, {});
}

void Snapshot::TakeRecords(ShardIndex index) {
  ShardRecords& shard = shards_[index];
  step_ = std::exchange(shard.chunk, {});
  shard.db = kNoDb;
}

void Snapshot::Give(std::string_view bytes, ByteSink& sink) {
  if (!status_.ok()) return;
  status_ = sink.Append(bytes);
  if (options_.checksum) checksum_.Add(bytes);
  bytes_.fetch_add(bytes.size(), std::memory_order_relaxed);
}

void Snapshot::WriteHead(ByteSink& sink) {
  std::string head;
  RdbWriter writer(head, options_.rdb);
  WriteHeader(writer);
  for (const auto& [name, value] : options_.aux) WriteAux(writer, name, value);
  for (const std::string& code : functions_) WriteFunction(writer, code);
  // Sizes first, for whoever lays out tables: records select their databases again.
  for (size_t db = 0; db < sizes_.size(); ++db) {
    if (sizes_[db].keys == 0) continue;
    WriteSelect(writer, static_cast<DbIndex>(db), sizes_[db].keys, sizes_[db].with_expiry);
  }
  Give(head, sink);
}

void Snapshot::WriteChunk(RecordChunk chunk, ByteSink& sink) {
  if (chunk.empty() || !status_.ok()) return;
  compressed_.clear();
  RdbWriter writer(compressed_, options_.rdb);
  AppendRecords(chunk, writer);
  Give(compressed_, sink);
}

void Snapshot::WriteSlice(RecordSlice slice, ByteSink& sink) {
  if (slice.bytes.empty() || !status_.ok()) return;
  compressed_.clear();
  RdbWriter writer(compressed_, options_.rdb);
  AppendSlice(slice, writer);
  Give(compressed_, sink);
}

void Snapshot::WriteQueued(ByteSink& sink) {
  std::vector<RecordChunk> queued;
  {
    const std::lock_guard lock(mu_);
    queued.swap(queue_);
  }
  for (RecordChunk& chunk : queued) WriteChunk(std::move(chunk), sink);
}

int64_t Snapshot::KeyDelay() const { return options_.key_delay ? options_.key_delay() : 0; }

void Snapshot::Pause(uint64_t keys) {
  Cancellation* const cancellation = options_.cancellation.get();
  if (cancellation == nullptr) return;
  constexpr int64_t kStepUs = 10'000;
  for (int64_t waited = 0; status_.ok() && !cancellation->cancelled(); waited += kStepUs) {
    const int64_t left = KeyDelay() * static_cast<int64_t>(keys) - waited;
    if (left <= 0) break;
    cancellation->Wait(std::chrono::microseconds(std::min(left, kStepUs)));
  }
  if (cancellation->cancelled() && status_.ok()) status_ = absl::CancelledError("cancelled");
}

absl::Status Snapshot::Write(ByteSink& sink) {
  WriteHead(sink);
  Courtesy courtesy;
  uint64_t saved = 0;
  bool more = true;
  while (more) {
    const uint64_t before = std::exchange(saved, walk_.saved());
    Pause(saved - before);
    const size_t entries = KeyDelay() > 0 ? 1 : kStepEntries;
    more = walk_.Step(kStepBytes, entries);
    WriteChunk(std::exchange(step_, {}), sink);
    WriteSlice(std::exchange(step_slice_, {}), sink);
    if (!walk_.within()) WriteQueued(sink);
    courtesy.AfterStep(walk_.saved_early());
  }
  return WriteTail(sink);
}

absl::Status Snapshot::WriteLocked(ByteSink& sink, UnixMillis now) {
  NoteMoment(now);
  WriteHead(sink);
  for (size_t i = 0; i < store_.shards(); ++i) {
    const auto shard = static_cast<ShardIndex>(i);
    for (DbIndex db = 0; db < store_.databases(); ++db) {
      store::ShardDb* part = store_.shard(shard).dbs[db].get();
      if (part == nullptr) continue;
      for (const store::EntryTable& table : part->tables()) {
        table.ForEach([&](const store::Entry* entry) { Save(shard, db, *entry); });
        TakeRecords(shard);
        WriteChunk(std::exchange(step_, {}), sink);
        WriteQueued(sink);
      }
    }
  }
  return WriteTail(sink);
}

absl::Status Snapshot::WriteTail(ByteSink& sink) {
  std::string end;
  RdbWriter writer(end, options_.rdb);
  WriteEnd(writer);
  Give(end, sink);
  if (options_.rdb.version >= 5 && status_.ok()) {
    const std::string trailer = checksum_.Trailer(options_.checksum);
    status_ = sink.Append(trailer);
    bytes_.fetch_add(trailer.size(), std::memory_order_relaxed);
  }
  return status_;
}

SnapshotProgress Snapshot::progress() const {
  return {walk_.keys(),        walk_.saved(),  bytes_.load(std::memory_order_relaxed),
          walk_.saved_early(), walk_.copied(), walk_.longest_hold_us()};
}

}  // namespace henge::persistence
