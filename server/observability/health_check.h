// SPDX-License-Identifier: Apache-2.0
// HealthCheck: one look at a node from outside, as `henge-server --healthcheck` takes it for
// container engines: a scratch image has no shell and no redis-cli.
//
//     PING ── +PONG ──> of a cluster? ── CLUSTER INFO: cluster_state:ok
//                   └─> of a group?   ── a leader is known, and this node leads or is linked to it
//
// The calling thread waits, each time for at most `timeout_ms` without progress.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <vector>

#include "server/config/settings.h"

namespace henge::server {

struct HealthQuestion {
  enum class Membership : uint8_t { kNone, kCluster, kGroup };

  std::vector<std::string> hosts;  // Tried in this order until one takes the connection.
  int port = 0;
  std::string password;  // Empty: none.
  Membership membership = Membership::kNone;
  std::string group;  // Its name, to SENTINEL.
  int64_t timeout_ms = 5000;
};

// Whom a node with these parameters would be, and how it would be reached from its own machine.
HealthQuestion HealthQuestionFrom(const Settings& settings);

// Ok: the node is well. Else the message says what is missing.
absl::Status CheckHealth(const HealthQuestion& question);

}  // namespace henge::server
