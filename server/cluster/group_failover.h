// SPDX-License-Identifier: Apache-2.0
// GroupFailover: FAILOVER and SENTINEL FAILOVER in a group without shards: checks what can be
// known, begins a hand-over and does not wait for it.
//
// Any thread; no shard may be locked.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "cluster/node_id.h"
#include "commands/services.h"

namespace henge::server {

class Node;

class GroupFailover {
 public:
  using Request = commands::ReplicationService::FailoverRequest;
  static constexpr int64_t kTimeoutMs = 5000;  // If none is given: writes wait meanwhile.

  explicit GroupFailover(Node& node) : node_(node) {}

  // Errors' texts, or empty. At the leader:
  std::string Begin(const Request& request);
  std::string Abort() const;
  // At any node:
  std::string BeginAnywhere();
  // Whether one that was begun here has no outcome yet.
  bool under_way() const { return under_way_->load(std::memory_order_relaxed); }

 private:
  void Start(const cluster::NodeId& to, int64_t timeout_ms);

  Node& node_;
  // Shared with the one under way, which may outlast this.
  std::shared_ptr<std::atomic<bool>> under_way_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace henge::server
