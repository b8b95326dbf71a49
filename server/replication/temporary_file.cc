// SPDX-License-Identifier: Apache-2.0
#include "server/replication/temporary_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

namespace henge::server {
namespace {

std::string UniqueName(std::string_view stem) {
  static std::atomic<uint64_t> serial{0};
  return fmt::format("{}-{}.{}.rdb", stem, getpid(), serial.fetch_add(1));
}

absl::StatusOr<int> Create(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, path);
  return fd;
}

}  // namespace

absl::Status WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return absl::ErrnoToStatus(errno, "write of a sync's file");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> OpenUnnamedFile(std::string_view stem) {
  const std::string path = UniqueName(stem);
  absl::StatusOr<int> fd = Create(path);
  if (fd.ok()) unlink(path.c_str());
  return fd;
}

TemporaryFile::TemporaryFile(std::string_view stem) : path_(UniqueName(stem)) {}

absl::Status TemporaryFile::Open() {
  Remove();
  const absl::StatusOr<int> fd = Create(path_);
  if (fd.ok()) fd_ = *fd;
  return fd.status();
}

void TemporaryFile::Remove() {
  if (fd_ < 0) return;
  close(std::exchange(fd_, -1));
  unlink(path_.c_str());
}

}  // namespace henge::server
