// SPDX-License-Identifier: Apache-2.0
// AofFiles: the folder of a multi-part AOF, and the steps by which its set of files changes. Each
// step leaves, at every instant of it, a manifest on the disk that names a complete set:
//
//   a new increment   create file ─ sync folder ─ replace manifest
//   a new base        sync file ─ rename ─ sync folder ─ replace manifest ─ delete history ─
//   replace replace manifest  write temp-… ─ sync ─ rename ─ sync folder
//
// One thread at a time.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "persistence/aof/manifest.h"
#include "persistence/file.h"

namespace henge::persistence {

class AofFiles {
 public:
  // An increment that is being written.
  struct Increment {
    std::unique_ptr<File> file;
    uint64_t size = 0;
    int64_t sequence = 0;  // 0: not in the manifest.
  };

  // `directory` is the path of appenddirname, `filename` is appendfilename.
  AofFiles(FileSystem& files, std::string directory, std::string filename)
      : files_(files), directory_(std::move(directory)), filename_(std::move(filename)) {}

  // Reads the manifest. None at all is an empty one.
  absl::Status Load();
  const AofManifest& manifest() const { return manifest_; }
  const std::string& directory() const { return directory_; }
  std::string PathOf(std::string_view name) const { return JoinPath(directory_, name); }
  // Of all files that would be loaded; missing ones count nothing.
  uint64_t LoadedBytes() const;

  // A single file of before Redis 7 becomes the base, if there is no manifest. Whether it was so.
  // `path` is the file beside the folder; its name must be appendfilename.
  absl::StatusOr<bool> AdoptOldFile(const std::string& path);

  // The last increment, or the first if there is none yet; what is in it is on the disk then.
  absl::StatusOr<Increment> OpenLastIncrement();
  absl::StatusOr<Increment> AddIncrement();
  // The last increment's bytes from `from` on, or those of the one that stands apart, once more.
  absl::Status WriteAgain(bool apart, uint64_t from);
  // One that stays out of the manifest until InstallBase: the AOF was turned on and has no base
  // yet.
  absl::StatusOr<Increment> StartApart();

  // Where a new base should be written: in the folder, so that it can be renamed.
  std::string TemporaryBasePath() const { return PathOf("temp-rewriteaof-" + filename_); }
  // Makes the file at `temporary` the base. Increments before `first_kept` become history. If
  // first_kept is 0, all become history, and the one that stands apart is the only increment:
  // returns its sequence. An error: nothing has changed, or, if the folder could not be synced,
  // everything has, and history is kept.
  absl::StatusOr<int64_t> InstallBase(const std::string& temporary, BaseFormat format,
                                      int64_t first_kept);
  // History goes in two steps, as deleting large files takes long: the files, which needs nothing
  // of this object, then their names in the manifest. Names are given once it is safe that they are
  // history: a manifest before, in which they are not, must not come back.
  absl::StatusOr<std::vector<std::string>> HistoryNames() const;
  absl::Status ForgetHistory(std::span<const std::string> names);
  // Any thread. Fine if it is gone already.
  absl::Status RemoveFile(const std::string& name) const;
  absl::Status DeleteHistory();
  // What a crash left half made.
  void RemoveLeftovers();
  void RemoveTemporaryBase() { files_.Remove(TemporaryBasePath()).IgnoreError(); }

 private:
  struct Replaced {
    bool visible = false;  // The new manifest is in place, though perhaps not for good.
    absl::Status status;
  };
  Replaced ReplaceManifest(const AofManifest& manifest);
  Replaced InstallFiles(const AofManifest& manifest, const std::string& temporary, bool apart);
  absl::Status WriteTemporary(const std::string& path, std::string_view text);
  std::string ApartPath() const { return PathOf("temp-" + filename_ + ".incr"); }

  FileSystem& files_;
  const std::string directory_;
  const std::string filename_;
  AofManifest manifest_;
};

// Cuts a file at `offset`, where only room for more follows.
absl::Status CutRoom(FileSystem& files, const std::string& path, uint64_t offset);

// Cuts a file at `offset`. What is cut is kept beside it, and its name returned:
// "<path>.cut-<offset>". Nothing is cut before the rest is safe.
absl::StatusOr<std::string> CutTail(FileSystem& files, const std::string& path, uint64_t offset);

}  // namespace henge::persistence
