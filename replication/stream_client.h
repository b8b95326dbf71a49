// SPDX-License-Identifier: Apache-2.0
// The follower's side of a replication stream between Henge's nodes, as gRPC. Checks checksums;
// whether what was said makes sense is FollowerEnd's to tell.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <string_view>

#include "replication/stream_messages.h"

namespace henge::replication {

class StreamClient {
 public:
  // Connects when it is first used.
  StreamClient(std::string_view host, int port);
  ~StreamClient();  // REQUIRES: nobody waits in a call.
  StreamClient(const StreamClient&) = delete;
  StreamClient& operator=(const StreamClient&) = delete;

  // Once, first.
  absl::Status Open(const StreamHello& hello);
  // Waits for what the leader says next. One thread.
  absl::StatusOr<LeaderSaid> Read();
  // One thread, which may be another. False: the stream is over.
  bool Send(const StreamAcknowledgement& acknowledgement);
  // Gives all of a snapshot to `take`. One thread.
  absl::Status ReadSnapshot(uint64_t snapshot, std::string_view token,
                            absl::FunctionRef<absl::Status(std::string_view)> take);
  // Any thread: ends all that waits, for good.
  void Cancel();

 private:
  struct Wire;
  absl::Status WhyOver();
  std::unique_ptr<Wire> wire_;
};

}  // namespace henge::replication
