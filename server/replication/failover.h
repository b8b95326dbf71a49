// SPDX-License-Identifier: Apache-2.0
// Failover: FAILOVER, by which a leader and a follower change places without losing a write.
//
//   none ── Begin: writes pause ──> waiting for sync ── a follower has all ──> in progress ──> none
//                                                       this node follows it, by PSYNC … FAILOVER
//
// Any thread; no shard may be locked. Its mutex is taken before Replication's.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "base/types.h"
#include "commands/services.h"

namespace henge::server {

class Node;

class Failover {
 public:
  enum class State : uint8_t { kNone, kWaiting, kInProgress };
  explicit Failover(Node& node) : node_(node) {}

  // Error's texts, or empty.
  std::string Begin(const commands::ReplicationService::FailoverRequest& request);
  std::string Abort();
  void Tick(UnixMillis now);
  // The link's thread: the follower leads, or will not.
  void OnAccepted();
  void OnRefused(std::string_view why);
  State state() const { return state_.load(std::memory_order_relaxed); }

 private:
  // With the mutex held, as the rest.
  std::string Check(const commands::ReplicationService::FailoverRequest& request) const;
  bool Proceed(const std::string& host, int port, bool force);
  void End();
  void LeadAgain();

  Node& node_;
  std::mutex mu_;  // Of all below.
  std::atomic<State> state_{State::kNone};
  commands::ReplicationService::FailoverRequest request_;
  UnixMillis deadline_ = 0;                 // 0: none.
  std::shared_ptr<std::atomic<int>> busy_;  // Workers that may be behind the gate with a write.
};

}  // namespace henge::server
