// SPDX-License-Identifier: Apache-2.0
// Relay: this node's part in publish and subscribe between nodes, by gRPC on the bus.
//
//   A publishes                    Follow, opened by B               B has subscribers
//   Followers  <── what B wants ──────────────────────────────────── InterestFeed
//       └───────── messages ───────────────────────────────────────> listener
//
// Each node opens one stream to each peer and keeps it: what it wants goes up, what the peer
// publishes comes down, batched. A stream that ends is opened again in a round (kRoundMillis).
// InterestFeed and Followers decide everything; here is only the transport.
//
// Publish and OnInterest come from any thread and never wait for the network: the relay's own
// thread, or gRPC's, sends. A stream has one write on its way at a time; what comes meanwhile
// travels together in the next.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "cluster/followers.h"
#include "cluster/following_streams.h"
#include "cluster/heartbeat.h"
#include "cluster/interest_feed.h"

namespace grpc {
class Service;
}

namespace henge::cluster {

struct RelayOptions {
  NodeId my_id;
  std::function<std::vector<PeerAddress>()> peers;  // Asked every round, and of each newcomer.
};

struct RelayStats {
  FollowersStats followers;
  uint64_t received = 0;   // Messages of peers.
  uint64_t following = 0;  // Peers whose stream is open.
};

class Relay {
 public:
  static constexpr int kRoundMillis = 200;

  // The listener outlives the relay.
  Relay(RelayOptions options, RelayListener& listener);
  ~Relay();  // As Stop.
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // For a BusServer, which is stopped before the relay goes.
  std::shared_ptr<grpc::Service> service();
  // Opens streams from here on.
  void Start();
  // Ends its streams. Publish and OnInterest may still be called, and go nowhere.
  void Stop();

  void Publish(std::string_view channel, std::string_view payload);
  void OnInterest(TopicKind kind, std::string_view name, bool wanted);

  void SetLimit(size_t bytes);  // What may wait for one peer; 0: Followers::kDefaultLimit.
  RelayStats stats() const;
  const Followers& followers() const;
  InterestFeed& feed();

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace henge::cluster
