// SPDX-License-Identifier: Apache-2.0
// SimulatedDisk: a FileSystem in memory for tests, whose power can fail at any operation and which
// can be full or broken. Any thread; what it does follows from its seed and the order of calls.
//
// Each file has what its writers see and what is on the disk (as of the last Sync); each directory
// entry likewise (as of the last SyncDirectory). Crash() goes back to what is on the disk, plus any
// part of the rest: the beginning of unsynced bytes, with zeros where data had not arrived; any
// sectors of what was written over (the room of File::Reserve); and any of the unsynced renames and
// removals, each whole or not at all. Directories themselves last.
#pragma once

#include <absl/status/status.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/strings.h"
#include "persistence/file.h"

namespace henge::persistence {

class SimulatedDisk final : public FileSystem {
 public:
  explicit SimulatedDisk(uint64_t seed) : random_(seed) {}

  // The disk takes so many bytes more; then ENOSPC, after a part of what was to be written.
  void SetSpace(std::optional<uint64_t> bytes) {
    Locked([&] { space_ = bytes; });
  }
  // Each Sync of a file fails with EIO. What it was about is lost unless it is written again, as
  // the kernel takes pages for clean once it has reported their error: a later Sync leaves zeros
  // there.
  void SetSyncFails(bool fails) {
    Locked([&] { sync_fails_ = fails; });
  }
  // The power fails at the n-th change from now on: it and all that follow fail, until Crash.
  void SetPowerFailsAfter(uint64_t operations) {
    Locked([&] { power_ = operations; });
  }
  bool powered() const {
    const std::lock_guard lock(mutex_);
    return power_ != 0;
  }
  uint64_t operations() const {
    const std::lock_guard lock(mutex_);
    return operations_;
  }

  // After it the disk is as a machine would find it. Open files are of no use any more.
  void Crash() {
    const std::lock_guard lock(mutex_);
    power_ = std::nullopt;
    ++age_;
    const uint64_t lucky = random_.Below(3);  // No change arrived, all of them, or some.
    for (const Change& change : changes_) {
      if (lucky == 1 || (lucky == 2 && random_.Below(2) == 0)) Apply(change, lasting_);
    }
    changes_.clear();
    names_ = lasting_;
    for (auto& [name, node] : names_) node->Settle(random_);
  }

  // What is in a file, as its writers see it. Tests may spoil it.
  std::optional<std::string> Contents(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    const auto at = names_.find(path);
    if (at == names_.end()) return std::nullopt;
    return at->second->seen;
  }
  void Put(const std::string& path, std::string contents) {
    const std::lock_guard lock(mutex_);
    auto node = std::make_shared<Node>();
    node->seen = node->synced = std::move(contents);
    names_[path] = lasting_[path] = node;
  }

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, Opening opening) override {
    const std::lock_guard lock(mutex_);
    if (absl::Status status = Spend("open", path); !status.ok()) return status;
    auto& node = names_[path];
    if (node == nullptr) {
      if (opening == Opening::kExisting) {
        names_.erase(path);
        return Error(ENOENT, "open", path);
      }
      node = std::make_shared<Node>();
      changes_.push_back({"", path, node});
    } else if (opening == Opening::kCreateOrEmpty) {
      node->seen.clear();
      node->lost = {};
    }
    return std::make_unique<OpenFile>(*this, node, path, node->seen.size());
  }

  absl::StatusOr<std::unique_ptr<FileContents>> Read(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    const auto at = names_.find(path);
    if (at == names_.end()) return Error(ENOENT, "open", path);
    return std::make_unique<Copy>(at->second->seen);
  }

  absl::Status WriteAgain(const std::string& path, uint64_t from) override {
    const std::lock_guard lock(mutex_);
    if (absl::Status status = Spend("write to", path); !status.ok()) return status;
    const auto at = names_.find(path);
    if (at == names_.end()) return Error(ENOENT, "open", path);
    at->second->lost.second = std::min<size_t>(at->second->lost.second, from);
    return absl::OkStatus();
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    const std::lock_guard lock(mutex_);
    if (absl::Status status = Spend("rename", from); !status.ok()) return status;
    const auto at = names_.find(from);
    if (at == names_.end()) return Error(ENOENT, "rename", from);
    return Change_({from, to, at->second});
  }

  absl::Status Remove(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    if (absl::Status status = Spend("remove", path); !status.ok()) return status;
    if (!names_.contains(path)) return Error(ENOENT, "remove", path);
    return Change_({path, "", nullptr});
  }

  absl::Status MakeDirectory(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    return Spend("make directory", path);
  }

  absl::Status SyncDirectory(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    if (absl::Status status = Spend("sync directory", path); !status.ok()) return status;
    for (const Change& change : changes_) Apply(change, lasting_);
    changes_.clear();
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Size(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    const auto at = names_.find(path);
    if (at == names_.end()) return Error(ENOENT, "look at", path);
    return at->second->seen.size();
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, node] : names_) {
      if (name.starts_with(path + "/")) names.push_back(name.substr(path.size() + 1));
    }
    return names;
  }

 private:
  static constexpr size_t kSector = 512;

  struct Node {
    std::string seen;
    std::string synced;
    std::pair<size_t, size_t> lost;  // From, to: what a failed Sync was about.
    void Sync() {
      synced = seen;
      for (size_t i = lost.first; i < std::min(lost.second, synced.size()); ++i) synced[i] = '\0';
    }
    // Whether writing has changed nothing there but zeros. What was cut and appended anew is no
    // such change: it stands elsewhere on the disk.
    bool FillsZeros(size_t at, size_t bytes) const {
      for (size_t i = at; i < at + bytes; ++i) {
        if (synced[i] != '\0' && synced[i] != seen[i]) return false;
      }
      return true;
    }
    void Settle(Random& random) {
      const size_t kept = std::min(seen.size(), synced.size());
      size_t size = seen.size();
      if (size > kept) size = kept + random.Below(size - kept + 1);
      std::string found = synced.substr(0, kept) + seen.substr(kept, size - kept);
      for (size_t at = 0; at < kept; at += kSector) {
        const size_t bytes = std::min(kSector, kept - at);
        if (FillsZeros(at, bytes) && random.Below(2) == 0)
          found.replace(at, bytes, seen, at, bytes);
      }
      if (size > kept && random.Below(3) == 0) {
        const size_t arrived = kept + random.Below(size - kept + 1);
        std::fill(found.begin() + static_cast<ptrdiff_t>(arrived), found.end(), '\0');
      }
      // A truncation that was not synced may not have happened.
      if (seen.size() < synced.size() && random.Below(2) == 0) found = synced;
      seen = synced = found;
      lost = {};
    }
  };
  // A name that comes, goes, or moves.
  struct Change {
    std::string from;
    std::string to;
    std::shared_ptr<Node> node;
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;

  class OpenFile final : public File {
   public:
    OpenFile(SimulatedDisk& disk, std::shared_ptr<Node> node, std::string path, uint64_t size)
        : disk_(disk),
          node_(std::move(node)),
          path_(std::move(path)),
          age_(disk.age_),
          size_(size) {}

    Appended Append(std::span<const std::string_view> pieces) override {
      const std::lock_guard lock(disk_.mutex_);
      Appended appended;
      if (appended.status = Usable("write to"); !appended.status.ok()) return appended;
      for (const std::string_view piece : pieces) {
        const uint64_t room = node_->seen.size() - size_;  // There it costs no space.
        const uint64_t left = disk_.space_.value_or(piece.size());
        const uint64_t n = std::min<uint64_t>(piece.size(), room + left);
        node_->seen.replace(size_, std::min(room, n), piece.substr(0, n));
        size_ += n;
        appended.bytes += n;
        if (disk_.space_) *disk_.space_ -= n - std::min(room, n);
        if (n == piece.size()) continue;
        appended.status = Error(ENOSPC, "write to", path_);
        break;
      }
      return appended;
    }
    absl::Status Sync() override {
      const std::lock_guard lock(disk_.mutex_);
      if (absl::Status status = Usable("sync"); !status.ok()) return status;
      if (disk_.sync_fails_) {
        const auto same = std::mismatch(node_->seen.begin(), node_->seen.end(),
                                        node_->synced.begin(), node_->synced.end());
        node_->lost = {static_cast<size_t>(same.first - node_->seen.begin()), node_->seen.size()};
        return Error(EIO, "sync", path_);
      }
      node_->Sync();
      return absl::OkStatus();
    }
    absl::Status Truncate(uint64_t size) override {
      const std::lock_guard lock(disk_.mutex_);
      if (absl::Status status = Usable("truncate"); !status.ok()) return status;
      CutTo(size);
      return absl::OkStatus();
    }
    absl::Status DropRoom() override {
      {
        const std::lock_guard lock(disk_.mutex_);
        ++ticket_;
        if (node_->seen.size() <= size_) return absl::OkStatus();
      }
      if (absl::Status status = Sync(); !status.ok()) return status;
      if (absl::Status status = Truncate(size_); !status.ok()) return status;
      return Sync();
    }
    absl::Status Reserve(uint64_t room, uint64_t ticket) override {
      const std::lock_guard lock(disk_.mutex_);
      if (absl::Status status = Usable("make room in"); !status.ok()) return status;
      if (ticket != ticket_) return absl::OkStatus();
      const uint64_t wanted = size_ + room - std::min<uint64_t>(size_ + room, node_->seen.size());
      const uint64_t more = std::min(wanted, disk_.space_.value_or(wanted));
      if (disk_.space_) *disk_.space_ -= more;
      node_->seen.append(more, '\0');
      return more == wanted ? absl::OkStatus() : Error(ENOSPC, "make room in", path_);
    }
    uint64_t size() const override {
      const std::lock_guard lock(disk_.mutex_);
      return size_;
    }
    uint64_t room_ticket() const override {
      const std::lock_guard lock(disk_.mutex_);
      return ticket_;
    }
    uint64_t room() const override {
      const std::lock_guard lock(disk_.mutex_);
      return node_->seen.size() - std::min<uint64_t>(size_, node_->seen.size());
    }

   private:
    void CutTo(uint64_t size) {
      node_->seen.resize(size);
      node_->lost.second = std::min<size_t>(node_->lost.second, size);
      size_ = size;
      ++ticket_;
    }
    absl::Status Usable(std::string_view what) {
      if (age_ != disk_.age_) return Error(EBADF, what, path_);
      return disk_.Spend(what, path_);
    }
    SimulatedDisk& disk_;
    const std::shared_ptr<Node> node_;
    const std::string path_;
    const uint64_t age_;
    uint64_t size_;
    uint64_t ticket_ = 0;
  };

  class Copy final : public FileContents {
   public:
    explicit Copy(std::string bytes) : bytes_(std::move(bytes)) {}
    std::string_view bytes() const override { return bytes_; }
    void Forget(uint64_t) override {}

   private:
    const std::string bytes_;
  };

  template <class F>
  void Locked(F&& change) {
    const std::lock_guard lock(mutex_);
    change();
  }
  static absl::Status Error(int error, std::string_view what, std::string_view path) {
    return absl::ErrnoToStatus(error, Absl(std::string(what) + " " + std::string(path)));
  }
  absl::Status Spend(std::string_view what, std::string_view path) {
    ++operations_;
    if (power_ && *power_ > 0) --*power_;
    if (power_ && *power_ == 0) return Error(EIO, what, path);
    return absl::OkStatus();
  }
  absl::Status Change_(Change change) {
    Apply(change, names_);
    changes_.push_back(std::move(change));
    return absl::OkStatus();
  }
  static void Apply(const Change& change, Names& names) {
    if (!change.from.empty()) names.erase(change.from);
    if (!change.to.empty()) names[change.to] = change.node;
  }

  mutable std::mutex mutex_;
  Random random_;
  Names names_;
  Names lasting_;
  std::vector<Change> changes_;
  std::optional<uint64_t> space_;
  std::optional<uint64_t> power_;  // Operations left; 0: gone.
  bool sync_fails_ = false;
  uint64_t operations_ = 0;
  uint64_t age_ = 0;
};

}  // namespace henge::persistence
