// SPDX-License-Identifier: Apache-2.0
// TestNode: a Raft with a disk, for tests: it can be slow, and crash at any moment. A value: tests
// that explore copy it. One thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cluster/consensus/raft.h"

namespace henge::consensus::testing {

// What survives a crash, as a write-ahead log would keep it.
struct Disk {
  HardState hard;
  SnapshotPtr snapshot = std::make_shared<Snapshot>();
  std::vector<Entry> entries;  // Behind the snapshot, without a gap.

  void Write(const Ready& ready);
  Saved Read() const { return {hard, snapshot, entries}; }
};

class TestNode {
 public:
  TestNode(const RaftOptions& options, Disk disk);

  bool up() const { return raft_.has_value(); }
  Raft& raft() { return *raft_; }
  const Raft& raft() const { return *raft_; }
  Disk& disk() { return disk_; }
  const Disk& disk() const { return disk_; }

  // Takes a Ready and lets the disk begin, unless it is at one; whether it did.
  bool BeginWrite();
  bool writing() const { return writing_.has_value(); }
  const Ready* in_writing() const { return writing_ ? &*writing_ : nullptr; }
  // Of the entry before the first that is being written.
  Term term_before_write() const { return term_before_write_; }
  // The disk has it: gives the messages to send, applies what is committed.
  std::vector<Message> EndWrite();
  // What was not on the disk is gone.
  void Crash();
  void Start();
  void Compact(uint64_t keep);

  // Commands that were applied, in order, snapshots included.
  const std::vector<std::string>& applied() const { return applied_; }
  std::vector<ReadState> TakeReads() { return std::exchange(reads_, {}); }
  std::vector<RefusedRequest> TakeRefused() { return std::exchange(refused_, {}); }
  // The newest session opened with such a nonce that this node has applied.
  std::optional<uint64_t> SessionOf(const std::string& nonce) const;

 private:
  void Install(const Snapshot& snapshot);
  void Apply(const Committed& committed);

  RaftOptions options_;
  Disk disk_;
  std::optional<Raft> raft_;
  std::optional<Ready> writing_;
  Term term_before_write_ = 0;
  std::vector<std::string> applied_;
  std::vector<ReadState> reads_;
  std::vector<RefusedRequest> refused_;
  std::map<std::string, uint64_t> sessions_;
};

}  // namespace henge::consensus::testing
