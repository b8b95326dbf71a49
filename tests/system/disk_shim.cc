// SPDX-License-Identifier: Apache-2.0
// For tests: loaded into a server (LD_PRELOAD), it keeps beside the server's files what a disk
// would have of them if the power failed now, and lets calls fail on demand. lossy_disk.py reads
// what it keeps, and says what shall fail.
//
//   HENGE_DISK_ROOT     the folder whose files are watched, absolute
//   HENGE_DISK_SHADOW   where it keeps, on the same file system: `names`, each change of a name, in
//                       order, as Note() writes them; `live-INODE`, a hard link: the file as its
//                       writers see it, also when removed; `synced-INODE`, what of it was synced
//   HENGE_DISK_SYNC_US  a sync takes up to that long
//   HENGE_DISK_LIES     a sync does nothing, and says it did
//   HENGE_DISK_FAULTS   a file of lines `CALL PART WHAT`, for paths with that part
//
// CALL is open, write, sync, syncdir, rename, unlink or truncate. WHAT is the errno it fails with;
// `half` (write): half of what is asked, then ENOSPC; `slow`: it works, and takes 20 ms; `stall`
// (sync): it does not come back until that line is gone.
//
// It calls the kernel itself, so that a sanitizer's own interceptors stand in front of it. A sync
// that fails loses what it was about, as with Linux: a later one leaves zeros there.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace {

constexpr size_t kDescriptors = 65536;
constexpr off_t kNone = INT64_MAX;
constexpr unsigned kSlowUs = 20'000;

struct Inode {
  off_t dirty_from = kNone;  // Written there again, or truncated, since it was synced,
  off_t dirty_to = 0;        // up to there.
  off_t lost_from = 0;       // What a failed sync was about: as good as not written.
  off_t lost_to = 0;
};

// An open file under the root. Only its own calls look at it, but for close and open.
struct OpenFile {
  bool watched = false;
  bool directory = false;
  ino_t inode = 0;
  std::string path;
};

struct Disk {
  std::string root;
  std::string shadow;
  std::string faults;
  bool lies = false;
  unsigned sync_us = 0;
  int names = -1;
  std::recursive_mutex mutex;
  std::map<ino_t, Inode> inodes;
  std::array<OpenFile, kDescriptors> files;
};

std::string Setting(const char* name) {
  const char* const value = getenv(name);
  return value == nullptr ? "" : value;
}

int RealOpen(const char* path, int flags, mode_t mode) {
  return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

// Made at the first call and never destroyed: files are written until the very end.
Disk& TheDisk() {
  static Disk* const disk = [] {
    auto* const made = new Disk;
    made->root = Setting("HENGE_DISK_ROOT");
    made->shadow = Setting("HENGE_DISK_SHADOW");
    made->faults = Setting("HENGE_DISK_FAULTS");
    made->lies = !Setting("HENGE_DISK_LIES").empty();
    sscanf(Setting("HENGE_DISK_SYNC_US").c_str(), "%u", &made->sync_us);
    made->names = RealOpen((made->shadow + "/names").c_str(),
                           O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (made->root.empty() || made->names < 0) abort();
    return made;
  }();
  return *disk;
}

std::string Absolute(const char* path) {
  std::string text = path;
  while (text.starts_with("./")) text.erase(0, 2);
  if (text.starts_with('/')) return text;
  std::array<char, 4096> folder;
  if (getcwd(folder.data(), folder.size()) == nullptr) abort();
  return text.empty() || text == "." ? folder.data() : std::string(folder.data()) + "/" + text;
}

bool IsWatched(const std::string& path) {
  const std::string& root = TheDisk().root;
  return path == root || path.starts_with(root + "/");
}

std::string ShadowPath(const char* kind, ino_t inode) {
  return TheDisk().shadow + "/" + kind + "-" + std::to_string(inode);
}

// Paths have no spaces in tests.
void Note(const std::string& line) {
  const std::string text = line + "\n";
  if (syscall(SYS_write, TheDisk().names, text.data(), text.size()) !=
      static_cast<ssize_t>(text.size())) {
    abort();
  }
}

int ErrnoOf(const std::string& name) {
  if (name == "EIO") return EIO;
  if (name == "EROFS") return EROFS;
  return ENOSPC;
}

// What is to become of a call: "" if nothing is said.
std::string Fault(const char* call, const std::string& path) {
  const Disk& disk = TheDisk();
  if (disk.faults.empty()) return "";
  const int fd = RealOpen(disk.faults.c_str(), O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return "";
  std::array<char, 4096> text{};
  const ssize_t size = syscall(SYS_read, fd, text.data(), text.size() - 1);
  syscall(SYS_close, fd);
  std::array<char, 64> what;
  std::array<char, 256> part;
  std::array<char, 64> fault;
  int used = 0;
  for (const char* at = text.data(); at < text.data() + std::max<ssize_t>(size, 0); at += used) {
    if (sscanf(at, "%63s %255s %63s%n", what.data(), part.data(), fault.data(), &used) != 3) break;
    if (strcmp(what.data(), call) == 0 && path.find(part.data()) != std::string::npos) {
      return fault.data();
    }
  }
  return "";
}

// Whether the call fails; errno says how.
bool Fails(const char* call, const std::string& path) {
  const std::string fault = Fault(call, path);
  if (fault.empty()) return false;
  if (fault == "slow") {
    usleep(kSlowUs);
    return false;
  }
  errno = ErrnoOf(fault);
  return true;
}

OpenFile* Watched(int fd) {
  if (fd < 0 || static_cast<size_t>(fd) >= kDescriptors) return nullptr;
  OpenFile& file = TheDisk().files[static_cast<size_t>(fd)];
  return file.watched ? &file : nullptr;
}

// Where a file that another process wrote stops being what was synced of it.
off_t FirstDifference(ino_t inode) {
  const int live = RealOpen(ShadowPath("live", inode).c_str(), O_RDONLY | O_CLOEXEC, 0);
  const int synced = RealOpen(ShadowPath("synced", inode).c_str(), O_RDONLY | O_CLOEXEC, 0);
  off_t at = 0;
  std::vector<char> ours(1 << 16);
  std::vector<char> theirs(1 << 16);
  while (synced >= 0) {
    const ssize_t n = pread(live, ours.data(), ours.size(), at);
    const ssize_t m = pread(synced, theirs.data(), theirs.size(), at);
    const auto both = static_cast<size_t>(std::min(n, m));
    const auto end = ours.begin() + static_cast<ssize_t>(both);
    const auto same = std::mismatch(ours.begin(), end, theirs.begin()).first - ours.begin();
    at += same;
    if (both == 0 || same < static_cast<ssize_t>(both)) break;
  }
  if (live >= 0) syscall(SYS_close, live);
  if (synced >= 0) syscall(SYS_close, synced);
  return at;
}

void Watch(int fd, const std::string& path, bool created) {
  struct stat facts;
  if (fstat(fd, &facts) != 0 || static_cast<size_t>(fd) >= kDescriptors) abort();
  const bool directory = S_ISDIR(facts.st_mode);
  if (!directory) {
    const std::string live = ShadowPath("live", facts.st_ino);
    if (created || access(live.c_str(), F_OK) != 0) {
      if (link(path.c_str(), live.c_str()) != 0) abort();
      Note("C " + path + " " + std::to_string(facts.st_ino));
    }
    const auto [known, first] = TheDisk().inodes.try_emplace(facts.st_ino);
    if (first) known->second.dirty_from = FirstDifference(facts.st_ino);
  }
  TheDisk().files[static_cast<size_t>(fd)] = {true, directory, facts.st_ino, path};
}

void Spoil(ino_t inode, off_t from, off_t to) {
  Inode& facts = TheDisk().inodes[inode];
  facts.dirty_from = std::min(facts.dirty_from, from);
  facts.dirty_to = std::max(facts.dirty_to, to);
}

// After a write at an offset: a sync before it can't have been about it.
ssize_t WroteAt(const OpenFile& file, off_t offset, ssize_t size) {
  if (size <= 0) return size;
  const std::lock_guard lock(TheDisk().mutex);
  Spoil(file.inode, offset, offset + size);
  Inode& facts = TheDisk().inodes[file.inode];
  if (offset <= facts.lost_from && offset + size > facts.lost_from) {
    facts.lost_from = std::min<off_t>(offset + size, facts.lost_to);
  }
  return size;
}

// [from, to) of the live file to the same place of the synced one, zeros where it was lost, and
// none of it beyond `size`.
void Copy(ino_t inode, off_t from, off_t to, off_t size, const Inode& facts) {
  const int in = RealOpen(ShadowPath("live", inode).c_str(), O_RDONLY | O_CLOEXEC, 0);
  const int out =
      RealOpen(ShadowPath("synced", inode).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  struct stat synced;
  if (in < 0 || out < 0 || fstat(out, &synced) != 0) abort();
  // It grows by what is copied: we may be killed on the way, and must not leave zeros behind.
  if (synced.st_size > size && syscall(SYS_ftruncate, out, size) != 0) abort();
  std::vector<char> buffer(size_t{1} << 20);
  while (from < to) {
    const auto most = std::min<size_t>(buffer.size(), static_cast<size_t>(to - from));
    const ssize_t n = pread(in, buffer.data(), most, from);
    if (n <= 0) break;  // Truncated meanwhile.
    for (off_t i = std::max(from, facts.lost_from); i < std::min(from + n, facts.lost_to); ++i) {
      buffer[static_cast<size_t>(i - from)] = '\0';
    }
    if (syscall(SYS_pwrite64, out, buffer.data(), n, from) != n) abort();
    from += n;
  }
  syscall(SYS_close, in);
  syscall(SYS_close, out);
}

int SyncDirectory(const OpenFile& file) {
  const std::lock_guard lock(TheDisk().mutex);
  if (Fails("syncdir", file.path)) return -1;
  if (!TheDisk().lies) Note("S " + file.path);
  return 0;
}

int Sync(int fd) {
  const OpenFile* const file = Watched(fd);
  if (file == nullptr) return static_cast<int>(syscall(SYS_fsync, fd));
  if (file->directory) return SyncDirectory(*file);
  Disk& disk = TheDisk();
  struct stat now;
  if (fstat(fd, &now) != 0) return -1;
  timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  if (disk.sync_us > 0) usleep(static_cast<unsigned>(at.tv_nsec / 1000) % disk.sync_us);
  while (Fault("sync", file->path) == "stall") usleep(kSlowUs);
  const std::lock_guard lock(disk.mutex);
  Inode& facts = disk.inodes[file->inode];
  struct stat synced{};
  if (stat(ShadowPath("synced", file->inode).c_str(), &synced) != 0) synced.st_size = 0;
  const off_t from = std::min(synced.st_size, facts.dirty_from);
  if (Fails("sync", file->path)) {
    facts.lost_from = facts.lost_to > 0 ? std::min(facts.lost_from, from) : from;
    facts.lost_to = std::max(facts.lost_to, now.st_size);
    return -1;
  }
  if (disk.lies) return 0;
  const off_t to = now.st_size > synced.st_size ? now.st_size : facts.dirty_to;
  facts.dirty_from = kNone;
  facts.dirty_to = 0;
  Copy(file->inode, from, std::min(to, now.st_size), now.st_size, facts);
  return 0;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  const std::string full = Absolute(path);
  if (!IsWatched(full)) return RealOpen(path, flags, mode);
  const std::lock_guard lock(TheDisk().mutex);
  if ((flags & (O_WRONLY | O_RDWR)) != 0 && Fails("open", full)) return -1;
  bool created = false;
  int fd = -1;
  if ((flags & O_CREAT) != 0) {
    fd = RealOpen(path, flags | O_EXCL, mode);
    created = fd >= 0;
    if (fd < 0 && (errno != EEXIST || (flags & O_EXCL) != 0)) return -1;
  }
  if (fd < 0) fd = RealOpen(path, flags & ~O_CREAT, mode);
  if (fd < 0) return -1;
  Watch(fd, full, created);
  if ((flags & O_TRUNC) != 0) Spoil(Watched(fd)->inode, 0, 0);
  return fd;
}

int open64(const char* path, int flags, ...) __attribute__((alias("open")));

int close(int fd) {
  if (OpenFile* const file = Watched(fd)) file->watched = false;
  return static_cast<int>(syscall(SYS_close, fd));
}

ssize_t write(int fd, const void* data, size_t size) {
  const iovec part = {const_cast<void*>(data), size};
  return writev(fd, &part, 1);
}

ssize_t writev(int fd, const iovec* parts, int count) {
  const OpenFile* const file = Watched(fd);
  if (file == nullptr) return syscall(SYS_writev, fd, parts, count);
  const off_t end = lseek(fd, 0, SEEK_END);
  return pwritev(fd, parts, count, end);
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  const auto write = [&](const iovec* some, int n) {
    return syscall(SYS_pwritev, fd, some, n, offset, 0);
  };
  const OpenFile* const file = Watched(fd);
  if (file == nullptr) return write(parts, count);
  const std::string fault = Fault("write", file->path);
  if (fault == "slow") usleep(kSlowUs);
  if (fault.empty() || fault == "slow") return WroteAt(*file, offset, write(parts, count));
  // All of the first parts, if they are several; else half of the only one.
  if (fault == "half" && count > 1) return WroteAt(*file, offset, write(parts, count / 2));
  if (fault == "half" && parts->iov_len > 16) {
    const iovec half = {parts->iov_base, parts->iov_len / 2};
    return WroteAt(*file, offset, write(&half, 1));
  }
  errno = ErrnoOf(fault);
  return -1;
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  const OpenFile* const file = Watched(fd);
  if (file == nullptr) return syscall(SYS_pwrite64, fd, data, size, offset);
  if (Fails("write", file->path)) return -1;
  return WroteAt(*file, offset, syscall(SYS_pwrite64, fd, data, size, offset));
}

int ftruncate(int fd, off_t size) {
  if (const OpenFile* const file = Watched(fd)) {
    const std::lock_guard lock(TheDisk().mutex);
    if (Fails("truncate", file->path)) return -1;
    Spoil(file->inode, size, size);
    Inode& facts = TheDisk().inodes[file->inode];
    facts.lost_to = std::min(facts.lost_to, size);
  }
  return static_cast<int>(syscall(SYS_ftruncate, fd, size));
}

int fsync(int fd) { return Sync(fd); }
int fdatasync(int fd) { return Sync(fd); }

int rename(const char* from, const char* to) {
  const std::string source = Absolute(from);
  const std::string target = Absolute(to);
  if (!IsWatched(source)) return static_cast<int>(syscall(SYS_rename, from, to));
  const std::lock_guard lock(TheDisk().mutex);
  if (Fails("rename", source + ">" + target)) return -1;
  if (syscall(SYS_rename, from, to) != 0) return -1;
  Note("R " + source + " " + target);
  return 0;
}

int unlink(const char* path) {
  const std::string full = Absolute(path);
  if (!IsWatched(full)) return static_cast<int>(syscall(SYS_unlink, path));
  const std::lock_guard lock(TheDisk().mutex);
  if (Fails("unlink", full)) return -1;
  if (syscall(SYS_unlink, path) != 0) return -1;
  Note("U " + full);
  return 0;
}

}  // extern "C"
