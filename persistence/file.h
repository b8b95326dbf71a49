// SPDX-License-Identifier: Apache-2.0
// Files as persistence uses them: a seam between what must survive a crash and the disk, so that
// tests put a disk there that fills up, fails and loses what was not synced.
//
// FileSystem: any thread. File: one thread at a time, but for Sync and Reserve, each of which may
// run beside the others. Errors carry errno's text and the path. A missing file is
// absl::StatusCode::kNotFound.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace henge::persistence {

// A file that is written at its end.
class File {
 public:
  struct Appended {
    uint64_t bytes = 0;  // Written in any case, also if an error came in between.
    absl::Status status;
  };

  virtual ~File() = default;
  // Writes all pieces, one behind the other.
  virtual Appended Append(std::span<const std::string_view> pieces) = 0;
  // Until what was appended is on the disk.
  virtual absl::Status Sync() = 0;
  // Cuts the file, and what room it has behind its end.
  virtual absl::Status Truncate(uint64_t size) = 0;
  virtual uint64_t size() const = 0;
  // Makes room behind the end, of at least so many bytes: zeros, which readers see. What is
  // appended there is synced several times as fast, since nothing changes but data; but until it is
  // synced, any part of it may be on the disk and any other not. `ticket` is room_ticket() of when
  // that was decided: no room is made, or no more, once DropRoom or Truncate was called.
  virtual absl::Status Reserve(uint64_t room, uint64_t ticket) = 0;
  virtual uint64_t room_ticket() const = 0;
  virtual uint64_t room() const = 0;
  // None is there afterwards, also on the disk, and none is made that was decided before.
  virtual absl::Status DropRoom() = 0;
};

// The bytes of a file as it was when it was opened; it must not be truncated meanwhile.
class FileContents {
 public:
  virtual ~FileContents() = default;
  virtual std::string_view bytes() const = 0;
  // What is before `offset` is not looked at again: its memory may go.
  virtual void Forget(uint64_t offset) = 0;
};

class FileSystem {
 public:
  enum class Opening : uint8_t {
    kExisting,       // Must be there.
    kCreate,         // Made if it is missing.
    kCreateOrEmpty,  // Made, or emptied.
  };

  virtual ~FileSystem() = default;
  virtual absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, Opening opening) = 0;
  virtual absl::StatusOr<std::unique_ptr<FileContents>> Read(const std::string& path) = 0;
  // Writes what the file has from `from` on again, in its place: after a failed Sync the kernel may
  // hold it for written.
  virtual absl::Status WriteAgain(const std::string& path, uint64_t from) = 0;
  // Replaces `to` if it exists. Whether names last is SyncDirectory's matter.
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;
  // Fine if it exists.
  virtual absl::Status MakeDirectory(const std::string& path) = 0;
  virtual absl::Status SyncDirectory(const std::string& path) = 0;
  virtual absl::StatusOr<uint64_t> Size(const std::string& path) = 0;
  // Names of its files, in no order.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& path) = 0;
};

// The machine's own.
FileSystem& PosixFileSystem();

// "dir/name"; `name` alone if `directory` is empty.
std::string JoinPath(std::string_view directory, std::string_view name);

// Whether there is such a file; an error other than that it is missing is told.
absl::StatusOr<bool> FileExists(FileSystem& files, const std::string& path);

}  // namespace henge::persistence
