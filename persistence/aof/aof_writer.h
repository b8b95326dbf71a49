// SPDX-License-Identifier: Apache-2.0
// AofWriter: the threads that keep a node's AOF. The *writer* moves what the journal has to the
// file; the *syncer* calls fdatasync for the policy `everysec`, so that a slow disk does not hold
// up writing. No worker ever writes or syncs.
//
//   always      write ─ sync ─ write ─ sync …: one sync serves all who wait (group commit); who was
//               just released has half a sync's time to come back and share the next
//   everysec    write as it comes; the syncer once a second
//   no          write as it comes; synced when an increment ends, and at the end
//
// Errors are a state: healthy() is false, nothing is lost (the journal keeps it, until it has no
// room), and the writer tries again each retry interval until the disk lets it.
//
// No call but Start, StartApart, Stop, FinishRewrite, AbandonRewrite and manifest ever waits for
// the disk: the others are for workers, and may come under shard locks.
//
// A rewrite is: BeginRewrite under all shard locks; a snapshot to temporary_base(); FinishRewrite,
// or AbandonRewrite. One at a time.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "persistence/aof/aof_appender.h"
#include "persistence/aof/aof_files.h"
#include "persistence/journal/commit_gate.h"
#include "persistence/journal/doorbell.h"
#include "persistence/journal/journal.h"
#include "persistence/journal/wait_histogram.h"

namespace henge::persistence {

struct AofWriterOptions {
  FsyncPolicy policy = FsyncPolicy::kEverySecond;
  bool timestamps = false;  // aof-timestamp-enabled
  // Without `always`, the writer leaves a while between two writes, so that it costs the workers
  // few wake-ups; what a crash of the process may lose is as little.
  std::chrono::microseconds gather{1000};
  std::chrono::microseconds sync_interval{1'000'000};
  std::chrono::microseconds retry{100'000};
  // With `always`: room is made behind the file once syncs take so long in the mean.
  std::chrono::microseconds room_from{500};
  // For tests: what the writer sleeps before each write. It outlives the writer; null for nothing.
  const std::atomic<int64_t>* write_delay_us = nullptr;
  // Of what the journal has; outlives the writer. Null: the files need not say where they stand.
  const StreamPlaces* places = nullptr;
  // Where it is noted how long syncs take, one at a time; outlives the writer. Null: nowhere.
  WaitHistogram* sync_times = nullptr;
  // More than that, and the syncer does not wait for its second.
  uint64_t sync_bytes = uint64_t{64} << 20;
};

struct AofStatus {
  bool apart = false;  // Turned on, but without a base yet: not loadable.
  bool healthy = true;
  std::string error;           // The last error in full, also when it is over.
  uint64_t current_bytes = 0;  // aof_current_size: all files that would be loaded.
  uint64_t base_bytes = 0;     // aof_base_size: the same, after the last rewrite or the start.
  uint64_t buffer_bytes = 0;   // aof_buffer_length: not written yet.
  uint64_t delayed_syncs = 0;  // aof_delayed_fsync: a sync was due, and the last one not done.
  bool sync_pending = false;   // aof_pending_bio_fsync
  // The sync under way takes so long that the next one is about to be due.
  bool sync_late = false;
  Lsn durable = 0;
};

class AofWriter {
 public:
  // `gate` may be null. All of them outlive this. `files` has been loaded.
  AofWriter(AofFiles files, Journal& journal, CommitGate* gate, const Clock& clock,
            const AofWriterOptions& options);
  // Stops.
  ~AofWriter();
  AofWriter(const AofWriter&) = delete;
  AofWriter& operator=(const AofWriter&) = delete;

  // After recovery, before there are writes: goes on with the last increment, or makes the first.
  // A node without a base installs one before (AofFiles::InstallBase), so that its parts are
  // numbered as Redis's.
  absl::Status Start();
  // At run time: prepares an increment that stands apart. The next BeginRewrite attaches it.
  absl::Status StartApart();
  // Writes and syncs what is there, then ends the threads. The first error, if it did not get all
  // of it to the disk: it tries once. Not by a worker.
  absl::Status Stop();

  // Waits until what is in the journal now is in files that the manifest names; without a base
  // there are none, and nothing to wait for. An error if the disk does not take it. For tests: it
  // waits for the disk.
  absl::Status Drain();

  // With all shard locks held; quick. What is appended from now on goes to a new increment; the
  // snapshot has everything before the LSN that it returns.
  Lsn BeginRewrite();
  std::string temporary_base() const { return temporary_base_; }
  // The base is written: puts it in its place and deletes what it replaces. Waits until the writer
  // has moved to the new increment. Not by a worker.
  absl::Status FinishRewrite(BaseFormat format);
  // There will be no base. The new increment stays as one more.
  void AbandonRewrite();

  void SetPolicy(FsyncPolicy policy);
  void SetTimestamps(bool on);
  // aof-disable-auto-gc, for tests: history stays until it is turned off. Then waits a moment for
  // the manifest that names none.
  void SetKeepHistory(bool keep);

  // Whether what was written last got through. One load.
  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }
  // What MISCONF tells: "No space left on device".
  std::string error_reason() const;
  AofStatus status() const;
  AofManifest manifest() const;

 private:
  using Guard = std::unique_lock<std::mutex>;
  using Micros = std::chrono::microseconds;
  using Instant = std::chrono::steady_clock::time_point;

  void Attach(std::unique_ptr<JournalReader> reader, AofFiles::Increment increment);
  std::unique_ptr<JournalReader> NewReader();
  void ApplyOptions();
  void StartThreads();
  void RunWriter();
  void RunSyncer();
  Micros Round(Guard& lock);
  Micros Idle(Instant now);
  Micros UntilGroup(Instant now) const;
  void DelayWrite(Guard& lock);
  void SyncHere(Guard& lock);
  void MakeRoom();
  bool RoomPays();
  bool SyncForHeld(Guard& lock);
  void SyncApart(Instant now);
  absl::Status Ending(Guard& lock);
  void EndSync(const AofAppender::SyncJob& job, const absl::Status& status, Instant began);
  void Note(const absl::Status& status);
  void PurgeHistory(Guard& lock);
  void CountFiles();
  void PublishStatus();
  Instant SyncDue() const;

  AofFiles files_;
  Journal& journal_;
  CommitGate* const gate_;
  const Clock& clock_;
  const std::string temporary_base_;
  const AofWriterOptions options_;
  std::atomic<FsyncPolicy> policy_;
  std::atomic<bool> timestamps_;
  std::atomic<bool> keep_history_{false};
  std::atomic<bool> purge_{false};  // History need not be kept any more.
  Doorbell bell_;                   // Wakes the writer.

  // Under mutex_, which no worker takes on a command's way.
  mutable std::mutex mutex_;
  std::condition_variable changed_;  // A job for the syncer or its end, a cut reached, the end.
  std::optional<AofAppender> appender_;
  std::optional<AofFiles::Increment> apart_;  // Opened by StartApart, not attached yet.
  std::optional<AofAppender::SyncJob> job_;   // For the syncer to take.
  bool syncing_ = false;                      // Anyone.
  struct RoomJob {
    std::shared_ptr<File> file;
    uint64_t room = 0;
    uint64_t ticket = 0;
  };
  RoomJob room_job_;  // For the syncer to take, if it has a file.
  bool making_room_ = false;
  // Of appended data, the mean of the last few syncs; and the increment for which room pays.
  Micros mean_sync_{0};
  int syncs_ = 0;
  int64_t roomy_sequence_ = -1;
  bool sync_failed_ = false;  // Until one gets through.
  int draining_ = 0;          // Who waits for the next write.
  bool stopping_ = false;
  bool stopped_ = false;
  Instant last_sync_{};
  Instant sync_ended_{};  // Of `always`, as the two below.
  Micros sync_took_{0};
  static constexpr Lsn kNobodyHeld = ~Lsn{0};
  Lsn held_until_ = 0;        // Where the journal ended when `always` did; kNobodyHeld under it.
  uint64_t group_bytes_ = 0;  // What was under way when it ended: just synced, or waiting.
  bool delay_counted_ = false;
  uint64_t delayed_syncs_ = 0;
  uint64_t other_bytes_ = 0;  // Of the files that are loaded before the one that is written.
  uint64_t base_bytes_ = 0;
  absl::Status final_status_;

  // A copy for those who must not wait, and how far the journal was written then. Its lock is held
  // for a copy only.
  mutable std::mutex published_mutex_;
  AofStatus published_;
  Instant published_sync_{};  // When the sync under way began.
  Lsn published_lsn_ = 0;
  bool published_attached_ = false;

  std::atomic<bool> attached_{false};  // appender_ is there, and stays.
  std::atomic<bool> healthy_{true};
  std::thread writer_;
  std::thread syncer_;
};

}  // namespace henge::persistence
