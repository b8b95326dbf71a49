// SPDX-License-Identifier: Apache-2.0
#include "server/replication/backlog_spill.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "base/memory.h"
#include "base/strings.h"
#include "server/node.h"
#include "server/replication/temporary_file.h"

namespace henge::server {
namespace {

constexpr uint64_t kMostRead = 1 << 20;
// How far it may be behind, in memory, before it gives up what it has.
constexpr uint64_t kHoldBytes = uint64_t{64} << 20;
constexpr uint64_t kSegments = 8;  // The limit is kept to one of so many.
constexpr uint64_t kLeastSegment = 64 << 10;
constexpr uint64_t kMostSegment = uint64_t{256} << 20;
constexpr int64_t kGatherMs = 20;
constexpr int64_t kIdleMs = 1000;
constexpr int64_t kAfterErrorMs = 10'000;

}  // namespace

BacklogSpill::Segment::~Segment() { close(fd); }

void BacklogSpill::SetLimit(uint64_t bytes) {
  limit_.store(bytes, std::memory_order_relaxed);
  if (bytes > 0 && !thread_.joinable() && !stop_.load()) {
    thread_ = std::thread([this] { Run(); });
  }
  bell_->Ring();
}

void BacklogSpill::Stop() {
  stop_.store(true);
  bell_->Ring();
  if (thread_.joinable()) thread_.join();
}

Lsn BacklogSpill::BeginBefore(Lsn journal_begin) const {
  const std::lock_guard lock(mu_);
  if (segments_.empty() || segments_.back().end < journal_begin) return journal_begin;
  return std::min(journal_begin, segments_.front().segment->begin);
}

bool BacklogSpill::Has(Lsn lsn) const {
  const std::lock_guard lock(mu_);
  return !segments_.empty() && segments_.front().segment->begin <= lsn &&
         lsn < segments_.back().end;
}

uint64_t BacklogSpill::bytes() const {
  const std::lock_guard lock(mu_);
  return segments_.empty() ? 0 : segments_.back().end - segments_.front().segment->begin;
}

absl::StatusOr<size_t> BacklogSpill::Read(Lsn lsn, char* to, size_t room) const {
  Entry entry{nullptr, 0};
  {
    const std::lock_guard lock(mu_);
    if (!segments_.empty() && segments_.back().end == lsn) return 0;
    const auto behind = std::find_if(segments_.begin(), segments_.end(),
                                     [lsn](const Entry& candidate) { return lsn < candidate.end; });
    if (behind == segments_.end() || lsn < behind->segment->begin) {
      return absl::OutOfRangeError("the backlog on disk does not go back so far any more");
    }
    entry = *behind;
  }
  const size_t size = std::min<uint64_t>(room, entry.end - lsn);
  ssize_t n;
  do {
    n = pread(entry.segment->fd, to, size, static_cast<off_t>(lsn - entry.segment->begin));
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return absl::ErrnoToStatus(n < 0 ? errno : EIO, "the backlog on disk");
  return static_cast<size_t>(n);
}

void BacklogSpill::Run() {
  const ThreadMemory memory;
  bool quiet = false;
  while (!stop_.load()) {
    if (limit() == 0 || !node_.journaling().replicating()) {
      Forget();
      bell_->Wait(kIdleMs);
      continue;
    }
    const absl::StatusOr<bool> more = WriteMore();
    if (more.ok()) {
      if (*more) {
        quiet = false;
      } else if (!std::exchange(quiet, true)) {
        bell_->Wait(kGatherMs);  // So that writers need not wake it each time.
      } else if (reader_->Arm()) {
        bell_->Wait(kIdleMs);
      }
      continue;
    }
    LogWarning("The replication backlog is not kept on disk for now",
               {{"error", Std(more.status().message())}, {"bytes_given_up", bytes()}});
    Forget();
    if (!stop_.load()) bell_->Wait(kAfterErrorMs);
  }
  Forget();
}

absl::StatusOr<bool> BacklogSpill::WriteMore() {
  persistence::Journal& journal = node_.journaling().journal();
  if (reader_ == nullptr) {
    const persistence::ReaderOptions options{
        .mandatory = false, .hold_bytes = kHoldBytes, .notify = [bell = bell_] { bell->Ring(); }};
    reader_ = journal.Attach(options, journal.begin());
    if (reader_ == nullptr) return true;  // It went on just then.
  }
  const persistence::JournalBatch& batch = reader_->Read(kMostRead);
  if (batch.lost()) return absl::ResourceExhaustedError("the disk is slower than what is written");
  for (const persistence::Slice& slice : batch.slices()) {
    if (absl::Status status = Append(slice.begin(), slice.bytes()); !status.ok()) return status;
  }
  const bool more = !batch.empty();
  if (more) reader_->Release(batch.end());
  reader_->DropBatch();
  return more;
}

absl::Status BacklogSpill::Append(Lsn lsn, std::string_view bytes) {
  const uint64_t most = std::clamp(limit() / kSegments, kLeastSegment, kMostSegment);
  std::shared_ptr<Segment> segment;
  {
    const std::lock_guard lock(mu_);
    if (!segments_.empty() && lsn - segments_.back().segment->begin < most) {
      segment = segments_.back().segment;
    }
  }
  if (segment == nullptr) {
    const absl::StatusOr<int> fd = OpenUnnamedFile("temp-backlog");
    if (!fd.ok()) return fd.status();
    segment = std::make_shared<Segment>(*fd, lsn);
    const std::lock_guard lock(mu_);
    segments_.push_back({segment, lsn});
  }
  if (absl::Status status = WriteAll(segment->fd, bytes); !status.ok()) return status;
  const std::lock_guard lock(mu_);
  segments_.back().end = lsn + bytes.size();
  Trim();
  return absl::OkStatus();
}

void BacklogSpill::Trim() {
  while (segments_.size() > 1 &&
         segments_.back().end - segments_.front().segment->begin > limit()) {
    segments_.pop_front();
  }
}

void BacklogSpill::Forget() {
  reader_ = nullptr;
  std::deque<Entry> segments;
  const std::lock_guard lock(mu_);
  segments.swap(segments_);
}

}  // namespace henge::server
