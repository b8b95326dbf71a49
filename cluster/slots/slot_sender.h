// SPDX-License-Identifier: Apache-2.0
// SlotSender: the source's end of a slot migration's stream, as gRPC over the bus.
//
//   one thread: Open ── Send … Send ── Settle        own thread: reads what the target answers
//
// Send waits while the target is slower (gRPC's flow control); any thread may Cancel, which ends
// whoever waits, for good.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/types.h"
#include "cluster/heartbeat.h"
#include "cluster/node_id.h"

namespace henge::cluster {

class SlotSender {
 public:
  // Connects when it is opened.
  explicit SlotSender(const PeerAddress& target);
  ~SlotSender();
  SlotSender(const SlotSender&) = delete;
  SlotSender& operator=(const SlotSender&) = delete;

  // Once, first. Returns when the target is ready, or says why it is not.
  absl::Status Open(const std::string& migration, const NodeId& source, uint64_t topology);
  // Whole commands, in RESP.
  absl::Status Send(std::string_view commands);
  // Returns when all that was sent is as safe at the target as an acknowledged write.
  absl::Status Settle(int64_t timeout_ms);
  void Cancel();

  // Any thread.
  uint64_t sent_bytes() const;
  uint64_t applied_bytes() const;  // As the target last said.
  UnixMillis heard_at() const;     // When it said anything; 0: never.

 private:
  struct Wire;
  absl::Status WhyOver();
  std::unique_ptr<Wire> wire_;
};

}  // namespace henge::cluster
