// SPDX-License-Identifier: Apache-2.0
// Saver: the node's RDB file: BGSAVE, SAVE, the `save` points, the save at shutdown.
//
// One snapshot at a time, each on a thread of its own. Any thread may ask; nobody waits but who
// calls SaveAndWait. What INFO shows is kept here.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/types.h"
#include "persistence/save_points.h"
#include "persistence/snapshot/snapshot.h"

namespace henge::server {

class Node;

class Saver {
 public:
  explicit Saver(Node& node) : node_(node) {}
  ~Saver();  // Waits for a snapshot under way.
  Saver(const Saver&) = delete;
  Saver& operator=(const Saver&) = delete;

  using Done = std::function<void(const absl::Status&)>;
  // False, and `done` is not called, while another snapshot is under way. `done` (which may be
  // empty) is called by the snapshot's thread.
  bool Start(Done done);
  // Another job that takes a snapshot, by the snapshots' thread; false as above.
  bool StartOther(std::function<void()> job);
  // As soon as what is under way has ended. No shard may be locked by the caller in any of these.
  void Schedule();
  // `given_up` says whether it is still wanted; who changes its mind later calls CancelAll.
  absl::Status SaveAndWait(absl::FunctionRef<bool()> given_up);
  // The same to a file while the caller holds every shard's lock, for DEBUG RELOAD.
  absl::Status SaveLocked();

  // The data set was emptied: a snapshot under way is of no use, and where there are save points
  // the file is written anew, so that what was thrown away does not come back. Then true, and
  // `done` is called when that has ended. A shard may be locked by the caller.
  bool NoteFlush(Done done);
  enum class Cancelled : uint8_t { kRunning, kScheduled, kNothing };
  Cancelled CancelSave();  // Of BGSAVE, or what was scheduled.
  // Whatever takes a snapshot ends soon and without one.
  void CancelAll();
  // Under which the file is written until it is whole.
  std::string TemporaryName() const;

  // Each 100 ms: starts what was scheduled, or what the save points ask for.
  void Tick(UnixMillis now);

  struct Report {
    bool running = false;
    bool scheduled = false;
    bool last_ok = true;
    int64_t last_save = 0;      // Unix seconds of the last success, or of the start.
    int64_t last_seconds = -1;  // The last one's duration.
    int64_t current_seconds = -1;
    uint64_t saves = 0;
    uint64_t jobs = 0;         // Begun: what Redis would have forked for.
    uint64_t changes = 0;      // Since the last success.
    uint64_t last_copied = 0;  // Bytes that writers copied for the last one.
    persistence::SnapshotProgress progress;
  };
  Report report() const;
  // What the parameters say of a file that is written now.
  persistence::SnapshotOptions SnapshotOptions(bool aof_base) const;
  // Whether writes are to be refused, as what they change could not be saved.
  bool refuses_writes() const { return refuses_writes_.load(std::memory_order_relaxed); }
  // The data set was replaced by what is in the file.
  void NoteLoaded();
  bool has_save_points() const {
    const std::lock_guard lock(mu_);
    return !save_points_.empty();
  }
  void ApplyParameters();  // Of stop-writes-on-bgsave-error and `save`.

 private:
  // A snapshot that has begun.
  struct Moment {
    std::shared_ptr<persistence::Snapshot> snapshot;
    uint64_t changes = 0;
    std::vector<Done> flushes;  // Who waits for it.
  };
  Moment TakeMoment();  // Locks all shards.
  void Run(Done done, Moment moment);
  absl::Status Write(const Moment& moment);
  void Finish(const absl::Status& status, uint64_t changes);
  // With the mutex held. The first takes the moment later, as a shard may be locked.
  void Begin(Done done);
  void Occupy();
  void Note(const absl::Status& status, uint64_t changes, UnixMillis now);
  void UpdateRefusal();
  uint64_t Changes() const;
  bool IsDue(UnixMillis now) const;

  Node& node_;
  mutable std::mutex mu_;  // Of all below.
  std::thread thread_;
  std::shared_ptr<persistence::Snapshot> snapshot_;          // Under way, once it has begun.
  std::shared_ptr<persistence::Cancellation> cancellation_;  // Of the job that occupies it.
  std::vector<Done> flushes_;  // Who waits for a snapshot that begins from now on.
  persistence::SavePoints save_points_;
  uint64_t jobs_ = 0;
  bool occupied_ = false;  // By any job;
  bool running_ = false;   // by one that writes the RDB file.
  bool scheduled_ = false;
  bool emptied_ = false;  // What is under way is cancelled, as the data set was emptied.
  bool last_ok_ = true;
  UnixMillis started_ = 0;
  UnixMillis tried_ = 0;
  UnixMillis last_save_ = 0;  // 0: never.
  int64_t last_seconds_ = -1;
  uint64_t saves_ = 0;
  uint64_t last_copied_ = 0;
  uint64_t saved_changes_ = 0;  // Changes() as of the last success.
  std::atomic<bool> refuses_writes_{false};
};

}  // namespace henge::server
