// SPDX-License-Identifier: Apache-2.0
// LeaderLink: this node as a follower of a leader that speaks Redis's protocol. Connects, and again
// a second after a link broke; takes the payload of a full sync into a file and from there into the
// store; applies the stream.
//
//   socket ─> FollowerProtocol ─┬─> file ─> DatasetLoader
//                               └─> UnitReader ─> worker 0: UnitApplier ─> store, journal
//
// A thread of its own does all that. Any thread may ask how it goes.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/types.h"
#include "replication/follower_protocol.h"
#include "replication/unit_reader.h"

namespace henge::server {

class Node;

class LeaderLink final : private replication::FollowerProtocol::Listener {
 public:
  // INFO's and ROLE's words: connect, connecting, handshake, sync, connected.
  enum class State : uint8_t { kConnect, kConnecting, kHandshake, kSync, kConnected };

  LeaderLink(Node& node, uint64_t number, std::string host, int port);
  ~LeaderLink() override;  // Stops.
  LeaderLink(const LeaderLink&) = delete;
  LeaderLink& operator=(const LeaderLink&) = delete;

  void Start();
  void Stop();  // The thread ends soon.
  bool ended() const { return ended_.load(std::memory_order_acquire); }

  uint64_t number() const { return number_; }
  const std::string& host() const { return host_; }
  int port() const { return port_; }
  State state() const { return state_.load(std::memory_order_relaxed); }
  UnixMillis last_heard() const { return last_heard_.load(std::memory_order_relaxed); }
  UnixMillis down_since() const { return down_since_.load(std::memory_order_relaxed); }
  // Of the payload; -1: not known.
  int64_t payload_bytes() const { return payload_bytes_.load(std::memory_order_relaxed); }
  int64_t payload_total() const { return payload_total_.load(std::memory_order_relaxed); }

 private:
  void Run();
  absl::Status Follow();  // One connection, until it ends.
  absl::Status Connect();
  absl::Status Exchange();
  absl::Status Send(std::string_view bytes);
  void SendAcknowledgement();
  void Wait(int64_t ms);
  void CloseSocket();

  absl::Status OnFullSync(std::string_view history_id, int64_t offset) override;
  absl::Status OnContinue(std::string_view history_id) override;
  absl::Status OnPayload(std::string_view bytes, int64_t total) override;
  absl::Status OnPayloadEnd() override;
  absl::Status OnStream(std::string_view bytes) override;
  absl::Status ApplyUnits(size_t count);  // The first of the batch.

  Node& node_;
  const uint64_t number_;
  const std::string host_;
  const int port_;
  int wake_fd_ = -1;
  int fd_ = -1;
  std::atomic<bool> stop_{false};
  std::atomic<bool> ended_{false};
  std::atomic<State> state_{State::kConnect};
  std::atomic<UnixMillis> last_heard_{0};
  std::atomic<UnixMillis> down_since_{0};
  std::atomic<int64_t> payload_bytes_{0};
  std::atomic<int64_t> payload_total_{-1};

  // The thread's.
  std::unique_ptr<replication::FollowerProtocol> protocol_;
  std::unique_ptr<replication::UnitReader> units_;
  std::vector<replication::StreamUnit> batch_;  // Their memory stays.
  bool acknowledge_now_ = false;
  bool sends_ack_ = false;  // The link is up.
  std::string history_id_;
  int64_t offset_ = 0;
  std::string file_;  // Of the payload.
  int file_fd_ = -1;
  std::thread thread_;
};

}  // namespace henge::server
