// SPDX-License-Identifier: Apache-2.0
#include "server/persistence/journaling.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/strings.h"
#include "persistence/aof/command_base.h"
#include "persistence/snapshot/snapshot_file.h"
#include "server/node.h"
#include "server/persistence/aof_loader.h"
#include "server/session.h"

namespace henge::server {

using persistence::AofWriter;
using persistence::BaseFormat;
using persistence::CommitMark;

namespace {

constexpr int kTurnOffMs = 2000;
// After a rewrite failed: a while that doubles with each failure beyond a few, as in Redis.
constexpr int64_t kRetrySoonMs = 1000;
constexpr uint64_t kFailuresForLimit = 3;
constexpr int64_t kLongestRetryMinutes = 60;

int64_t RetryMinutes(uint64_t failures) {
  if (failures < kFailuresForLimit) return 0;
  return std::min(int64_t{1} << std::min<uint64_t>(failures - kFailuresForLimit, 6),
                  kLongestRetryMinutes);
}

persistence::FsyncPolicy PolicyOf(AppendFsync when) {
  if (when == AppendFsync::kAlways) return persistence::FsyncPolicy::kAlways;
  return when == AppendFsync::kNever ? persistence::FsyncPolicy::kNo
                                     : persistence::FsyncPolicy::kEverySecond;
}

BaseFormat WantedFormat(const Settings& settings) {
  return settings.aof_use_rdb_preamble.load() ? BaseFormat::kRdb : BaseFormat::kAof;
}

persistence::AofWriterOptions WriterOptions(const Settings& settings,
                                            const std::atomic<int64_t>* write_delay_us) {
  persistence::AofWriterOptions options;
  options.policy = PolicyOf(settings.appendfsync.load());
  options.timestamps = settings.aof_timestamp_enabled.load();
  options.write_delay_us = write_delay_us;
  return options;
}

}  // namespace

Journaling::Journaling(Node& node) : node_(node), journal_(persistence::JournalLimits{}) {
  gate_.Publish(CommitMark::kDurable, persistence::CommitGate::kEverything);
}

Journaling::~Journaling() {
  if (turning_off_.joinable()) turning_off_.join();
  Stop();
}

persistence::AofFiles Journaling::Files() const {
  const Settings& settings = node_.parameters();
  return {persistence::PosixFileSystem(), settings.appenddirname.load(),
          settings.appendfilename.load()};
}

std::unique_ptr<AofWriter> Journaling::NewWriter(persistence::AofFiles files) {
  persistence::AofWriterOptions options =
      WriterOptions(node_.parameters(), &node_.debug().aof_flush_sleep_us);
  options.places = &places_;
  options.sync_times = &sync_times_;
  auto writer =
      std::make_unique<AofWriter>(std::move(files), journal_, &gate_, SystemClock(), options);
  writer->SetKeepHistory(node_.parameters().aof_disable_auto_gc.load());
  return writer;
}

BaseFormat Journaling::base_format() const {
  const std::lock_guard lock(mu_);
  return format_;
}

persistence::SnapshotOptions Journaling::BaseOptions(BaseFormat format) const {
  persistence::SnapshotOptions options = node_.saver().SnapshotOptions(/*aof_base=*/true);
  {
    const std::lock_guard lock(mu_);
    options.cancellation = cancellation_;
  }
  if (format == BaseFormat::kRdb) return options;
  // What becomes commands needs neither, and no deadline of a field may be lost.
  options.rdb.version = persistence::kRdbNewestVersion;
  options.rdb.compress = false;
  options.checksum = false;
  return options;
}

void Journaling::ShowBase(const persistence::Snapshot* base) {
  const std::lock_guard lock(mu_);
  if (base == nullptr) base_written_ = base_->progress();
  base_ = base;
}

absl::Status Journaling::WriteBase(persistence::Snapshot& snapshot, const std::string& path,
                                   BaseFormat format) {
  const Settings& settings = node_.parameters();
  const size_t slash = path.rfind('/');
  const std::string name = path.substr(slash + 1);
  std::optional<int64_t> second;
  if (settings.aof_timestamp_enabled.load()) second = SystemClock().NowMillis() / 1000;
  ShowBase(&snapshot);
  absl::Status written = persistence::WriteWholeFile(
      persistence::PosixFileSystem(),
      {.directory = path.substr(0, slash),
       .name = name,
       .temporary_name = name + ".part",
       .sync_in_steps = settings.aof_rewrite_incremental_fsync.load()},
      [&](persistence::ByteSink& file) {
        persistence::CommandBase commands(file, node_.store().settings().encodings, second);
        const bool rdb = format == BaseFormat::kRdb;
        persistence::ByteSink& to = rdb ? file : static_cast<persistence::ByteSink&>(commands);
        absl::Status status = snapshot.Write(to);
        return status.ok() && !rdb ? commands.Finish() : status;
      });
  ShowBase(nullptr);
  return written;
}

Lsn Journaling::OnUnit(std::span<const persistence::Effect> effects, Slot slot) {
  // A follower's journal is its leader's: what happens here besides is nobody else's business.
  const bool follows = node_.replication().follows();
  if (follows && !node_.replication().refuses_writes()) {
    node_.replication().own_keys().Note(effects);
  }
  const bool kept = (enabled() || replicating()) && !follows;
  return kept ? journal_.Append(effects, slot) : journal_.end();
}

void Journaling::UpdateListener() {
  node_.effect_listener().store(attached_ || replicating() ? this : nullptr);
}

void Journaling::SetReplicating(bool on) {
  replicating_.store(on);
  UpdateListener();
}

void Journaling::Listen(bool on) {
  const bool before = std::exchange(attached_, on);
  UpdateListener();
  if (on && !before) gate_.Reset(CommitMark::kDurable, journal_.end());
  enabled_.store(on);
  node_.settings().append_only.store(on, std::memory_order_relaxed);
  ApplyParameters();
}

absl::Status Journaling::Start(persistence::AofFiles files) {
  if (files.manifest().Loaded().empty()) {
    if (absl::Status status = ReplaceAll(files, WantedFormat(node_.parameters())); !status.ok()) {
      return status;
    }
  }
  std::shared_ptr<AofWriter> writer = NewWriter(std::move(files));
  if (absl::Status status = writer->Start(); !status.ok()) return status;
  {
    const std::lock_guard lock(mu_);
    writer_ = writer;
    policy_.reset();
  }
  Listen(true);
  return absl::OkStatus();
}

absl::Status Journaling::TurnOn() {
  if (enabled()) return absl::OkStatus();
  // In a transaction its own locks may be what the other thread waits for: so not for ever.
  for (int waited = 0; !turned_off_.load(); ++waited) {
    if (waited == kTurnOffMs) return absl::UnavailableError("It is being turned off");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  persistence::AofFiles files = Files();
  if (absl::Status status = persistence::PosixFileSystem().MakeDirectory(files.directory());
      !status.ok()) {
    return status;
  }
  if (absl::Status status = files.Load(); !status.ok()) return status;
  std::shared_ptr<AofWriter> writer = NewWriter(std::move(files));
  if (absl::Status status = writer->StartApart(); !status.ok()) return status;
  {
    const std::lock_guard lock(mu_);
    writer_ = std::move(writer);
    policy_.reset();
    scheduled_ = true;
  }
  beginning_.store(true);
  enabled_.store(true);
  node_.settings().append_only.store(true, std::memory_order_relaxed);
  Tick(SystemClock().NowMillis());
  return absl::OkStatus();
}

void Journaling::TurnOff() {
  if (!enabled_.exchange(false)) return;
  node_.settings().append_only.store(false, std::memory_order_relaxed);
  std::vector<ClientId> waiting;
  {
    const std::lock_guard lock(mu_);
    waiting.swap(await_begun_);
    TurnOffLocked();
  }
  TellBegun(waiting);
}

void Journaling::TurnOffLocked() {
  if (turning_off_.joinable()) turning_off_.join();
  scheduled_ = false;
  if (rewriting_) {
    LogNotice("Killing the AOF rewrite under way: it is no child process, and ends by itself");
    cancellation_->Cancel();
  }
  turned_off_.store(false);
  turning_off_ = std::thread([this, writer = std::exchange(writer_, nullptr)] {
    {
      store::LockSet locks(node_.store());
      locks.AddAll();
      locks.Lock();
      Listen(false);
    }
    StopWriter(writer.get());
    turned_off_.store(true);
    turned_off_.notify_all();
  });
}

void Journaling::Stop() {
  std::shared_ptr<AofWriter> writer;
  {
    const std::lock_guard lock(mu_);
    writer = std::move(writer_);
    scheduled_ = false;
    stopped_ = true;
    cancellation_->Cancel();
  }
  if (turning_off_.joinable()) turning_off_.join();
  const bool whole = StopWriter(writer.get());
  if (!whole || !replicating() || writer->status().apart) return;
  writer.reset();
  if (const absl::Status status = AnnotateEnd(); !status.ok()) {
    LogWarning("The append-only file does not tell its place in the replication history",
               {{"error", Std(status.message())}});
  }
}

absl::Status Journaling::AnnotateEnd() {
  persistence::AofFiles files = Files();
  if (absl::Status status = files.Load(); !status.ok()) return status;
  const auto position = ReadPosition(node_.replication().PositionFields());
  if (!position || files.manifest().increments.empty()) return absl::OkStatus();
  auto file =
      persistence::PosixFileSystem().Open(files.PathOf(files.manifest().increments.back().name),
                                          persistence::FileSystem::Opening::kExisting);
  if (!file.ok()) return file.status();
  const std::string line = FormatPosition(*position);
  const std::string_view piece = line;
  if (const auto appended = (*file)->Append({&piece, 1}); !appended.status.ok()) {
    return appended.status;
  }
  return (*file)->Sync();
}

bool Journaling::StopWriter(AofWriter* writer) {
  if (writer == nullptr) return false;
  const absl::Status status = writer->Stop();
  if (!status.ok()) {
    LogError("The append-only file lacks its end", {{"error", Std(status.message())}});
  }
  gate_.Publish(CommitMark::kDurable, persistence::CommitGate::kEverything);
  return status.ok();
}

void Journaling::TellWhenBegun(ClientId client) {
  const std::lock_guard lock(mu_);
  if (is_beginning()) await_begun_.push_back(client);
}

void Journaling::TellBegun(const std::vector<ClientId>& clients) {
  for (const ClientId client : clients) {
    node_.clients().RunOn(client, [](Session& session) { session.HoldForDisk(); });
  }
}

absl::Status Journaling::Drain() {
  std::shared_ptr<AofWriter> writer;
  {
    const std::lock_guard lock(mu_);
    writer = writer_;
  }
  return writer == nullptr ? absl::OkStatus() : writer->Drain();
}

std::string Journaling::error_reason() const {
  const std::lock_guard lock(mu_);
  return writer_ == nullptr ? "" : writer_->error_reason();
}

Journaling::RewriteStart Journaling::StartRewrite() {
  {
    const std::lock_guard lock(mu_);
    if (rewriting_ && !cancellation_->cancelled()) return RewriteStart::kBusy;
    scheduled_ = true;
  }
  Tick(SystemClock().NowMillis());
  const std::lock_guard lock(mu_);
  return scheduled_ ? RewriteStart::kScheduled : RewriteStart::kStarted;
}

absl::Status Journaling::Rewrite() {
  std::shared_ptr<AofWriter> writer;
  const UnixMillis began = SystemClock().NowMillis();
  {
    const std::lock_guard lock(mu_);
    if (stopped_) {
      rewriting_ = false;
      return absl::CancelledError("the server ends");
    }
    writer = writer_;
    rewriting_ = true;
    base_written_ = {};
    began_ = tried_ = began;
  }
  LogNotice("Background append only file rewriting started");
  const absl::Status status = writer != nullptr ? RewriteAttached(*writer) : RewriteDetached();
  NoteRewrite(status, began, writer.get());
  return status;
}

// What was asked for while one was being given up follows at once.
void Journaling::RunRewrites() {
  do {
    Rewrite().IgnoreError();
  } while (rewriting_now());
}

bool Journaling::rewriting_now() const {
  const std::lock_guard lock(mu_);
  return rewriting_;
}

absl::Status Journaling::RewriteAttached(AofWriter& writer) {
  const BaseFormat format = base_format();
  persistence::Snapshot snapshot(node_.store(), BaseOptions(format));
  {
    store::LockSet locks(node_.store());
    locks.AddAll();
    locks.Lock();
    if (!enabled()) return absl::CancelledError("the append-only file was turned off");
    snapshot.Begin(SystemClock().NowMillis());
    writer.BeginRewrite();
    if (!attached_) Listen(true);
  }
  absl::Status status = WriteBase(snapshot, writer.temporary_base(), format);
  if (!status.ok()) {
    writer.AbandonRewrite();
    return status;
  }
  return writer.FinishRewrite(format);
}

// While the file is off a base is written all the same, as Redis does.
absl::Status Journaling::RewriteDetached() {
  turned_off_.wait(false);  // Its writer may still change the manifest.
  persistence::AofFiles files = Files();
  absl::Status status = persistence::PosixFileSystem().MakeDirectory(files.directory());
  if (status.ok()) status = files.Load();
  if (!status.ok()) return status;
  return ReplaceAll(files, base_format());
}

absl::Status Journaling::ReplaceAll(persistence::AofFiles& files, BaseFormat format) {
  persistence::Snapshot snapshot(node_.store(), BaseOptions(format));
  {
    store::LockSet locks(node_.store());
    locks.AddAll();
    locks.Lock();
    snapshot.Begin(SystemClock().NowMillis());
  }
  absl::Status status = WriteBase(snapshot, files.TemporaryBasePath(), format);
  if (!status.ok()) return status;
  const auto installed =
      files.InstallBase(files.TemporaryBasePath(), format, files.manifest().increment_sequence + 1);
  return installed.ok() ? files.DeleteHistory() : installed.status();
}

void Journaling::NoteRewrite(const absl::Status& status, UnixMillis began,
                             const AofWriter* writer) {
  const UnixMillis now = SystemClock().NowMillis();
  int64_t retry_minutes;
  std::vector<ClientId> waiting;
  {
    const std::lock_guard lock(mu_);
    rewriting_ = false;
    if (status.ok() && writer != nullptr && writer == writer_.get()) {  // Else it was turned off.
      beginning_.store(false);
      waiting.swap(await_begun_);
    }
    last_ok_ = status.ok();
    last_seconds_ = (now - began) / 1000;
    failures_in_row_ = status.ok() ? 0 : failures_in_row_ + 1;
    retry_minutes = RetryMinutes(failures_in_row_);
    if (status.ok()) ++rewrites_;
    if (std::exchange(scheduled_, false) && !stopped_) BeginRewriting();
    ApplyPolicy();
  }
  TellBegun(waiting);
  if (status.ok()) {
    LogNotice("Background AOF rewrite finished successfully", {{"ms", now - began}});
  } else {
    LogWarning("Background AOF rewrite terminated with an error",
               {{"error", Std(status.message())}});
    if (retry_minutes > 0) {
      LogWarning(
          fmt::format("Background AOF rewrite has repeatedly failed and triggered the "
                      "limit, will retry in {} minutes",
                      retry_minutes));
    }
  }
}

bool Journaling::IsRewriteDue() const {
  if (scheduled_) return true;
  if (writer_ == nullptr || rewriting_) return false;
  const int64_t retry_ms = std::max(RetryMinutes(failures_in_row_) * 60'000, kRetrySoonMs);
  if (!last_ok_ && SystemClock().NowMillis() - tried_ < retry_ms) return false;
  const Settings& settings = node_.parameters();
  const persistence::AofStatus status = writer_->status();
  if (status.apart) return true;  // Its first base could not be written.
  const int64_t percentage = settings.auto_aof_rewrite_percentage.load();
  if (percentage == 0) return false;
  const auto least = static_cast<uint64_t>(settings.auto_aof_rewrite_min_size.load());
  const uint64_t base = std::max<uint64_t>(1, status.base_bytes);
  return status.current_bytes > least && status.current_bytes > base &&
         (status.current_bytes - base) * 100 / base >= static_cast<uint64_t>(percentage);
}

void Journaling::Tick(UnixMillis) {
  const std::lock_guard lock(mu_);
  healthy_.store(writer_ == nullptr || writer_->healthy(), std::memory_order_relaxed);
  ApplyPolicy();
  if (!IsRewriteDue() || rewriting_) return;
  if (!node_.saver().StartOther([this] { RunRewrites(); })) return;
  scheduled_ = false;
  BeginRewriting();
}

// What the parameters say now holds for the whole rewrite.
void Journaling::BeginRewriting() {
  rewriting_ = true;
  cancellation_ = std::make_shared<persistence::Cancellation>();
  ApplyPolicy();
  format_ = WantedFormat(node_.parameters());
  began_ = tried_ = SystemClock().NowMillis();
}

// With no-appendfsync-on-rewrite the disk is left to the snapshot as long as one is written.
// `everysec` promises that a second or two are lost at most: when the disk does not keep up,
// replies wait for it until it does.
void Journaling::ApplyPolicy() {
  const Settings& settings = node_.parameters();
  persistence::FsyncPolicy policy = PolicyOf(settings.appendfsync.load());
  if (settings.no_appendfsync_on_rewrite.load() && (rewriting_ || node_.saver().report().running)) {
    policy = persistence::FsyncPolicy::kNo;
  }
  const bool late = policy == persistence::FsyncPolicy::kEverySecond && writer_ != nullptr &&
                    writer_->status().sync_late;
  const bool holds = policy == persistence::FsyncPolicy::kAlways || late;
  const bool held = holds_replies_.exchange(enabled() && holds);
  if (writer_ != nullptr && policy != std::exchange(policy_, policy)) writer_->SetPolicy(policy);
  if (!held && late) {
    LogWarning("The disk is slow: a sync takes longer than a second; replies wait for it");
  }
}

void Journaling::ApplyParameters() {
  const Settings& settings = node_.parameters();
  const std::lock_guard lock(mu_);
  ApplyPolicy();
  if (writer_ == nullptr) return;
  writer_->SetTimestamps(settings.aof_timestamp_enabled.load());
  writer_->SetKeepHistory(settings.aof_disable_auto_gc.load());
}

Journaling::Report Journaling::report() const {
  const UnixMillis now = SystemClock().NowMillis();
  const std::lock_guard lock(mu_);
  Report report;
  report.rewriting = rewriting_;
  report.scheduled = scheduled_;
  report.last_rewrite_ok = last_ok_;
  report.last_rewrite_seconds = last_seconds_;
  report.current_rewrite_seconds = rewriting_ ? (now - began_) / 1000 : -1;
  report.rewrites = rewrites_;
  report.failures_in_row = failures_in_row_;
  if (writer_ != nullptr) report.file = writer_->status();
  if (rewriting_) report.progress = base_ != nullptr ? base_->progress() : base_written_;
  return report;
}

}  // namespace henge::server
