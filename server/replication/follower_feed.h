// SPDX-License-Identifier: Apache-2.0
// FollowerFeed: what goes to one follower that speaks Redis's protocol: the payload of a full sync
// if it needs one, then the journal, on and on.
//
//   worker: the connection reads (acknowledgements) ── closes ──> Stop
//   feed's thread: SyncSource ─> socket, then JournalReader ─> socket; nobody else writes there
//
// The thread ends when the socket breaks or Stop was called. In the first case it shuts the socket
// down, so that the worker closes the connection. Any thread, but for the constructor and Start.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/types.h"
#include "commands/client_state.h"
#include "persistence/journal/journal_reader.h"
#include "server/replication/sync_source.h"

namespace henge::server {

class Node;

class FollowerFeed {
 public:
  enum class State : uint8_t { kWaiting, kSending, kOnline };  // INFO's wait_bgsave, send_bulk.

  // `fd` is the feed's own. `plain`: it asked by SYNC, and acknowledges nothing.
  FollowerFeed(Node& node, ClientId id, int fd, const commands::FollowerTraits& traits,
               std::string address, bool plain);
  ~FollowerFeed();  // Stops.
  FollowerFeed(const FollowerFeed&) = delete;
  FollowerFeed& operator=(const FollowerFeed&) = delete;

  // Goes on from the reader's place, after `greeting`;
  void StartPartial(std::string greeting, std::unique_ptr<persistence::JournalReader> reader);
  // or begins with everything.
  void StartFull();
  // The thread ends soon.
  void Stop();
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  // Ends the connection: the follower asks again.
  void Break();
  // To be called by whoever there is more for.
  void Wake();

  // A reader of the journal that wakes it; null if that place is not kept.
  std::unique_ptr<persistence::JournalReader> AttachReader(Lsn from);

  void Acknowledge(int64_t offset, int64_t durable_offset, UnixMillis now);

  ClientId id() const { return id_; }
  const std::string& address() const { return address_; }
  int port() const { return traits_.port; }
  bool plain() const { return plain_; }
  State state() const { return state_.load(std::memory_order_relaxed); }
  int64_t acknowledged() const { return acknowledged_.load(std::memory_order_relaxed); }
  int64_t acknowledged_durable() const { return durable_.load(std::memory_order_relaxed); }
  // When it last said so; 0: never.
  UnixMillis heard_at() const { return heard_at_.load(std::memory_order_relaxed); }

 private:
  void Run(std::string greeting);
  absl::Status SendAll();
  absl::Status SendEverything();
  absl::Status JoinSource();
  absl::Status SendPayload(SyncSource& source);
  absl::Status AwaitFirstAcknowledgement();
  absl::Status FollowJournal();
  absl::Status Send(std::string_view bytes);
  // Until somebody wakes it, or for so long.
  void Sleep(int64_t ms);

  Node& node_;
  const ClientId id_;
  const int fd_;
  const commands::FollowerTraits traits_;
  const std::string address_;
  const bool plain_;
  int wake_fd_ = -1;
  std::atomic<bool> stop_{false};
  std::atomic<bool> ended_{false};
  std::atomic<bool> heard_{false};  // Since the payload was sent.
  std::atomic<State> state_{State::kWaiting};
  std::atomic<int64_t> acknowledged_{0};
  std::atomic<int64_t> durable_{0};
  std::atomic<UnixMillis> heard_at_{0};
  std::shared_ptr<SyncSource> source_;  // The thread's.
  std::unique_ptr<persistence::JournalReader> reader_;
  std::thread thread_;
};

}  // namespace henge::server
