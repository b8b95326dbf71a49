// SPDX-License-Identifier: Apache-2.0
#include "persistence/aof/aof_writer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/memory.h"
#include "base/strings.h"

namespace henge::persistence {

using std::chrono::steady_clock;

namespace {

constexpr int kSyncsRemembered = 16;

}  // namespace

namespace {

constexpr std::chrono::seconds kPurgeWait(1);

}  // namespace

AofWriter::AofWriter(AofFiles files, Journal& journal, CommitGate* gate, const Clock& clock,
                     const AofWriterOptions& options)
    : files_(std::move(files)),
      journal_(journal),
      gate_(gate),
      clock_(clock),
      temporary_base_(files_.TemporaryBasePath()),
      options_(options),
      policy_(options.policy),
      timestamps_(options.timestamps) {}

AofWriter::~AofWriter() { Stop().IgnoreError(); }

std::unique_ptr<JournalReader> AofWriter::NewReader() {
  return journal_.AttachAtEnd({.mandatory = true, .notify = [this] { bell_.Ring(); }});
}

void AofWriter::Attach(std::unique_ptr<JournalReader> reader, AofFiles::Increment increment) {
  appender_.emplace(files_, gate_, clock_, std::move(reader), std::move(increment),
                    options_.places);
  appender_->SetTeller([this] { PublishStatus(); });
  ApplyOptions();
  PublishStatus();
  attached_.store(true, std::memory_order_release);
}

void AofWriter::ApplyOptions() {
  appender_->SetPolicy(policy_.load(std::memory_order_relaxed));
  appender_->SetTimestamps(timestamps_.load(std::memory_order_relaxed));
}

absl::Status AofWriter::Start() {
  const Guard lock(mutex_);
  files_.RemoveLeftovers();
  if (!keep_history_) {
    if (const absl::Status status = files_.DeleteHistory(); !status.ok()) {
      LogWarning("Old files stay", {{"error", Std(status.message())}});
    }
  }
  absl::StatusOr<AofFiles::Increment> increment = files_.OpenLastIncrement();
  if (!increment.ok()) return increment.status();
  Attach(NewReader(), *std::move(increment));
  CountFiles();
  base_bytes_ = other_bytes_ + appender_->size();
  PublishStatus();
  StartThreads();
  return absl::OkStatus();
}

absl::Status AofWriter::StartApart() {
  const Guard lock(mutex_);
  absl::StatusOr<AofFiles::Increment> increment = files_.StartApart();
  if (!increment.ok()) return increment.status();
  apart_ = *std::move(increment);
  journal_.Prepare();
  PublishStatus();
  StartThreads();
  return absl::OkStatus();
}

void AofWriter::StartThreads() {
  writer_ = std::thread([this] { RunWriter(); });
  syncer_ = std::thread([this] { RunSyncer(); });
}

absl::Status AofWriter::Stop() {
  {
    const Guard lock(mutex_);
    stopping_ = true;
  }
  bell_.Ring();
  changed_.notify_all();
  if (writer_.joinable()) writer_.join();
  if (syncer_.joinable()) syncer_.join();
  const Guard lock(mutex_);
  return final_status_;
}

absl::Status AofWriter::Drain() {
  Guard lock(mutex_);
  if (!appender_ || appender_->apart()) return absl::OkStatus();
  const Lsn end = journal_.end();
  ++draining_;
  bell_.Ring();
  changed_.wait(lock, [&] { return stopped_ || !healthy() || appender_->written() >= end; });
  --draining_;
  if (appender_->written() >= end) return absl::OkStatus();
  return absl::UnavailableError("the append-only file can't be written");
}

Lsn AofWriter::BeginRewrite() {
  if (!attached_.load(std::memory_order_acquire)) {
    const Guard lock(mutex_);  // Nobody writes yet, so nobody holds it for long.
    std::unique_ptr<JournalReader> reader = NewReader();
    const Lsn cut = reader->cursor();
    Attach(std::move(reader), *std::exchange(apart_, std::nullopt));
    bell_.Ring();
    return cut;
  }
  const Lsn cut = journal_.Cut();
  appender_->Mark(cut);
  bell_.Ring();
  return cut;
}

absl::Status AofWriter::FinishRewrite(BaseFormat format) {
  Guard lock(mutex_);
  changed_.wait(lock, [&] { return stopped_ || !appender_->marked(); });
  if (stopped_) return absl::CancelledError("the append-only file was turned off");
  const std::optional<AofPart> before = files_.manifest().base;
  const absl::StatusOr<int64_t> sequence =
      files_.InstallBase(temporary_base_, format, appender_->sequence());
  if (files_.manifest().base != before)
    appender_->Join(files_.manifest().increments.back().sequence);
  if (!sequence.ok()) {
    files_.RemoveTemporaryBase();  // A full disk needs the room.
    return sequence.status();
  }
  CountFiles();
  base_bytes_ = other_bytes_ + appender_->size();
  PublishStatus();
  if (!keep_history_) PurgeHistory(lock);
  return absl::OkStatus();
}

// To delete a large file takes long: not with the lock that the writer needs. What can't be deleted
// stays in the manifest, for the next time.
void AofWriter::PurgeHistory(Guard& lock) {
  absl::StatusOr<std::vector<std::string>> history = files_.HistoryNames();
  if (!history.ok()) return;  // Next time.
  lock.unlock();
  std::erase_if(*history, [&](const std::string& name) {
    const absl::Status status = files_.RemoveFile(name);
    if (!status.ok()) LogWarning("An old file stays", {{"error", Std(status.message())}});
    return !status.ok();
  });
  lock.lock();
  if (const absl::Status status = files_.ForgetHistory(*history); !status.ok()) {
    LogWarning("The manifest still names files that are deleted",
               {{"error", Std(status.message())}});
  }
}

void AofWriter::CountFiles() {
  const uint64_t bytes = files_.LoadedBytes();
  const uint64_t current = appender_->size() + appender_->file()->room();
  other_bytes_ = appender_->apart() ? bytes : bytes - std::min(bytes, current);
}

void AofWriter::AbandonRewrite() {
  const Guard lock(mutex_);
  if (appender_ && appender_->marked()) appender_->Unmark();
  files_.RemoveTemporaryBase();
}

void AofWriter::SetPolicy(FsyncPolicy policy) {
  policy_.store(policy, std::memory_order_relaxed);
  bell_.Ring();
}

void AofWriter::SetTimestamps(bool on) { timestamps_.store(on, std::memory_order_relaxed); }

void AofWriter::SetKeepHistory(bool keep) {
  if (!keep_history_.exchange(keep) || keep) return;
  purge_.store(true);
  bell_.Ring();
  Guard lock(mutex_);
  changed_.wait_for(lock, kPurgeWait, [&] { return stopped_ || !purge_.load(); });
}

std::string AofWriter::error_reason() const {
  const std::lock_guard lock(published_mutex_);
  const std::string& error = published_.error;
  const size_t colon = error.rfind(": ");
  return colon == std::string::npos ? error : error.substr(colon + 2);
}

AofManifest AofWriter::manifest() const {
  const Guard lock(mutex_);
  return files_.manifest();
}

AofStatus AofWriter::status() const {
  const std::lock_guard lock(published_mutex_);
  AofStatus status = published_;
  status.healthy = healthy();
  const auto late = options_.sync_interval * 4 / 5;
  status.sync_late = status.sync_pending && steady_clock::now() - published_sync_ > late;
  if (published_attached_) status.buffer_bytes = journal_.end() - published_lsn_;
  return status;
}

void AofWriter::PublishStatus() {
  const std::lock_guard lock(published_mutex_);
  published_.current_bytes = other_bytes_;
  published_.base_bytes = base_bytes_;
  published_.delayed_syncs = delayed_syncs_;
  published_.sync_pending = syncing_;
  published_sync_ = last_sync_;
  published_.apart = apart_.has_value();
  if (!appender_) return;
  published_.apart = appender_->apart();
  published_.current_bytes += appender_->size();
  published_.durable = appender_->synced();
  published_lsn_ = appender_->written();
  published_attached_ = true;
}

void AofWriter::RunWriter() {
  const ThreadMemory memory;
  Guard lock(mutex_);
  while (!stopping_) {
    if (purge_.load()) {
      PurgeHistory(lock);
      purge_.store(false);
      changed_.notify_all();
    }
    const Micros pause = Round(lock);
    PublishStatus();
    if (draining_ > 0) changed_.notify_all();
    if (pause == Micros(0)) continue;
    lock.unlock();
    bell_.Wait(pause);
    lock.lock();
  }
  final_status_ = Ending(lock);
  PublishStatus();
  stopped_ = true;
  changed_.notify_all();
}

// One turn of the writer; how long it may sleep behind it.
AofWriter::Micros AofWriter::Round(Guard& lock) {
  if (!appender_) return std::chrono::seconds(1);
  ApplyOptions();
  const Micros gathering = UntilGroup(steady_clock::now());
  if (gathering > Micros(0)) return gathering;
  DelayWrite(lock);
  const bool marked = appender_->marked();
  const absl::StatusOr<bool> wrote = appender_->Write();
  Note(wrote.status());
  if (!wrote.ok()) return options_.retry;
  if (marked && !appender_->marked()) {
    CountFiles();
    changed_.notify_all();
  }
  const Instant now = steady_clock::now();
  switch (appender_->policy()) {
    case FsyncPolicy::kAlways:
      SyncHere(lock);
      MakeRoom();
      if (sync_failed_) return options_.retry;
      if (*wrote) return Micros(0);
      break;
    case FsyncPolicy::kEverySecond:
      SyncApart(now);
      break;
    case FsyncPolicy::kNo:
      break;
  }
  if (!SyncForHeld(lock)) return options_.retry;
  if (*wrote || appender_->marked() || !appender_->reader().Arm()) return options_.gather;
  return Idle(now);
}

// With `always`, a sync for the first who comes would keep the others waiting for the one after. As
// many as there were are waited for, but not long; who is alone never waits.
AofWriter::Micros AofWriter::UntilGroup(Instant now) const {
  constexpr Micros kSlow(100);  // Faster disks are not worth a sleep.
  constexpr Micros kShort(20);
  if (appender_->policy() != FsyncPolicy::kAlways || sync_took_ < kSlow) return Micros(0);
  const uint64_t waiting = journal_.end() - appender_->written();
  if (waiting == 0 || waiting >= group_bytes_ - group_bytes_ / 8) return Micros(0);
  const auto left = std::chrono::duration_cast<Micros>(sync_ended_ + sync_took_ / 2 - now);
  return left < kShort ? Micros(0) : std::max(left / 4, kShort);
}

// Until there is more to write, a sync is due, or the time of the next annotation must be known.
AofWriter::Micros AofWriter::Idle(Instant now) {
  Micros pause = std::chrono::seconds(1);
  if (appender_->policy() == FsyncPolicy::kEverySecond && appender_->unsynced() && !syncing_) {
    pause = std::min(pause, std::chrono::duration_cast<Micros>(SyncDue() - now));
  }
  return std::max(pause, options_.gather);
}

AofWriter::Instant AofWriter::SyncDue() const {
  if (appender_->written() - appender_->held() > options_.sync_bytes) return last_sync_;
  return last_sync_ + (sync_failed_ ? options_.retry : options_.sync_interval);
}

void AofWriter::DelayWrite(Guard& lock) {
  const auto* delay = options_.write_delay_us;
  if (delay == nullptr || journal_.end() == appender_->written()) return;
  constexpr int64_t kStepUs = 5000;
  for (int64_t waited = 0; waited < delay->load() && !stopping_; waited += kStepUs) {
    lock.unlock();
    std::this_thread::sleep_for(Micros(std::min(kStepUs, delay->load() - waited)));
    lock.lock();
  }
}

void AofWriter::SyncHere(Guard& lock) {
  changed_.wait(lock, [&] { return !syncing_; });  // The policy has just changed.
  const auto job = appender_->BeginSync();
  if (!job) return;
  syncing_ = true;
  const Lsn before = appender_->synced();
  const Instant began = steady_clock::now();
  lock.unlock();
  const absl::Status status = job->file->Sync();
  lock.lock();
  sync_ended_ = steady_clock::now();
  sync_took_ = std::chrono::duration_cast<Micros>(sync_ended_ - began);
  group_bytes_ = journal_.end() - before;
  EndSync(*job, status, began);
}

// Room costs the file its plain end, so a disk that is quick without it does without. Once a file
// has had some, its syncs no longer tell.
bool AofWriter::RoomPays() {
  if (roomy_sequence_ == appender_->sequence()) return true;
  mean_sync_ += (sync_took_ - mean_sync_) / kSyncsRemembered;
  const bool few = ++syncs_ < kSyncsRemembered && options_.room_from > Micros(0);
  if (few || mean_sync_ < options_.room_from) return false;
  syncs_ = 0;
  roomy_sequence_ = appender_->sequence();
  mean_sync_ = Micros(0);
  return true;
}

// By the syncer, which has nothing else to do with `always`.
void AofWriter::MakeRoom() {
  if (room_job_.file != nullptr || making_room_ || sync_failed_) return;
  const uint64_t room = appender_->WantedRoom();
  if (room == 0 || !RoomPays()) return;
  room_job_ = {appender_->file(), room, appender_->file()->room_ticket()};
  changed_.notify_all();
}

// Those whose replies were held when `always` ended still wait for the disk. False: it failed.
bool AofWriter::SyncForHeld(Guard& lock) {
  if (appender_->policy() == FsyncPolicy::kAlways) {
    held_until_ = kNobodyHeld;
    return true;
  }
  if (held_until_ == kNobodyHeld) held_until_ = journal_.end();
  if (appender_->synced() >= held_until_) return true;
  SyncHere(lock);
  return !sync_failed_;
}

void AofWriter::SyncApart(Instant now) {
  if (!appender_->unsynced()) return;
  if (syncing_) {
    if (now - last_sync_ < options_.sync_interval || delay_counted_) return;
    delay_counted_ = true;
    ++delayed_syncs_;
    return;
  }
  if (now < SyncDue()) return;
  job_ = appender_->BeginSync();
  if (!job_) return;
  syncing_ = true;
  delay_counted_ = false;
  last_sync_ = now;
  changed_.notify_all();
}

void AofWriter::RunSyncer() {
  const ThreadMemory memory;
  Guard lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopped_ || job_ || room_job_.file != nullptr; });
    if (stopped_ && !job_) return;
    if (!job_) {
      const RoomJob job = std::exchange(room_job_, {});
      making_room_ = true;
      lock.unlock();
      job.file->Reserve(job.room, job.ticket).IgnoreError();  // Appending tells.
      lock.lock();
      making_room_ = false;
      continue;
    }
    const AofAppender::SyncJob job = *std::exchange(job_, std::nullopt);
    lock.unlock();
    const Instant began = steady_clock::now();
    const absl::Status status = job.file->Sync();
    lock.lock();
    EndSync(job, status, began);
    bell_.Ring();
  }
}

void AofWriter::EndSync(const AofAppender::SyncJob& job, const absl::Status& status,
                        Instant began) {
  if (options_.sync_times != nullptr) {
    const auto took = std::chrono::duration_cast<Micros>(steady_clock::now() - began);
    options_.sync_times->Record(static_cast<uint64_t>(took.count()));
  }
  syncing_ = false;
  sync_failed_ = !status.ok();
  Note(appender_->EndSync(job, status));
  PublishStatus();
  changed_.notify_all();
}

void AofWriter::Note(const absl::Status& status) {
  const bool was_healthy = healthy();
  if (!status.ok()) {
    const std::lock_guard lock(published_mutex_);
    published_.error = std::string(status.message());
  }
  const bool is_healthy = status.ok() && !sync_failed_;
  healthy_.store(is_healthy, std::memory_order_relaxed);
  if (was_healthy && !is_healthy) {
    LogWarning("The append-only file can't be written; trying on",
               {{"error", Std(status.message())}});
  } else if (!was_healthy && is_healthy) {
    LogNotice("The append-only file can be written again");
  }
}

absl::Status AofWriter::Ending(Guard& lock) {
  changed_.wait(lock, [&] { return !syncing_; });
  if (!appender_) return absl::OkStatus();
  for (bool more = true; more;) {
    const absl::StatusOr<bool> wrote = appender_->Write();
    Note(wrote.status());
    if (!wrote.ok()) return wrote.status();
    more = *wrote;
  }
  const absl::Status status = appender_->Finish();
  Note(status);
  return status;
}

}  // namespace henge::persistence
