// SPDX-License-Identifier: Apache-2.0
// SyncSource: a snapshot on its way to followers, any number of them, also of those that come while
// it is being written.
//
//   Saver's thread: moment (all shards locked) ─> Snapshot ─> a file without a name
//                                                               └── each feed reads behind the
//                                                               writer
//
// The journal is held from the moment on until the first has joined and a second has gone by, so
// who joins until then can have what came behind it. The file is gone with the last who uses it.
// Any thread.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "base/types.h"
#include "persistence/journal/journal_reader.h"

namespace henge::server {

class Node;

class SyncSource {
 public:
  // `rdb_version`: the newest that those who will read it can.
  SyncSource(Node& node, int rdb_version) : node_(node), rdb_version_(rdb_version) {}
  ~SyncSource();
  SyncSource(const SyncSource&) = delete;
  SyncSource& operator=(const SyncSource&) = delete;

  enum class State : uint8_t { kWaiting, kWriting, kWritten, kFailed };
  // Where the data stands in the leader's history.
  struct Position {
    std::string history_id;
    int64_t offset = 0;
    Lsn lsn = 0;
  };

  // On the snapshots' thread: takes the moment and writes.
  void Run();
  void Fail(const absl::Status& status);

  // Somebody has a place in the journal there.
  void NoteJoined() { joined_.store(true, std::memory_order_relaxed); }

  State state() const;
  int rdb_version() const { return rdb_version_; }
  // Waits until it is not in `state` any more, or for so long; returns what it is in then.
  State WaitBeyond(State state, std::chrono::milliseconds patience);
  // Waits until there are more than `bytes`, or all; returns how many there are.
  uint64_t WaitForBytes(uint64_t bytes, std::chrono::milliseconds patience);
  // REQUIRES: it has begun.
  const Position& position() const { return position_; }
  uint64_t size() const { return size_.load(std::memory_order_acquire); }
  // Reads at most so many bytes there; how many there were.
  absl::Status Read(uint64_t offset, char* to, size_t room, size_t& read) const;

 private:
  class Sink;
  absl::Status Open();
  void Set(State state);
  void ReleaseJournal();

  Node& node_;
  const int rdb_version_;
  int fd_ = -1;
  Position position_;
  // Of the snapshots' thread.
  std::unique_ptr<persistence::JournalReader> holder_;
  int64_t begun_at_ = 0;  // Monotonic microseconds.
  std::atomic<bool> joined_{false};
  std::atomic<uint64_t> size_{0};
  mutable std::mutex mu_;
  std::condition_variable changed_;
  State state_ = State::kWaiting;
};

}  // namespace henge::server
