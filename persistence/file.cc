// SPDX-License-Identifier: Apache-2.0
#include "persistence/file.h"

#include <absl/strings/str_cat.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <string>
#include <utility>

#include "base/strings.h"

namespace henge::persistence {
namespace {

absl::Status ErrnoStatus(int error, std::string_view what, std::string_view path) {
  return absl::ErrnoToStatus(error, absl::StrCat(Absl(what), " ", Absl(path)));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

int OpenRetrying(const std::string& path, int flags) {
  int fd;
  do {
    fd = open(path.c_str(), flags | O_CLOEXEC, 0644);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path, uint64_t size)
      : fd_(fd), path_(std::move(path)), size_(size), end_(size), forgotten_(size) {}

  Appended Append(std::span<const std::string_view> pieces) override {
    uint64_t bytes = 0;
    for (const std::string_view piece : pieces) bytes += piece.size();
    std::unique_lock lock(end_mutex_, std::defer_lock);
    if (size_ + bytes > end_) lock.lock();
    const Appended appended = Write(pieces);
    if (lock.owns_lock()) end_ = std::max(end_.load(), size_.load());
    return appended;
  }

  absl::Status Sync() override {
    const uint64_t size = size_;
    if (fdatasync(fd_.get()) != 0) return ErrnoStatus(errno, "sync", path_);
    ForgetUntil(size);
    return absl::OkStatus();
  }

  absl::Status Truncate(uint64_t size) override {
    const std::lock_guard lock(end_mutex_);
    if (ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) {
      return ErrnoStatus(errno, "truncate", path_);
    }
    size_ = end_ = size;
    ++ticket_;
    return absl::OkStatus();
  }

  uint64_t room_ticket() const override { return ticket_; }

  absl::Status DropRoom() override {
    {
      const std::lock_guard lock(end_mutex_);
      ++ticket_;
    }
    if (room() == 0) return absl::OkStatus();
    // First what is in the room: without zeros behind it, it could not be told that some is
    // missing.
    if (absl::Status status = Sync(); !status.ok()) return status;
    if (absl::Status status = Truncate(size_); !status.ok()) return status;
    return Sync();
  }

  absl::Status Reserve(uint64_t room, uint64_t ticket) override {
    static const std::string zeros(128 * 1024, '\0');
    while (this->room() < room) {
      uint64_t begin;
      {
        const std::lock_guard lock(end_mutex_);
        if (ticket_ != ticket) return absl::OkStatus();
        begin = end_;
        const ssize_t n = pwrite(fd_.get(), zeros.data(), zeros.size(), static_cast<off_t>(begin));
        if (n < 0) return ErrnoStatus(errno, "make room in", path_);
        end_ += static_cast<uint64_t>(n);
      }
      // To the disk a little at a time, so that no Sync has to wait for all of it.
      sync_file_range(
          fd_.get(), static_cast<off_t>(begin), static_cast<off_t>(zeros.size()),
          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    }
    return absl::OkStatus();
  }

  uint64_t size() const override { return size_; }
  uint64_t room() const override {
    const uint64_t end = end_;
    return end - std::min(end, size_.load());
  }

 private:
  Appended Write(std::span<const std::string_view> pieces) {
    constexpr size_t kMost = 64;
    Appended appended;
    size_t skip = 0;  // Of the first piece.
    while (!pieces.empty()) {
      std::array<iovec, kMost> parts;
      const size_t count = std::min(pieces.size(), kMost);
      for (size_t i = 0; i < count; ++i) {
        const std::string_view piece = i == 0 ? pieces[i].substr(skip) : pieces[i];
        parts[i] = {const_cast<char*>(piece.data()), piece.size()};
      }
      const ssize_t n = pwritev(fd_.get(), parts.data(), static_cast<int>(count),
                                static_cast<off_t>(size_.load()));
      if (n < 0) {
        if (errno == EINTR) continue;
        appended.status = ErrnoStatus(errno, "write to", path_);
        return appended;
      }
      appended.bytes += static_cast<uint64_t>(n);
      size_ += static_cast<uint64_t>(n);
      skip += static_cast<size_t>(n);
      while (!pieces.empty() && skip >= pieces.front().size()) {
        skip -= pieces.front().size();
        pieces = pieces.subspan(1);
      }
    }
    return appended;
  }

  // What is on the disk is not read again soon: it leaves the kernel's cache to others, and to the
  // next writes, which are several times cheaper into pages just given up than into fresh ones.
  void ForgetUntil(uint64_t size) {
    constexpr uint64_t kStep = uint64_t{1} << 20;
    forgotten_ = std::min(forgotten_, size);
    if (size - forgotten_ < kStep) return;
    posix_fadvise(fd_.get(), static_cast<off_t>(forgotten_), static_cast<off_t>(size - forgotten_),
                  POSIX_FADV_DONTNEED);
    forgotten_ = size;
  }

  const Descriptor fd_;
  const std::string path_;
  std::atomic<uint64_t> size_;
  std::mutex end_mutex_;
  std::atomic<uint64_t> end_;  // With the room; grows with the mutex held.
  std::atomic<uint64_t> ticket_{0};
  uint64_t forgotten_;  // Of the start; Sync's.
};

class MappedFile final : public FileContents {
 public:
  MappedFile(char* data, size_t size) : data_(data), size_(size) {}
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() override {
    if (size_ > 0) munmap(data_, size_);
  }
  std::string_view bytes() const override { return {data_, size_}; }
  void Forget(uint64_t offset) override {
    constexpr uint64_t kStep = uint64_t{16} << 20;
    const uint64_t until = std::min<uint64_t>(offset, size_) / kStep * kStep;
    if (until <= forgotten_) return;
    madvise(data_ + forgotten_, until - forgotten_, MADV_DONTNEED);
    forgotten_ = until;
  }

 private:
  char* data_;
  size_t size_;
  uint64_t forgotten_ = 0;
};

class Posix final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, Opening opening) override {
    int flags = O_WRONLY;
    if (opening != Opening::kExisting) flags |= O_CREAT;
    if (opening == Opening::kCreateOrEmpty) flags |= O_TRUNC;
    const int fd = OpenRetrying(path, flags);
    struct stat facts;
    if (fd < 0 || fstat(fd, &facts) != 0) {
      const int error = errno;
      if (fd >= 0) close(fd);
      return ErrnoStatus(error, "open", path);
    }
    return std::make_unique<PosixFile>(fd, path, static_cast<uint64_t>(facts.st_size));
  }

  absl::StatusOr<std::unique_ptr<FileContents>> Read(const std::string& path) override {
    const Descriptor fd(OpenRetrying(path, O_RDONLY));
    struct stat facts;
    if (fd.get() < 0 || fstat(fd.get(), &facts) != 0) return ErrnoStatus(errno, "open", path);
    if (!S_ISREG(facts.st_mode)) return ErrnoStatus(EINVAL, "read", path);
    const auto size = static_cast<size_t>(facts.st_size);
    if (size == 0) return std::make_unique<MappedFile>(nullptr, 0);
    void* const data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (data == MAP_FAILED) return ErrnoStatus(errno, "map", path);
    madvise(data, size, MADV_SEQUENTIAL);
    return std::make_unique<MappedFile>(static_cast<char*>(data), size);
  }

  absl::Status WriteAgain(const std::string& path, uint64_t from) override {
    const Descriptor fd(OpenRetrying(path, O_RDWR));
    if (fd.get() < 0) return ErrnoStatus(errno, "open", path);
    std::vector<char> buffer(size_t{1} << 20);
    auto at = static_cast<off_t>(from);
    while (true) {
      const ssize_t n = pread(fd.get(), buffer.data(), buffer.size(), at);
      if (n < 0) return ErrnoStatus(errno, "read", path);
      if (n == 0) return absl::OkStatus();
      const ssize_t written = pwrite(fd.get(), buffer.data(), static_cast<size_t>(n), at);
      if (written < 0) return ErrnoStatus(errno, "write to", path);
      at += written;
    }
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, "rename", absl::StrCat(from, " to ", to));
  }

  absl::Status Remove(const std::string& path) override {
    if (unlink(path.c_str()) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, "remove", path);
  }

  absl::Status MakeDirectory(const std::string& path) override {
    if (mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return absl::OkStatus();
    return ErrnoStatus(errno, "make directory", path);
  }

  absl::Status SyncDirectory(const std::string& path) override {
    const Descriptor fd(OpenRetrying(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY));
    if (fd.get() >= 0 && fsync(fd.get()) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, "sync directory", path);
  }

  absl::StatusOr<uint64_t> Size(const std::string& path) override {
    struct stat facts;
    if (stat(path.c_str(), &facts) != 0) return ErrnoStatus(errno, "look at", path);
    return static_cast<uint64_t>(facts.st_size);
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), &closedir);
    if (directory == nullptr) return ErrnoStatus(errno, "list", path);
    std::vector<std::string> names;
    while (const dirent* entry = readdir(directory.get())) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    return names;
  }
};

}  // namespace

FileSystem& PosixFileSystem() {
  static Posix files;
  return files;
}

std::string JoinPath(std::string_view directory, std::string_view name) {
  if (directory.empty()) return std::string(name);
  return absl::StrCat(Absl(directory), directory.back() == '/' ? "" : "/", Absl(name));
}

absl::StatusOr<bool> FileExists(FileSystem& files, const std::string& path) {
  const absl::StatusOr<uint64_t> size = files.Size(path);
  if (size.ok()) return true;
  if (absl::IsNotFound(size.status())) return false;
  return size.status();
}

}  // namespace henge::persistence
