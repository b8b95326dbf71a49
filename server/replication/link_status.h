// SPDX-License-Identifier: Apache-2.0
// How a follower's link to its leader goes, for INFO, ROLE and metrics. Any thread.
#pragma once

#include <atomic>

#include "base/types.h"

namespace henge::server {

struct LinkStatus {
  // ROLE's words: connect, connecting, handshake, sync, connected.
  enum class State : uint8_t { kConnect, kConnecting, kHandshake, kSync, kConnected };

  std::atomic<State> state{State::kConnect};
  std::atomic<bool> streams{false};  // Over gRPC; else by Redis's protocol.
  std::atomic<UnixMillis> last_heard{0};
  std::atomic<UnixMillis> down_since{0};
  std::atomic<int64_t> payload_bytes{0};
  std::atomic<int64_t> payload_total{-1};  // -1: not known.
};

}  // namespace henge::server
