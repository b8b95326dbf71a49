// SPDX-License-Identifier: Apache-2.0
// StreamLink: one gRPC stream from a leader that is a Henge, as its follower.
//
//   stream ── records ──> applied; while there is no data yet, into a file (the spool)
//   another call ── snapshot ──> file ──> store ──> then the spool
//
// Run is the caller's thread; a snapshot and the acknowledgements have threads that end within it.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>

#include "replication/stream_client.h"
#include "server/replication/link_status.h"
#include "server/replication/unit_intake.h"

namespace henge::server {

class Node;

class StreamLink {
 public:
  StreamLink(Node& node, uint64_t link, std::string host, int port, LinkStatus& status);
  ~StreamLink();
  StreamLink(const StreamLink&) = delete;
  StreamLink& operator=(const StreamLink&) = delete;

  // Until the stream is over; why.
  absl::Status Run(const replication::StreamHello& hello);
  // Any thread.
  void Cancel();
  // Whether the leader has said anything.
  bool answered() const { return answered_; }

 private:
  absl::Status Follow();
  absl::Status OnRecords(std::string_view bytes);
  void Acknowledge();  // On its thread.
  void NotifyApplied();
  void FetchSnapshot(const replication::StreamFull& full);  // On its thread.
  absl::Status LoadSnapshot(const replication::StreamFull& full);
  absl::Status DrainSpool();
  void GoUp();

  Node& node_;
  const uint64_t link_;
  LinkStatus& status_;
  replication::StreamClient client_;
  UnitIntake intake_;  // Of whoever applies: one thread, then the other.
  std::string token_;
  bool answered_ = false;
  std::atomic<int64_t> received_{0};
  std::atomic<bool> up_{false};  // Its data is the leader's.

  std::mutex mu_;  // Of all below.
  std::condition_variable changed_;
  bool applied_more_ = false;
  bool over_ = false;
  bool has_data_ = false;  // Records need not be kept for later.
  int spool_fd_ = -1;
  uint64_t spooled_ = 0;
  absl::Status failure_;
};

}  // namespace henge::server
