// SPDX-License-Identifier: Apache-2.0
#include "persistence/aof/aof_appender.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

namespace henge::persistence {

AofAppender::AofAppender(AofFiles& files, CommitGate* gate, const Clock& clock,
                         std::unique_ptr<JournalReader> reader, AofFiles::Increment increment)
    : files_(files),
      gate_(gate),
      clock_(clock),
      reader_(std::move(reader)),
      file_(std::move(increment.file)),
      sequence_(increment.sequence),
      size_(increment.size),
      written_(reader_->cursor()),
      synced_(written_),
      held_(written_),
      held_size_(size_),
      synced_size_(size_),
      known_second_(clock.NowMillis() / 1000) {}

absl::StatusOr<bool> AofAppender::Write() {
  if (absl::Status status = Mend(); !status.ok()) return status;
  if (cut_.load(std::memory_order_acquire) == written_) {
    if (syncing_) return false;
    if (absl::Status status = MoveOn(); !status.ok()) return status;
    return true;
  }
  const int64_t second = clock_.NowMillis() / 1000;
  const JournalBatch& batch = ReadBatch();
  if (batch.empty()) {
    known_second_ = second;
    return cut_.load(std::memory_order_acquire) == written_;
  }
  GatherPieces(batch);
  const File::Appended appended = file_->Append(pieces_);
  if (!appended.status.ok()) {
    reader_->SeekTo(written_);
    torn_ = true;
    Mend().IgnoreError();  // Tried again before the next record.
    return appended.status;
  }
  size_ += appended.bytes;
  written_ = batch.end();
  if (!annotation_.empty()) annotated_second_ = known_second_;
  known_second_ = second;
  if (policy() == FsyncPolicy::kNo) Hold(written_, size_);
  reader_->DropBatch();
  return true;
}

// What is behind a mark was appended after it was set, and is seen after it: looked at last, the
// mark is not missed.
const JournalBatch& AofAppender::ReadBatch() {
  const JournalBatch& batch = reader_->Read(kStepBytes);
  const Lsn cut = cut_.load(std::memory_order_acquire);
  if (batch.end() <= cut) return batch;
  reader_->SeekTo(written_);
  return reader_->Read(kStepBytes, cut);
}

void AofAppender::GatherPieces(const JournalBatch& batch) {
  pieces_.clear();
  annotation_.clear();
  if (timestamps_.load(std::memory_order_relaxed) && known_second_ > annotated_second_) {
    annotation_ = absl::StrCat("#TS:", known_second_, "\r\n");
    pieces_.push_back(annotation_);
  }
  for (const Slice& slice : batch.slices()) {
    if (!slice.has_control()) {
      pieces_.push_back(slice.bytes());
      continue;
    }
    for (uint32_t i = 0; i < slice.size(); ++i) {
      if (const Record record = slice.record(i); !record.control()) pieces_.push_back(record.bytes);
    }
  }
}

absl::Status AofAppender::Mend() {
  if (!torn_ && !mend_) return absl::OkStatus();
  const uint64_t size = mend_ ? held_size_ : size_;
  if (absl::Status status = file_->Truncate(size); !status.ok()) return status;
  torn_ = false;
  if (!mend_) return absl::OkStatus();
  // What was released without being synced (the policy `no`) is only in the file.
  if (held_ > synced_) {
    if (absl::Status status = files_.WriteAgain(apart(), synced_size_); !status.ok()) return status;
  }
  mend_ = false;
  size_ = held_size_;
  written_ = held_;
  reader_->SeekTo(held_);
  return absl::OkStatus();
}

// The file before must be safe first: once there is a next one, its tail may not be torn any more.
absl::Status AofAppender::MoveOn() {
  if (absl::Status status = Sync(); !status.ok()) return status;
  absl::StatusOr<AofFiles::Increment> next = apart() ? files_.StartApart() : files_.AddIncrement();
  if (!next.ok()) return next.status();
  file_ = std::move(next->file);
  sequence_ = next->sequence;
  size_ = synced_size_ = 0;
  Hold(written_, 0);
  annotated_second_ = 0;
  Unmark();
  return absl::OkStatus();
}

void AofAppender::Hold(Lsn lsn, uint64_t size) {
  held_ = lsn;
  held_size_ = size;
  reader_->Release(lsn);
}

std::optional<AofAppender::SyncJob> AofAppender::BeginSync() {
  if (syncing_ || mend_ || written_ == synced_) return std::nullopt;
  syncing_ = true;
  return SyncJob{file_, written_, size_};
}

absl::Status AofAppender::EndSync(const SyncJob& job, absl::Status status) {
  syncing_ = false;
  if (!status.ok()) {
    mend_ = true;
    return status;
  }
  synced_ = job.lsn;
  synced_size_ = job.size;
  if (job.lsn > held_) Hold(job.lsn, job.size);
  if (gate_ != nullptr) gate_->Publish(CommitMark::kDurable, synced_);
  return absl::OkStatus();
}

absl::Status AofAppender::Sync() {
  const std::optional<SyncJob> job = BeginSync();
  if (!job) return absl::OkStatus();
  return EndSync(*job, job->file->Sync());
}

}  // namespace henge::persistence
