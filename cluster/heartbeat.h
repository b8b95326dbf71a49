// SPDX-License-Identifier: Apache-2.0
// Who is there: every node pings peers on the bus, each period, by gRPC; whom, the listener says
// (ClusterState, by a PingPlan).
//
// Heartbeat is the asking end, MakePingService the answering one; both report to a BeatListener,
// which holds what is known and decides what follows from it. Neither knows the topology.
//
// The listener's methods are called from gRPC's threads and the heartbeat's own, several at once,
// and must not block. A peer has at most one ping on its way: a period in which the last one still
// waits is skipped, so that a dead peer costs one call per deadline.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/types.h"
#include "cluster/node_id.h"

namespace grpc {
class Service;
}

namespace henge::cluster {

// How a node sees the cluster, in a few bytes; Ping carries one each way.
struct Beat {
  NodeId sender;
  uint64_t topology_version = 0;
  Epoch epoch = 0;
  uint64_t fingerprint = 0;
  uint64_t offset = 0;  // Of its data's history.
};

struct PeerAddress {
  NodeId id;
  std::string host;
  uint16_t bus_port = 0;
  bool operator==(const PeerAddress&) const = default;
};

class BeatListener {
 public:
  virtual ~BeatListener() = default;
  virtual Beat OwnBeat() const = 0;
  virtual std::vector<PeerAddress> PeersToPing() = 0;  // Asked every period.

  virtual void OnRound() = 0;  // Every period, before the pings.
  virtual void OnPingSent(const NodeId& peer) = 0;
  virtual void OnPong(const NodeId& peer, const Beat& beat) = 0;
  virtual void OnPingFailed(const NodeId& peer, const std::string& error) = 0;

  // Whether the sender is a member; the answer is refused to strangers.
  virtual bool OnPing(const Beat& beat) = 0;
};

struct HeartbeatOptions {
  int64_t period_ms = 500;
  int64_t deadline_ms = 1000;
};

class Heartbeat {
 public:
  // Starts the thread. The listener outlives the heartbeat.
  Heartbeat(BeatListener& listener, HeartbeatOptions options);
  ~Heartbeat();  // Cancels what is on its way and waits for it.
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  class Rounds;
  std::unique_ptr<Rounds> rounds_;
};

// For a BusServer. The listener outlives the server.
std::shared_ptr<grpc::Service> MakePingService(BeatListener& listener);

}  // namespace henge::cluster
