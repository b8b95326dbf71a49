// SPDX-License-Identifier: Apache-2.0
// StreamLink: one gRPC stream from a leader that is a Henge, as its follower. What is decided,
// FollowerEnd decides; here are the threads, the files and the node.
//
//   stream ── records ──> applied; while there is no data yet, into a file (the spool)
//   another call ── snapshot ──> file ──> store ──> then the spool
//
// Run is the caller's thread; a snapshot and the acknowledgements have threads that end within it.
#pragma once

#include <absl/status/status.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "replication/follower_end.h"
#include "replication/stream_client.h"
#include "server/replication/link_status.h"
#include "server/replication/unit_intake.h"

namespace henge::server {

class Node;

class StreamLink {
 public:
  StreamLink(Node& node, uint64_t link, std::string host, int port, replication::StreamHello hello,
             LinkStatus& status);
  ~StreamLink();
  StreamLink(const StreamLink&) = delete;
  StreamLink& operator=(const StreamLink&) = delete;

  // Until the stream is over; why.
  absl::Status Run();
  // Any thread, as the next.
  void Cancel();
  // Ends it if nothing was heard for so long.
  void CheckTimeout(UnixMillis now, int64_t timeout_ms);
  // Whether the leader has said anything.
  bool answered() const { return answered_; }

 private:
  absl::Status Follow();
  absl::Status OnFirst(const replication::LeaderSaid& said);
  absl::Status OnRecords(const replication::StreamRecords& records);
  // What the leader said, to the machine, which may have learnt an epoch. REQUIRES: the mutex.
  template <typename Said>
  auto Hear(Said said) -> decltype(said());
  void AdoptEpoch();
  // Whether the data is all of the leader's by now, as it was when this node asked.
  void CheckLive();
  void Acknowledge();  // On its thread.
  void NotifyApplied();
  void FetchSnapshot();  // On its thread.
  absl::Status LoadSnapshot();
  absl::Status DrainSpool();
  absl::Status ReadSpool(const replication::FollowerEnd::Piece& piece, char* to) const;
  void GoUp();

  Node& node_;
  const uint64_t link_;
  LinkStatus& status_;
  replication::StreamClient client_;
  UnitIntake intake_;  // Of whoever applies: one thread, then the other.
  const replication::StreamHello hello_;
  bool answered_ = false;
  replication::StreamFull full_;
  int64_t live_from_ = -1;  // What that is; -1: it is told otherwise.
  std::thread snapshot_;

  std::mutex mu_;  // Of all below; held while something goes to the spool.
  replication::FollowerEnd end_;
  std::condition_variable changed_;
  bool applied_more_ = false;
  bool over_ = false;
  int spool_fd_ = -1;
  absl::Status failure_;
};

}  // namespace henge::server
