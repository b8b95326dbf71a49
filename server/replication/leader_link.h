// SPDX-License-Identifier: Apache-2.0
// LeaderLink: this node as a follower. Connects, in Redis's protocol, and again
// a second after a link broke; takes the payload of a full sync into a file and from there into the
// store; applies the stream.
//
//   socket ─> FollowerProtocol ─┬─> file ─> DatasetLoader
//                               ├─> UnitIntake ─> worker 0: UnitApplier ─> store, journal
//                               └─> StreamLink, where the leader is a Henge
//
// A thread of its own does all that. Any thread may ask how it goes.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/types.h"
#include "replication/follower_protocol.h"
#include "server/replication/link_status.h"
#include "server/replication/receiving.h"
#include "server/replication/stream_link.h"
#include "server/replication/temporary_file.h"
#include "server/replication/unit_intake.h"
#include "server/replication/wake_bell.h"

namespace henge::server {

class Node;

class LeaderLink final : private replication::FollowerProtocol::Listener {
 public:
  struct Terms {
    bool failover = false;  // It is a follower that is asked to lead.
    // Of a group that a control plane governs: by streams alone, and again soon after one broke.
    bool streams_only = false;
  };
  LeaderLink(Node& node, uint64_t number, std::string host, int port, const Terms& terms);
  ~LeaderLink() override;  // Stops.
  LeaderLink(const LeaderLink&) = delete;
  LeaderLink& operator=(const LeaderLink&) = delete;

  void Start();
  void Stop();  // The thread ends soon.
  bool ended() const { return ended_.load(std::memory_order_acquire); }

  uint64_t number() const { return number_; }
  const std::string& host() const { return host_; }
  int port() const { return port_; }
  const LinkStatus& status() const { return status_; }
  bool up() const { return status_.state.load() == LinkStatus::State::kConnected; }
  // Ends the connection; another one follows.
  void Break();
  // Ends the connection if nothing was heard for too long.
  void CheckTimeout(UnixMillis now);

 private:
  void Run();
  absl::Status Follow();  // One connection, until it ends.
  absl::Status Connect();
  absl::Status Exchange();
  absl::Status TimedOut() const;
  absl::Status Send(std::string_view bytes);
  void SendAcknowledgement();
  // After a request: so long as the disk lacks what was applied.
  int64_t UntilAcknowledgement(UnixMillis now) const;
  void GoUp();
  void CloseSocket();

  absl::Status OnFullSync(std::string_view history_id, int64_t offset) override;
  absl::Status OnContinue(std::string_view history_id) override;
  absl::Status OnPayload(std::string_view bytes, int64_t total) override;
  absl::Status OnPayloadEnd() override;
  absl::Status OnStream(std::string_view bytes) override;
  // The same by a stream between Henges, to which the leader has invited.
  absl::Status FollowStream(const replication::FollowerProtocol::Invitation& invitation);

  Node& node_;
  const uint64_t number_;
  const std::string host_;
  const int port_;
  WakeBell bell_;
  int fd_ = -1;
  std::atomic<bool> stop_{false};
  std::atomic<bool> ended_{false};
  std::atomic<bool> broken_{false};  // The connection under way is to end.
  LinkStatus status_;
  std::mutex mu_;
  StreamLink* stream_ = nullptr;  // Under way.

  // The thread's.
  std::unique_ptr<replication::FollowerProtocol> protocol_;
  std::unique_ptr<UnitIntake> intake_;
  bool acknowledge_now_ = false;
  UnixMillis acknowledged_at_ = 0;
  int64_t durable_wanted_ = -1;  // Not on the disk when it was asked for.
  bool sends_ack_ = false;       // The link is up.
  bool failover_;                // Not yet accepted.
  const bool streams_only_;
  std::string history_id_;
  int64_t offset_ = 0;
  std::unique_ptr<Receiving> receiving_;
  std::unique_ptr<TemporaryFile> file_;  // Of the payload.
  std::string last_why_;                 // The last connection ended, or did not come about.
  UnixMillis no_stream_until_ = 0;       // It did not work lately.
  std::thread thread_;
};

}  // namespace henge::server
