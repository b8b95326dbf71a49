// SPDX-License-Identifier: Apache-2.0
// Wal: what a Raft must not forget, in a directory of its own: segments of batches (wal_format.h)
// and the newest snapshot. Once Write has returned OK for a Ready with must_sync, it is on the
// disk.
//
//   Write      appends one batch, and syncs
//   Compact,   snapshot file under another name, synced, renamed, directory synced; then a new
//   a Ready's    segment that begins with a checkpoint (snapshot, hard state, the entries behind
//   snapshot     it), synced; then what is older is removed
//   Open       reads from the newest checkpoint on, then begins a segment as Compact does
//
// So each moment has a whole state on the disk. Damage is refused with file and offset; a torn end
// is passed over and told. After a failed append the file is cut back and the same Ready may be
// written again (a full disk); after a failed sync the Wal is of no use any more, since nobody
// knows what is on the disk: only Open tells.
//
// One thread.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cluster/consensus/raft.h"
#include "cluster/consensus/wal_format.h"
#include "persistence/file.h"

namespace henge::consensus {

struct WalOptions {
  std::string directory;
  uint64_t segment_bytes = 8 << 20;  // A larger segment is followed by another.
};

class Wal {
 public:
  struct Opened {
    std::unique_ptr<Wal> wal;
    Saved saved;
    bool fresh = false;  // There was nothing.
    std::string torn;    // Not empty: what was passed over, for people.
  };
  // In an empty directory it begins with `first`.
  static absl::StatusOr<Opened> Open(persistence::FileSystem& files, const WalOptions& options,
                                     SnapshotPtr first);

  absl::Status Write(const Ready& ready);
  // `tail` is what the disk has behind the snapshot.
  absl::Status Compact(const Snapshot& snapshot, std::span<const Entry> tail);

 private:
  struct Found;
  Wal(persistence::FileSystem& files, WalOptions options);
  absl::StatusOr<Found> Read(std::string& torn);
  absl::StatusOr<std::vector<uint64_t>> Segments();
  absl::StatusOr<SegmentContents> ReadOne(uint64_t segment, bool last);
  absl::Status Begin(const Snapshot& snapshot, std::span<const Entry> entries);
  absl::Status WriteSnapshot(const Snapshot& snapshot, const std::string& name);
  absl::Status StartSegment(WalBatch batch);
  absl::Status Append(const WalBatch& batch, bool sync);
  void RemoveOlder(const std::string& snapshot_name);
  absl::Status ClearFirst();
  std::string Path(std::string_view name) const;

  persistence::FileSystem& files_;
  const WalOptions options_;
  absl::Status broken_;
  HardState hard_;
  uint64_t number_ = 0;  // Of the segment that is written.
  std::unique_ptr<persistence::File> segment_;
  uint64_t synced_ = 0;
};

}  // namespace henge::consensus
