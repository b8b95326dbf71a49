// SPDX-License-Identifier: Apache-2.0
// A snapshot into a file that appears whole or not at all: written under another name beside it,
// synced, renamed, and the folder synced. Blocks; a thread of its own calls it.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>

#include <string>

#include "persistence/file.h"
#include "persistence/snapshot/snapshot.h"

namespace henge::persistence {

struct SnapshotFileOptions {
  std::string directory;
  std::string name;
  std::string temporary_name;  // In the same directory; what is there is overwritten.
  bool sync_in_steps = true;   // Each few megabytes, so that the last sync is short.
};

// REQUIRES: `snapshot` has begun. Whatever comes back, it has been walked to its end.
absl::Status WriteSnapshotFile(Snapshot& snapshot, FileSystem& files,
                               const SnapshotFileOptions& options);
// The same of a snapshot that has not begun, here and now. REQUIRES: every shard locked by the
// caller.
absl::Status WriteSnapshotFileLocked(Snapshot& snapshot, FileSystem& files,
                                     const SnapshotFileOptions& options, UnixMillis now);

// Any other content of a file that appears so: `write` gives it to the sink it is called with.
absl::Status WriteWholeFile(FileSystem& files, const SnapshotFileOptions& options,
                            absl::FunctionRef<absl::Status(ByteSink&)> write);

}  // namespace henge::persistence
