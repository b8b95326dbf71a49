// SPDX-License-Identifier: Apache-2.0
#include "server/persistence/saver.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/strings.h"
#include "base/version.h"
#include "commands/scripting/library_registry.h"
#include "commands/scripting/script_host.h"
#include "persistence/snapshot/snapshot_file.h"
#include "server/config/structured.h"
#include "server/node.h"
#include "server/totals.h"

namespace henge::server {
namespace {

constexpr int64_t kRetryMs = 5000;  // As Redis, after a failure.

std::string NameWhileWritten(std::string_view stem) {
  return fmt::format("{}-{}.rdb", stem, getpid());
}

persistence::SnapshotFileOptions FileOptions(const Settings& settings, std::string_view stem) {
  return {.directory = ".",
          .name = settings.dbfilename.load(),
          .temporary_name = NameWhileWritten(stem),
          .sync_in_steps = settings.rdb_save_incremental_fsync.load()};
}

}  // namespace

Saver::~Saver() {
  std::thread last;
  {
    const std::lock_guard lock(mu_);
    last = std::move(thread_);
  }
  if (last.joinable()) last.join();
}

persistence::SnapshotOptions Saver::SnapshotOptions(bool aof_base) const {
  const Settings& settings = node_.parameters();
  persistence::SnapshotOptions options;
  options.rdb.version = static_cast<int>(settings.rdb_version.load());
  options.rdb.compress = settings.rdbcompression.load();
  options.checksum = settings.rdbchecksum.load();
  options.aux = {{"redis-ver", std::string(kRedisVersion)},
                 {"redis-bits", std::to_string(8 * sizeof(void*))},
                 {"ctime", std::to_string(SystemClock().NowMillis() / 1000)},
                 {"used-mem", std::to_string(UsedMemory())},
                 {"aof-base", aof_base ? "1" : "0"}};
  options.libraries = [this] {
    std::vector<std::string> codes;
    for (const auto& library : node_.services().scripting().libraries().All()) {
      codes.push_back(library->code);
    }
    return codes;
  };
  options.moment_aux = [this] { return node_.replication().PositionFields(); };
  options.key_delay = [&settings] { return settings.rdb_key_save_delay.load(); };
  const std::lock_guard lock(mu_);
  options.cancellation = cancellation_;
  return options;
}

std::string Saver::TemporaryName() const { return NameWhileWritten("temp"); }

uint64_t Saver::Changes() const { return SumOver(node_, &ExecutionStats::dirty); }

bool Saver::Start(Done done) {
  {
    const std::lock_guard lock(mu_);
    if (occupied_) return false;
    Occupy();
  }
  // Here, so that what follows the reply does not belong to it.
  Moment moment = TakeMoment();
  const std::lock_guard lock(mu_);
  thread_ = std::thread([this, done = std::move(done), moment = std::move(moment)]() mutable {
    Run(std::move(done), std::move(moment));
  });
  return true;
}

void Saver::Begin(Done done) {
  Occupy();
  thread_ =
      std::thread([this, done = std::move(done)]() mutable { Run(std::move(done), TakeMoment()); });
}

void Saver::Occupy() {
  if (thread_.joinable()) thread_.join();  // It has ended, or is about to.
  occupied_ = running_ = true;
  ++jobs_;
  scheduled_ = false;
  cancellation_ = std::make_shared<persistence::Cancellation>();
  started_ = tried_ = SystemClock().NowMillis();
}

bool Saver::StartOther(std::function<void()> job) {
  const std::lock_guard lock(mu_);
  if (occupied_) return false;
  if (thread_.joinable()) thread_.join();
  occupied_ = true;
  ++jobs_;
  cancellation_ = std::make_shared<persistence::Cancellation>();
  thread_ = std::thread([this, job = std::move(job)] {
    const ThreadMemory memory;
    job();
    const std::lock_guard finished(mu_);
    occupied_ = false;
  });
  return true;
}

void Saver::Run(Done done, Moment moment) {
  const ThreadMemory memory;
  while (true) {
    const absl::Status status = Write(moment);
    std::vector<Done> flushes = std::move(moment.flushes);
    bool again;
    {
      const std::lock_guard lock(mu_);
      // Who waits for the file waits for the one that a flush asked for in the meantime.
      const bool emptied = std::exchange(emptied_, false) && absl::IsCancelled(status);
      if (emptied && done) flushes.push_back(std::exchange(done, {}));
      if (emptied) {
        flushes_.insert(flushes_.end(), flushes.begin(), flushes.end());
        flushes.clear();
      }
      again = !flushes_.empty();
      cancellation_ = std::make_shared<persistence::Cancellation>();
      started_ = tried_ = again ? SystemClock().NowMillis() : tried_;
      occupied_ = running_ = again;
      snapshot_ = nullptr;
    }
    if (done) std::exchange(done, {})(status);
    for (const Done& waiting : flushes) waiting(status);
    moment = {};  // The snapshot is done with before another begins.
    if (!again) return;
    moment = TakeMoment();
  }
}

Saver::Moment Saver::TakeMoment() {
  Moment moment;
  moment.snapshot =
      std::make_shared<persistence::Snapshot>(node_.store(), SnapshotOptions(/*aof_base=*/false));
  store::LockSet locks(node_.store());
  locks.AddAll();
  locks.Lock();
  moment.snapshot->Begin(SystemClock().NowMillis());
  moment.changes = Changes();
  const std::lock_guard lock(mu_);
  moment.flushes.swap(flushes_);  // What they emptied is not in it.
  snapshot_ = moment.snapshot;
  return moment;
}

absl::Status Saver::Write(const Moment& moment) {
  LogNotice("Background saving started", {{"keys", moment.snapshot->progress().keys}});
  const absl::Status status = persistence::WriteSnapshotFile(
      *moment.snapshot, persistence::PosixFileSystem(), FileOptions(node_.parameters(), "temp"));
  Finish(status, moment.changes);
  return status;
}

void Saver::Note(const absl::Status& status, uint64_t changes, UnixMillis now) {
  last_seconds_ = (now - started_) / 1000;
  if (absl::IsCancelled(status)) return;
  last_ok_ = status.ok();
  UpdateRefusal();
  if (!status.ok()) return;
  last_save_ = now;
  saved_changes_ = changes;
  ++saves_;
}

void Saver::Finish(const absl::Status& status, uint64_t changes) {
  const UnixMillis now = SystemClock().NowMillis();
  persistence::SnapshotProgress progress;
  int64_t ms;
  {
    const std::lock_guard lock(mu_);
    progress = snapshot_->progress();
    ms = now - started_;
    Note(status, changes, now);
    last_copied_ = progress.copied;
  }
  if (absl::IsCancelled(status)) return LogNotice("Background saving cancelled", {{"ms", ms}});
  if (!status.ok()) {
    return LogWarning("Background saving error", {{"error", Std(status.message())}});
  }
  LogNotice("Background saving terminated with success",
            {{"keys", progress.saved},
             {"bytes", progress.bytes},
             {"saved_early", progress.saved_early},
             {"longest_hold_us", progress.longest_hold_us},
             {"ms", ms}});
}

bool Saver::NoteFlush(Done done) {
  const std::lock_guard lock(mu_);
  if (running_) {
    emptied_ = true;
    cancellation_->Cancel();
  }
  if (save_points_.empty()) return false;
  flushes_.push_back(std::move(done));
  if (!occupied_) Begin({});
  return true;
}

Saver::Cancelled Saver::CancelSave() {
  const std::lock_guard lock(mu_);
  if (running_) {
    cancellation_->Cancel();
    return Cancelled::kRunning;
  }
  return std::exchange(scheduled_, false) ? Cancelled::kScheduled : Cancelled::kNothing;
}

void Saver::CancelAll() {
  const std::lock_guard lock(mu_);
  if (cancellation_ != nullptr) cancellation_->Cancel();
}

void Saver::Schedule() {
  const std::lock_guard lock(mu_);
  scheduled_ = true;
}

absl::Status Saver::SaveAndWait(absl::FunctionRef<bool()> given_up) {
  std::mutex mu;
  std::condition_variable changed;
  std::optional<absl::Status> result;
  const auto done = [&](const absl::Status& status) {
    const std::lock_guard lock(mu);
    result = status;
    changed.notify_all();
  };
  std::unique_lock lock(mu);
  // What is under way is of an earlier moment.
  while (!Start(done)) {
    if (given_up()) return absl::CancelledError("given up");
    changed.wait_for(lock, std::chrono::milliseconds(10));
  }
  if (given_up()) CancelAll();
  changed.wait(lock, [&] { return result.has_value(); });
  return *result;
}

absl::Status Saver::SaveLocked() {
  const UnixMillis now = SystemClock().NowMillis();
  persistence::Snapshot snapshot(node_.store(), SnapshotOptions(/*aof_base=*/false));
  const absl::Status status =
      persistence::WriteSnapshotFileLocked(snapshot, persistence::PosixFileSystem(),
                                           FileOptions(node_.parameters(), "temp-reload"), now);
  const std::lock_guard lock(mu_);
  Note(status, Changes(), now);
  return status;
}

bool Saver::IsDue(UnixMillis now) const {
  if (!last_ok_ && now - tried_ <= kRetryMs) return false;
  if (scheduled_) return true;
  const UnixMillis since = last_save_ != 0 ? last_save_ : node_.started_at_us() / 1000;
  return persistence::IsSaveDue(save_points_, (now - since) / 1000,
                                static_cast<int64_t>(Changes() - saved_changes_));
}

void Saver::Tick(UnixMillis now) {
  {
    const std::lock_guard lock(mu_);
    if (occupied_) return;
    if (!flushes_.empty()) return Begin({});
    if (!IsDue(now)) return;
  }
  LogNotice("Changes are due to be saved. Saving...", {{"changes", report().changes}});
  Start({});
}

void Saver::NoteLoaded() {
  const std::lock_guard lock(mu_);
  saved_changes_ = Changes();
}

void Saver::ApplyParameters() {
  const std::lock_guard lock(mu_);
  const std::string text = node_.parameters().save.load();
  const std::vector<std::string> words = SplitWords(text);
  save_points_ = persistence::ParseSavePoints(words).value_or(persistence::SavePoints());
  UpdateRefusal();
}

void Saver::UpdateRefusal() {
  const Settings& settings = node_.parameters();
  refuses_writes_.store(!last_ok_ && settings.stop_writes_on_bgsave_error.load() &&
                        !save_points_.empty());
}

Saver::Report Saver::report() const {
  const UnixMillis now = SystemClock().NowMillis();
  const std::lock_guard lock(mu_);
  Report report;
  report.running = running_;
  report.scheduled = scheduled_;
  report.last_ok = last_ok_;
  report.last_save = (last_save_ != 0 ? last_save_ : node_.started_at_us() / 1000) / 1000;
  report.last_seconds = last_seconds_;
  report.current_seconds = running_ ? (now - started_) / 1000 : -1;
  report.saves = saves_;
  report.jobs = jobs_;
  report.last_copied = last_copied_;
  report.changes = Changes() - saved_changes_;
  if (snapshot_ != nullptr) {
    report.progress = snapshot_->progress();
  } else if (running_) {  // It is about to begin.
    for (DbIndex db = 0; db < node_.store().databases(); ++db) {
      report.progress.keys += node_.store().KeyCount(db);
    }
  }
  return report;
}

}  // namespace henge::server
