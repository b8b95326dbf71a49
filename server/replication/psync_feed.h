// SPDX-License-Identifier: Apache-2.0
// PsyncFeed: a follower that speaks Redis's protocol.
//
//   worker: the connection reads (acknowledgements) ── closes ──> Stop
//   feed's thread: payload, then journal ─> socket; nobody else writes there
//
// The thread ends when the socket breaks or Stop was called. In the first case it shuts the socket
// down, so that the worker closes the connection.
#pragma once

#include <thread>

#include "server/replication/follower_feed.h"

namespace henge::server {

class PsyncFeed final : public FollowerFeed {
 public:
  // `fd` is the feed's own. `plain`: it asked by SYNC, and acknowledges nothing.
  PsyncFeed(Node& node, ClientId id, int fd, const commands::FollowerTraits& traits,
            std::string address, bool plain);
  ~PsyncFeed() override;  // Stops.

  // Goes on from the reader's place, after `greeting`;
  // REQUIRES: it has its place.
  void StartPartial(std::string greeting);
  // or begins with everything.
  void StartFull();
  void Break() override;
  void Acknowledge(int64_t offset, int64_t durable_offset, UnixMillis now) override;
  bool plain() const override { return plain_; }

 private:
  void Run(const std::string& greeting);
  absl::Status SendEverything();
  // The follower's rdb-filter-only leaves out the keys: a file that is made at once.
  absl::Status SendWithoutKeys();
  absl::Status Greet(const SyncSource::Position& position);
  absl::Status SendPayload(SyncSource& source);
  absl::Status AwaitFirstAcknowledgement();
  absl::Status SayAlive() override;
  absl::Status SendJournal(Lsn, std::string_view bytes) override { return Send(bytes); }
  absl::Status Send(std::string_view bytes);

  const int fd_;
  const bool plain_;
  const bool marks_end_;  // The payload is sent while it is written: its length is not known.
  std::atomic<bool> heard_{false};  // Since the payload was sent.
  std::thread thread_;
};

}  // namespace henge::server
