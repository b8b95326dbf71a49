// SPDX-License-Identifier: Apache-2.0
// BacklogSpill: the journal's bytes on disk (repl-backlog-disk-size), so that a follower that was
// away for longer than the backlog in memory lasts still goes on where it was.
//
//    begin()        segments: files without a name           end()   the journal
//      ├── oldest, dropped next ──┬──────────┬── being written ──┤ ──────────────>
//
// A thread of its own follows the journal and writes; no worker waits for it. What it can't write
// (the disk is full) ends all that is there, and nothing else: later it begins anew. Of the
// history it knows nothing; LSNs go on whatever that does. Any thread.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>

#include "base/types.h"
#include "persistence/journal/journal_reader.h"
#include "server/replication/wake_bell.h"

namespace henge::server {

class Node;

class BacklogSpill {
 public:
  explicit BacklogSpill(Node& node) : node_(node) {}
  ~BacklogSpill() { Stop(); }
  BacklogSpill(const BacklogSpill&) = delete;
  BacklogSpill& operator=(const BacklogSpill&) = delete;

  // At most so many bytes of disk, but for what is being read; 0: none.
  void SetLimit(uint64_t bytes);
  // The journal is kept for followers from now on.
  void Wake() { bell_->Ring(); }
  // For good. The thread has ended afterwards.
  void Stop();

  // The first byte from which on everything is here or in the journal, which begins at
  // `journal_begin`.
  Lsn BeginBefore(Lsn journal_begin) const;
  bool Has(Lsn lsn) const;
  // Bytes from `lsn` on, at most so many; none: there is no more yet. kOutOfRange: they are not
  // kept.
  absl::StatusOr<size_t> Read(Lsn lsn, char* to, size_t room) const;
  uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  uint64_t bytes() const;

 private:
  // A file, which ends with the last who reads it.
  struct Segment {
    Segment(int file, Lsn from) : fd(file), begin(from) {}
    ~Segment();
    Segment(const Segment&) = delete;
    Segment& operator=(const Segment&) = delete;
    const int fd;
    const Lsn begin;
  };
  struct Entry {
    std::shared_ptr<Segment> segment;
    Lsn end;
  };

  void Run();
  // Whether there is more to be written. An error: the disk's.
  absl::StatusOr<bool> WriteMore();
  absl::Status Append(Lsn lsn, std::string_view bytes);
  void Forget();
  void Trim();  // REQUIRES: the mutex.

  Node& node_;
  std::atomic<uint64_t> limit_{0};
  std::atomic<bool> stop_{false};
  const std::shared_ptr<WakeBell> bell_ = std::make_shared<WakeBell>();
  std::thread thread_;                                  // Begun once there is a limit.
  std::unique_ptr<persistence::JournalReader> reader_;  // The thread's.

  mutable std::mutex mu_;       // A leaf. Of all below.
  std::deque<Entry> segments_;  // In order, without gaps; the last is written.
};

}  // namespace henge::server
