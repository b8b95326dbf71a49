// SPDX-License-Identifier: Apache-2.0
#include "server/replication/sync_source.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/background.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/strings.h"
#include "persistence/snapshot/snapshot.h"
#include "server/node.h"
#include "server/replication/temporary_file.h"

namespace henge::server {
namespace {

constexpr int64_t kHeldMicros = 1'000'000;

}  // namespace

// Appends to the file and tells the readers.
class SyncSource::Sink final : public persistence::ByteSink {
 public:
  explicit Sink(SyncSource& source) : source_(source) {}
  absl::Status Append(std::string_view bytes) override {
    if (absl::Status status = WriteAll(source_.fd_, bytes); !status.ok()) return status;
    source_.size_.fetch_add(bytes.size(), std::memory_order_release);
    source_.ReleaseJournal();
    const std::lock_guard lock(source_.mu_);
    source_.changed_.notify_all();
    return absl::OkStatus();
  }

 private:
  SyncSource& source_;
};

SyncSource::~SyncSource() {
  if (fd_ >= 0) close(fd_);
}

absl::Status SyncSource::Open() {
  const absl::StatusOr<int> fd = OpenUnnamedFile("temp-sync");
  if (fd.ok()) fd_ = *fd;
  return fd.status();
}

void SyncSource::Run() {
  if (const absl::Status status = Open(); !status.ok()) return Fail(status);
  persistence::SnapshotOptions options = node_.saver().SnapshotOptions(/*aof_base=*/false);
  options.rdb.version = std::min(options.rdb.version, rdb_version_);
  persistence::Snapshot snapshot(node_.store(), std::move(options));
  {
    store::LockSet locks(node_.store());
    locks.AddAll();
    locks.Lock();
    holder_ = node_.replication().BeginSync(position_);
    snapshot.Begin(SystemClock().NowMillis());
  }
  LogNotice("Full sync: writing the snapshot for followers",
            {{"keys", snapshot.progress().keys}, {"offset", position_.offset}});
  begun_at_ = SystemClock().MonotonicMicros();
  BecomeBackground();  // Only now: all shards waited for this thread.
  Set(State::kWriting);
  Sink sink(*this);
  const absl::Status status = snapshot.Write(sink);
  if (!status.ok()) return Fail(status);
  LogNotice("Full sync: the snapshot is written",
            {{"bytes", size()}, {"ms", (SystemClock().MonotonicMicros() - begun_at_) / 1000}});
  Set(State::kWritten);
  holder_.reset();
}

void SyncSource::Fail(const absl::Status& status) {
  LogWarning("Full sync: the snapshot could not be written", {{"error", Std(status.message())}});
  Set(State::kFailed);
  holder_.reset();
}

// All of the journal from the moment on, for as long as a large snapshot takes, would be a second
// copy of what changed. Who comes late may find the rest in the backlog, or takes the next one.
void SyncSource::ReleaseJournal() {
  if (holder_ == nullptr || !joined_.load(std::memory_order_relaxed)) return;
  if (SystemClock().MonotonicMicros() - begun_at_ > kHeldMicros) holder_.reset();
}

void SyncSource::Set(State state) {
  const std::lock_guard lock(mu_);
  state_ = state;
  changed_.notify_all();
}

SyncSource::State SyncSource::state() const {
  const std::lock_guard lock(mu_);
  return state_;
}

SyncSource::State SyncSource::WaitBeyond(State state, std::chrono::milliseconds patience) {
  std::unique_lock lock(mu_);
  changed_.wait_for(lock, patience, [&] { return state_ != state; });
  return state_;
}

uint64_t SyncSource::WaitForBytes(uint64_t bytes, std::chrono::milliseconds patience) {
  std::unique_lock lock(mu_);
  changed_.wait_for(lock, patience, [&] { return size() > bytes || state_ != State::kWriting; });
  return size();
}

absl::Status SyncSource::Read(uint64_t offset, char* to, size_t room, size_t& read) const {
  ssize_t n;
  do {
    n = pread(fd_, to, room, static_cast<off_t>(offset));
  } while (n < 0 && errno == EINTR);
  if (n < 0) return absl::ErrnoToStatus(errno, "the full sync's file");
  read = static_cast<size_t>(n);
  return absl::OkStatus();
}

}  // namespace henge::server
