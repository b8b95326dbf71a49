// SPDX-License-Identifier: Apache-2.0
// The end of Follow at the node that follows: one stream to each peer, opened again when it ends.
// It tells what InterestFeed has to tell and hands on what comes.
//
// Round, Send and Stop are one thread's (the relay's); what comes is reported on gRPC's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "cluster/heartbeat.h"
#include "cluster/interest_feed.h"

namespace henge::cluster {

class RelayListener {
 public:
  virtual ~RelayListener() = default;
  // A peer's message, on a thread of gRPC; those of one peer one after the other, in its order.
  virtual void OnRelayed(std::string_view channel, std::string_view payload) = 0;
};

class FollowingStreams {
 public:
  FollowingStreams(const NodeId& my_id, InterestFeed& feed, RelayListener& listener);
  ~FollowingStreams();

  // Follows these, and no others.
  void Round(std::vector<PeerAddress> peers);
  // Tells what is due to the stream.
  void Send(StreamId stream);
  // Ends all streams and waits until they have ended.
  void Stop();

  // Any thread.
  uint64_t received() const;   // Messages.
  uint64_t following() const;  // Streams that a peer has answered.

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace henge::cluster
