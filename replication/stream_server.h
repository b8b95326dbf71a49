// SPDX-License-Identifier: Apache-2.0
// The leader's end of replication streams between Henge's nodes: the gRPC service, which knows how
// words are said, and an interface for who knows what to say.
//
// Each stream has two threads: gRPC's own, which runs OnFollow, and one of the handler's that reads
// acknowledgements.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "replication/stream_messages.h"

namespace grpc {
class Service;
}

namespace henge::replication {

// One follower's stream. Reading and writing may be done by two threads, each by one.
class FollowerStream {
 public:
  virtual ~FollowerStream() = default;
  // The other end's address, as "127.0.0.1:5000".
  virtual std::string peer() const = 0;
  // These wait. False, or nothing: the stream is over.
  virtual std::optional<StreamAcknowledgement> Read() = 0;
  virtual bool Send(const StreamPartial& partial) = 0;
  virtual bool Send(const StreamFull& full) = 0;
  virtual bool Send(const StreamAlive& alive) = 0;  // Before one of these.
  virtual bool SendRecords(int64_t offset, uint64_t epoch, std::string_view data) = 0;
  // Any thread: ends it, also whoever waits in one of the above.
  virtual void Cancel() = 0;
};

class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // Serves the follower until it returns. What it said first has been read.
  virtual absl::Status OnFollow(const StreamHello& hello, FollowerStream& stream) = 0;
  // Gives all of a snapshot to `send`, which is false when nobody listens any more.
  virtual absl::Status OnSnapshot(uint64_t snapshot, std::string_view token,
                                  absl::FunctionRef<bool(std::string_view)> send) = 0;
};

// The handler outlives the service.
std::shared_ptr<grpc::Service> MakeStreamService(StreamHandler& handler);

}  // namespace henge::replication
