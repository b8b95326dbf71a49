// SPDX-License-Identifier: Apache-2.0
#include "persistence/aof/aof_appender.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "persistence/aof/aof_parser.h"
#include "persistence/journal/unit_encoding.h"

namespace henge::persistence {
namespace {

constexpr std::string_view kSelect = "*2\r\n$6\r\nSELECT\r\n";
constexpr std::string_view kMultiSelect = "*1\r\n$5\r\nMULTI\r\n*2\r\n$6\r\nSELECT\r\n";

// Room is made for a while of writing, but not more than the file is worth.
constexpr uint64_t kLeastRoom = uint64_t{128} << 10;
constexpr uint64_t kMostRoom = uint64_t{8} << 20;

}  // namespace

AofAppender::AofAppender(AofFiles& files, CommitGate* gate, const Clock& clock,
                         std::unique_ptr<JournalReader> reader, AofFiles::Increment increment,
                         const StreamPlaces* places)
    : files_(files),
      gate_(gate),
      clock_(clock),
      places_(places),
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
  if (batch.empty() && !IsPlaceDue()) {
    known_second_ = second;
    return cut_.load(std::memory_order_acquire) == written_;
  }
  const std::optional<StreamPlace> told = told_;
  const int64_t annotated = annotated_second_;
  const absl::StatusOr<bool> wrote = WriteBatch(batch);
  if (wrote.ok() && *wrote) {
    known_second_ = second;
  } else {
    reader_->SeekTo(written_);
    told_ = told;
    annotated_second_ = annotated;
  }
  return wrote;
}

// Where it did not write, the file is as it was, but for its tail.
absl::StatusOr<bool> AofAppender::WriteBatch(const JournalBatch& batch) {
  GatherPieces(batch);
  uint64_t bytes = 0;
  for (const std::string_view piece : pieces_) bytes += piece.size();
  if (!FitsRoom(batch, bytes)) {
    if (syncing_ && file_->room() > 0) return false;
    if (absl::Status status = DropRoom(); !status.ok()) return status;
  }
  const File::Appended appended = file_->Append(pieces_);
  if (!appended.status.ok()) {
    torn_ = true;
    Mend().IgnoreError();  // Tried again before the next record.
    return appended.status;
  }
  if (batch.empty() && size_ == head_) head_ += appended.bytes;
  size_ += appended.bytes;
  if (!batch.empty()) written_ = batch.end();
  if (policy() == FsyncPolicy::kNo) Hold(written_, size_);
  reader_->DropBatch();
  return true;
}

// Whether the batch may go into the room there is, which it must not fill. Notes it where room is
// not worth making.
bool AofAppender::FitsRoom(const JournalBatch& batch, uint64_t bytes) {
  if (policy() != FsyncPolicy::kAlways) return false;
  bool fits = size_ - synced_size_ + bytes <= AofParser::kMostInRoom;
  for (const Slice& slice : batch.slices()) {
    for (uint32_t i = 0; fits && i < slice.size(); ++i) {
      const Record record = slice.record(i);
      fits = record.end - record.begin <= kLongestInRoom;
    }
  }
  if (!fits) no_room_until_ = size_ + bytes + kMostRoom;
  return fits && bytes < file_->room();
}

uint64_t AofAppender::WantedRoom() const {
  if (policy() != FsyncPolicy::kAlways || torn_ || mend_ || size_ < no_room_until_) return 0;
  const uint64_t wanted = std::clamp(size_, kLeastRoom, kMostRoom);
  return file_->room() < wanted / 2 ? wanted : 0;
}

absl::Status AofAppender::Finish() {
  if (absl::Status status = Sync(); !status.ok()) return status;
  return DropRoom();
}

absl::Status AofAppender::DropRoom() {
  const bool syncs = file_->room() > 0;
  absl::Status status = file_->DropRoom();
  if (!status.ok()) return Lost(std::move(status));
  return syncs ? EndSync({file_, written_, size_}, std::move(status)) : status;
}

absl::Status AofAppender::Lost(absl::Status status) {
  mend_ = true;
  return status;
}

// What is behind a mark was appended after it was set, and is seen after it: looked at last, the
// mark is not missed. Nor is a place.
const JournalBatch& AofAppender::ReadBatch() {
  const JournalBatch& batch = reader_->Read(kStepBytes);
  Lsn until = cut_.load(std::memory_order_acquire);
  if (places_ != nullptr) until = std::min(until, places_->NextBehind(written_));
  if (batch.end() <= until) return batch;
  reader_->SeekTo(written_);
  return reader_->Read(kStepBytes, until);
}

bool AofAppender::IsPlaceDue() const {
  if (places_ == nullptr) return false;
  const std::optional<StreamPlace> place = places_->At(written_);
  return place && (!told_ || told_->name != place->name);
}

void AofAppender::AddLine(std::string line) {
  lines_.push_back(std::move(line));
  pieces_.push_back(lines_.back());
}

// That what comes next stands at `lsn`, if a reader would not know.
void AofAppender::GatherPlace(Lsn lsn) {
  const std::optional<StreamPlace> place = places_ == nullptr ? std::nullopt : places_->At(lsn);
  if (!place || told_ == place) return;
  const bool skips = told_ && told_->name == place->name && told_->offset < place->offset;
  AddLine(skips ? SkipLine(place->offset - told_->offset) : PlaceLine(*place));
  told_ = place;
}

void AofAppender::GatherRecord(const Record& record) {
  if (record.control()) return;
  GatherPlace(record.begin);
  pieces_.push_back(record.bytes);
  if (told_) told_->offset += static_cast<int64_t>(record.bytes.size());
}

void AofAppender::GatherPieces(const JournalBatch& batch) {
  pieces_.clear();
  lines_.clear();
  if (timestamps_.load(std::memory_order_relaxed) && known_second_ > annotated_second_) {
    AddLine(absl::StrCat("#TS:", known_second_, "\r\n"));
    annotated_second_ = known_second_;
  }
  if (size_ == head_) GatherSelect(batch);
  if (batch.empty()) GatherPlace(written_);
  for (const Slice& slice : batch.slices()) {
    for (uint32_t i = 0; slice.has_control() && i < slice.size(); ++i) {
      GatherRecord(slice.record(i));
    }
    if (slice.has_control()) continue;
    GatherPlace(slice.begin());
    pieces_.push_back(slice.bytes());
    if (told_) told_->offset += static_cast<int64_t>(slice.bytes().size());
  }
}

// A leader's own records select their database behind a cut. A follower's are its leader's, byte by
// byte, and know nothing of its cuts.
void AofAppender::GatherSelect(const JournalBatch& batch) {
  for (const Slice& slice : batch.slices()) {
    for (uint32_t i = 0; i < slice.size(); ++i) {
      const Record record = slice.record(i);
      if (record.control()) continue;
      if (record.bytes.starts_with(kSelect) || record.bytes.starts_with(kMultiSelect)) return;
      select_.resize(kMaxSelectBytes);
      select_.resize(
          static_cast<size_t>(EncodeSelect(record.tag.db, select_.data()) - select_.data()));
      told_.reset();  // It is not of the stream.
      return pieces_.push_back(select_);
    }
  }
}

absl::Status AofAppender::Mend() {
  if (!torn_ && !mend_) return absl::OkStatus();
  const bool had_room = file_->room() > 0;
  if (had_room && !mend_) {
    if (syncing_) return absl::UnavailableError("a sync is under way");
    if (absl::Status status = Sync(); !status.ok()) return status;
  }
  const uint64_t size = mend_ ? held_size_ : size_;
  if (absl::Status status = file_->Truncate(size); !status.ok()) return status;
  // What is appended then must not be taken for what is in room.
  if (had_room || room_cut_) {
    room_cut_ = true;
    if (absl::Status status = file_->Sync(); !status.ok()) return Lost(std::move(status));
    room_cut_ = false;
  }
  torn_ = false;
  if (!mend_) return absl::OkStatus();
  // What was released without being synced (the policy `no`) is only in the file.
  if (held_size_ > synced_size_) {
    if (absl::Status status = files_.WriteAgain(apart(), synced_size_); !status.ok()) return status;
  }
  mend_ = false;
  size_ = held_size_;
  head_ = std::min(head_, size_);
  written_ = held_;
  told_.reset();
  reader_->SeekTo(held_);
  return absl::OkStatus();
}

// The file before must be safe first: once there is a next one, its tail may not be torn any more.
absl::Status AofAppender::MoveOn() {
  if (absl::Status status = Finish(); !status.ok()) return status;
  absl::StatusOr<AofFiles::Increment> next = apart() ? files_.StartApart() : files_.AddIncrement();
  if (!next.ok()) return next.status();
  file_ = std::move(next->file);
  sequence_ = next->sequence;
  size_ = synced_size_ = head_ = 0;
  no_room_until_ = 0;
  told_ = StreamPlace{};
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
  if (syncing_ || mend_ || (written_ == synced_ && size_ == synced_size_)) return std::nullopt;
  syncing_ = true;
  return SyncJob{file_, written_, size_};
}

absl::Status AofAppender::EndSync(const SyncJob& job, absl::Status status) {
  syncing_ = false;
  if (!status.ok()) return Lost(std::move(status));
  synced_ = job.lsn;
  synced_size_ = job.size;
  if (job.lsn > held_ || (job.lsn == held_ && job.size > held_size_)) Hold(job.lsn, job.size);
  tell_();
  if (gate_ != nullptr) gate_->Publish(CommitMark::kDurable, synced_);
  return absl::OkStatus();
}

absl::Status AofAppender::Sync() {
  const std::optional<SyncJob> job = BeginSync();
  if (!job) return absl::OkStatus();
  return EndSync(*job, job->file->Sync());
}

}  // namespace henge::persistence
