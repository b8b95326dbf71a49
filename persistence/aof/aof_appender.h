// SPDX-License-Identifier: Apache-2.0
// AofAppender: the steps of writing an AOF, without threads: what the journal has goes to the last
// increment; at a cut, to the next one.
//
//   journal   ──────held────────written──────cut───────── end
//                    │             │          └ where the next increment begins
//                    │             └ in the file, perhaps only in the kernel's cache
//                    └ released: synced (or, with the policy `no`, written)
//
// Whatever fails changes nothing but the file's tail, which is cut before the next try; since the
// journal keeps what was not synced, a failed sync is mended by writing it all again: the kernel
// may have dropped the pages, and a second fsync would lie.
//
// With the policy `always` small records go into room that was made behind the file's end
// (File::Reserve), which saves each sync the file system's own journal. Until they are synced any
// sectors of them may be on the disk and others still be zeros: so a record there is no longer than
// a sector, whose loss AofParser sees, and no more than kMostInRoom bytes are under way at once.
//
// The file also says where its records stand in the stream that they are of (StreamPlaces): where a
// file begins, where that changes, and where bytes of the stream are left out.
//
// One thread at a time, but for Mark and the setters: any thread.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/types.h"
#include "persistence/aof/aof_files.h"
#include "persistence/aof/stream_places.h"
#include "persistence/file.h"
#include "persistence/journal/commit_gate.h"
#include "persistence/journal/journal.h"

namespace henge::persistence {

enum class FsyncPolicy : uint8_t { kAlways, kEverySecond, kNo };

class AofAppender {
 public:
  static constexpr Lsn kNoCut = ~Lsn{0};
  static constexpr uint64_t kStepBytes = uint64_t{4} << 20;
  static constexpr uint64_t kLongestInRoom = 512;

  // What is to be synced; its file lives as long.
  struct SyncJob {
    std::shared_ptr<File> file;
    Lsn lsn = 0;
    uint64_t size = 0;
  };

  // `reader` is a mandatory one, of a place as Cut makes it. `gate` and `places` may be null.
  AofAppender(AofFiles& files, CommitGate* gate, const Clock& clock,
              std::unique_ptr<JournalReader> reader, AofFiles::Increment increment,
              const StreamPlaces* places = nullptr);

  // Called before the gate hears what is durable: who is let through by that finds it told.
  void SetTeller(std::function<void()> tell) { tell_ = std::move(tell); }
  void SetPolicy(FsyncPolicy policy) { policy_.store(policy, std::memory_order_relaxed); }
  FsyncPolicy policy() const { return policy_.load(std::memory_order_relaxed); }
  void SetTimestamps(bool on) { timestamps_.store(on, std::memory_order_relaxed); }
  // What the journal has from `cut` on goes to a new increment. Nothing behind `cut` may have been
  // appended yet.
  void Mark(Lsn cut) { cut_.store(cut, std::memory_order_release); }
  // Takes the mark away if it was not reached yet.
  void Unmark() { cut_.store(kNoCut, std::memory_order_release); }
  bool marked() const { return cut_.load(std::memory_order_acquire) != kNoCut; }

  // One step: mends the file, moves on at a cut, writes a batch. False: there was nothing to do, or
  // it must wait for EndSync.
  absl::StatusOr<bool> Write();

  // What was written and not synced, if no other sync is under way: the kernel tells an error to
  // one caller only. Then file->Sync() by any thread, then EndSync with its result, which it
  // returns.
  std::optional<SyncJob> BeginSync();
  absl::Status EndSync(const SyncJob& job, absl::Status status);
  // All three in one.
  absl::Status Sync();
  // How much room the file should have: more than it has, if Reserve is worth calling; else 0.
  uint64_t WantedRoom() const;
  const std::shared_ptr<File>& file() const { return file_; }
  // Syncs, and drops the room: nothing is written there any more.
  absl::Status Finish();

  // Whether the increment stands apart, outside the manifest (AofFiles::StartApart).
  bool apart() const { return sequence_ == 0; }
  // It has been put into the manifest.
  void Join(int64_t sequence) { sequence_ = sequence; }
  // Of the increment that is written now.
  int64_t sequence() const { return sequence_; }
  uint64_t size() const { return size_; }
  Lsn written() const { return written_; }
  Lsn synced() const { return synced_; }
  Lsn held() const { return held_; }
  bool unsynced() const { return written_ != synced_ || size_ != synced_size_ || mend_; }
  JournalReader& reader() { return *reader_; }

 private:
  absl::Status Mend();
  absl::Status MoveOn();
  const JournalBatch& ReadBatch();
  absl::StatusOr<bool> WriteBatch(const JournalBatch& batch);
  void GatherPieces(const JournalBatch& batch);
  void GatherSelect(const JournalBatch& batch);
  void GatherRecord(const Record& record);
  // Whether the file must say where what comes next stands, before there is more to write.
  bool IsPlaceDue() const;
  void GatherPlace(Lsn lsn);
  void AddLine(std::string line);
  bool FitsRoom(const JournalBatch& batch, uint64_t bytes);
  absl::Status DropRoom();
  // After a sync failed: what it was about must be written again.
  absl::Status Lost(absl::Status status);
  void Hold(Lsn lsn, uint64_t size);

  AofFiles& files_;
  CommitGate* const gate_;
  const Clock& clock_;
  const StreamPlaces* const places_;
  const std::unique_ptr<JournalReader> reader_;
  std::function<void()> tell_ = [] {};
  std::atomic<FsyncPolicy> policy_{FsyncPolicy::kEverySecond};
  std::atomic<bool> timestamps_{false};
  std::atomic<Lsn> cut_{kNoCut};

  std::shared_ptr<File> file_;
  int64_t sequence_;
  uint64_t size_;      // Of whole records; more may be in the file while torn_.
  uint64_t head_ = 0;  // So much of its beginning has no records.
  bool torn_ = false;
  Lsn written_;
  Lsn synced_;
  Lsn held_;
  uint64_t held_size_;     // The file's size when it was written up to held_,
  uint64_t synced_size_;   // and up to synced_.
  bool room_cut_ = false;  // But not yet on the disk.
  bool mend_ = false;      // What is behind held_ must be written again.
  bool syncing_ = false;
  uint64_t no_room_until_ = 0;  // The file's size up to which room is not worth making.

  std::vector<std::string_view> pieces_;
  std::deque<std::string> lines_;  // Annotations that are among them.
  std::string select_;             // That stands before a follower's first record in a file.
  // What a reader of the file would take for the place of its end; nothing: that is not known.
  std::optional<StreamPlace> told_;
  int64_t annotated_second_ = 0;
  int64_t known_second_;  // What is read next was appended in this second or later.
};

}  // namespace henge::persistence
