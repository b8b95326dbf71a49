// SPDX-License-Identifier: Apache-2.0
// What a client may cost: read after every round of work on a connection, set by CONFIG.
#pragma once

#include <atomic>
#include <cstdint>

namespace henge::server {

// `client-output-buffer-limit` of one class: over `hard`, or over `soft` for `soft_seconds`, and
// the client is cut. 0: no limit.
struct OutputLimit {
  std::atomic<uint64_t> hard{0};
  std::atomic<uint64_t> soft{0};
  std::atomic<int64_t> soft_seconds{0};
};

struct ClientLimits {
  std::atomic<size_t> max_clients{10'000};
  std::atomic<uint64_t> query_buffer{uint64_t{1} << 30};  // client-query-buffer-limit
  std::atomic<int64_t> idle_seconds{0};                   // timeout; 0: never.
  OutputLimit normal_output;
  OutputLimit pubsub_output;
  OutputLimit replica_output;
};

}  // namespace henge::server
