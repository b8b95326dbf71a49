// SPDX-License-Identifier: Apache-2.0
#include "persistence/snapshot/snapshot_file.h"

#include <memory>
#include <string_view>
#include <utility>

namespace henge::persistence {
namespace {

constexpr size_t kBuffer = 256 * 1024;
constexpr uint64_t kSyncEvery = 4 * 1024 * 1024;  // As Redis.

class BufferedFile final : public ByteSink {
 public:
  BufferedFile(std::unique_ptr<File> file, bool sync_in_steps)
      : file_(std::move(file)), sync_in_steps_(sync_in_steps) {}

  absl::Status Append(std::string_view bytes) override {
    if (buffer_.size() + bytes.size() < kBuffer) {
      buffer_.append(bytes);
      return absl::OkStatus();
    }
    const std::string_view pieces[] = {buffer_, bytes};
    const File::Appended appended = file_->Append(pieces);
    buffer_.clear();
    unsynced_ += appended.bytes;
    if (!appended.status.ok() || !sync_in_steps_ || unsynced_ < kSyncEvery) return appended.status;
    unsynced_ = 0;
    return file_->Sync();
  }
  absl::Status Finish() {
    const std::string_view pieces[] = {buffer_};
    const File::Appended appended = file_->Append(pieces);
    return appended.status.ok() ? file_->Sync() : appended.status;
  }

 private:
  std::unique_ptr<File> file_;
  bool sync_in_steps_;
  std::string buffer_;
  uint64_t unsynced_ = 0;
};

// Where there is no file the snapshot is walked all the same.
class NoFile final : public ByteSink {
 public:
  explicit NoFile(absl::Status why) : why_(std::move(why)) {}
  absl::Status Append(std::string_view) override { return why_; }

 private:
  absl::Status why_;
};

}  // namespace

absl::Status WriteWholeFile(FileSystem& files, const SnapshotFileOptions& options,
                            absl::FunctionRef<absl::Status(ByteSink&)> write) {
  const std::string temporary = JoinPath(options.directory, options.temporary_name);
  auto file = files.Open(temporary, FileSystem::Opening::kCreateOrEmpty);
  if (!file.ok()) {
    NoFile nothing(file.status());
    return write(nothing);
  }
  BufferedFile sink(*std::move(file), options.sync_in_steps);
  absl::Status status = write(sink);
  if (status.ok()) status = sink.Finish();
  if (status.ok()) status = files.Rename(temporary, JoinPath(options.directory, options.name));
  if (!status.ok()) {
    files.Remove(temporary).IgnoreError();  // The first error is the one to tell.
    return status;
  }
  return files.SyncDirectory(options.directory);
}

absl::Status WriteSnapshotFile(Snapshot& snapshot, FileSystem& files,
                               const SnapshotFileOptions& options) {
  return WriteWholeFile(files, options, [&](ByteSink& sink) { return snapshot.Write(sink); });
}

absl::Status WriteSnapshotFileLocked(Snapshot& snapshot, FileSystem& files,
                                     const SnapshotFileOptions& options, UnixMillis now) {
  return WriteWholeFile(files, options,
                        [&](ByteSink& sink) { return snapshot.WriteLocked(sink, now); });
}

}  // namespace henge::persistence
