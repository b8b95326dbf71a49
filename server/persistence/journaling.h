// SPDX-License-Identifier: Apache-2.0
// Journaling: the node's journal and its append-only file: who listens to effects, what a reply
// waits for, when the file is rewritten.
//
//   workers ── OnUnit ──> Journal ──> AofWriter ──> files
//                                        └── CommitGate ──> each worker's CommitQueue ──> replies
//
// Turning the file on or off happens under all shard locks. Rewrites share the one place for
// snapshots with BGSAVE (Saver). Any thread; nothing here waits for the disk but Start and Stop,
// which no worker calls.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/types.h"
#include "persistence/aof/aof_writer.h"
#include "persistence/aof/stream_places.h"
#include "persistence/effect_listener.h"
#include "persistence/journal/commit_gate.h"
#include "persistence/journal/journal.h"
#include "persistence/snapshot/cancellation.h"
#include "persistence/snapshot/snapshot.h"

namespace henge::server {

class Node;

class Journaling final : public persistence::EffectListener {
 public:
  explicit Journaling(Node& node);
  ~Journaling() override;

  // --- For workers ---
  Lsn OnUnit(std::span<const persistence::Effect> effects, Slot slot) override;
  persistence::Journal& journal() { return journal_; }
  persistence::CommitGate& gate() { return gate_; }
  // Where what is in the journal stands in the replication history, if that is known.
  persistence::StreamPlaces& places() { return places_; }
  // Whether replies wait for the disk: appendfsync always, or everysec and the disk is too slow.
  bool holds_replies() const { return holds_replies_.load(std::memory_order_relaxed); }
  // Behind the locks, once for what was appended.
  void WakeReaders() { journal_.WakeReaders(); }
  // Whether those who are about to write may.
  bool has_room() const { return journal_.HasRoom(); }
  // How long the file's syncs take.
  const persistence::WaitHistogram& sync_times() const { return sync_times_; }
  // Whether the file takes what is written; else why not.
  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }
  std::string error_reason() const;

  // --- For replication ---
  // Whether followers may ask for what happens. REQUIRES: all shards are locked.
  void SetReplicating(bool on);
  bool replicating() const { return replicating_.load(std::memory_order_relaxed); }

  // --- The append-only file ---
  bool enabled() const { return enabled_.load(std::memory_order_relaxed); }
  // Whether it was turned on and its first base is not written yet: nothing would be loaded.
  bool is_beginning() const { return enabled() && beginning_.load(std::memory_order_relaxed); }
  // If so, that client's session is told when that is over, or the file turned off.
  void TellWhenBegun(ClientId client);
  // What was loaded from `files` goes on there. REQUIRES: nobody is served yet.
  absl::Status Start(persistence::AofFiles files);
  // At run time: the file is in use once its base is written, which follows.
  absl::Status TurnOn();
  // At once; what is in the journal goes to the disk by a thread of its own, which needs all shards
  // for a moment.
  void TurnOff();
  void WaitUntilOff() { turned_off_.wait(false); }
  // What is in the journal is on the disk afterwards.
  void Stop();
  // Waits until what is in the journal is in the files that would be loaded. An error if that can't
  // be now. For DEBUG LOADAOF, with all shards locked.
  absl::Status Drain();
  // False: refused, as one is under way. Scheduled if a snapshot is.
  enum class RewriteStart : uint8_t { kStarted, kScheduled, kBusy };
  RewriteStart StartRewrite();
  void Tick(UnixMillis now);  // Each 100 ms.
  void ApplyParameters();

  struct Report {
    bool rewriting = false;
    bool scheduled = false;
    bool last_rewrite_ok = true;
    int64_t last_rewrite_seconds = -1;
    int64_t current_rewrite_seconds = -1;
    uint64_t rewrites = 0;
    uint64_t failures_in_row = 0;
    std::optional<persistence::AofStatus> file;
    persistence::SnapshotProgress progress;  // Of the rewrite under way.
  };
  Report report() const;

 private:
  persistence::AofFiles Files() const;
  std::unique_ptr<persistence::AofWriter> NewWriter(persistence::AofFiles files);
  void TurnOffLocked();  // With the mutex held.
  bool StopWriter(persistence::AofWriter* writer);
  // The file's end tells where it stands in its replication history.
  absl::Status AnnotateEnd();
  // With all shards locked, or before anybody is served.
  void Listen(bool on);
  void UpdateListener();
  void ApplyPolicy();  // With the mutex held, as the next.
  bool IsRewriteDue() const;
  void RunRewrites();  // On the snapshots' thread.
  absl::Status Rewrite();
  bool rewriting_now() const;
  absl::Status RewriteAttached(persistence::AofWriter& writer);
  void TellBegun(const std::vector<ClientId>& clients);
  absl::Status RewriteDetached();
  void BeginRewriting();  // With the mutex held.
  persistence::BaseFormat base_format() const;
  persistence::SnapshotOptions BaseOptions(persistence::BaseFormat format) const;
  void ShowBase(const persistence::Snapshot* base);  // Null: it is written.
  absl::Status WriteBase(persistence::Snapshot& snapshot, const std::string& path,
                         persistence::BaseFormat format);
  // A base of what the store holds, which takes the place of all there was.
  absl::Status ReplaceAll(persistence::AofFiles& files, persistence::BaseFormat format);
  // `writer`: whose base it was; null while the file is off.
  void NoteRewrite(const absl::Status& status, UnixMillis began,
                   const persistence::AofWriter* writer);

  Node& node_;
  persistence::Journal journal_;
  persistence::CommitGate gate_;
  persistence::StreamPlaces places_;
  persistence::WaitHistogram sync_times_;
  std::atomic<bool> enabled_{false};
  std::atomic<bool> beginning_{false};
  std::atomic<bool> replicating_{false};
  bool attached_ = false;  // The file gets what happens. With all shards locked.
  std::atomic<bool> holds_replies_{false};
  std::atomic<bool> healthy_{true};
  mutable std::mutex mu_;  // Of all below.
  std::shared_ptr<persistence::AofWriter> writer_;
  std::optional<persistence::FsyncPolicy> policy_;  // What the writer was told.
  std::vector<ClientId> await_begun_;
  std::thread turning_off_;
  std::atomic<bool> turned_off_{true};  // It has ended.
  // Of the rewrite under way, or the last one.
  std::shared_ptr<persistence::Cancellation> cancellation_ =
      std::make_shared<persistence::Cancellation>();
  bool stopped_ = false;
  const persistence::Snapshot* base_ = nullptr;   // Being written;
  persistence::SnapshotProgress base_written_{};  // behind that.
  bool scheduled_ = false;
  bool rewriting_ = false;
  persistence::BaseFormat format_ = persistence::BaseFormat::kRdb;  // Of the base being written.
  bool last_ok_ = true;
  UnixMillis began_ = 0;
  UnixMillis tried_ = 0;
  int64_t last_seconds_ = -1;
  uint64_t rewrites_ = 0;
  uint64_t failures_in_row_ = 0;
};

}  // namespace henge::server
