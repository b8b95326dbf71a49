// SPDX-License-Identifier: Apache-2.0
// RoutedTransport: GrpcTransport, told where peers are: by the topology, which follows nodes that
// move; else by what consensus carries with each member; else by what was known when the stay
// began, which is all that a newcomer has. Notes when each peer was last heard.
//
// Transport's methods and Follow: the driver's thread, or before it runs. The rest: any thread.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cluster/consensus/grpc_transport.h"
#include "cluster/embedded/known_peer.h"
#include "cluster/topology.h"

namespace henge::cluster {

class RoutedTransport final : public consensus::Transport {
 public:
  using Clock = std::chrono::steady_clock;

  RoutedTransport(const KnownPeer& own, std::vector<KnownPeer> known,
                  std::shared_ptr<consensus::GrpcInbox> inbox);

  void Start(consensus::Driver& driver);
  void Stop();

  void Send(consensus::Message message) override { grpc_.Send(std::move(message)); }
  void Members(const consensus::Membership& members) override;
  void Follow(const TopologyPtr& topology);

  // All members, at their newest addresses.
  std::vector<KnownPeer> Located() const;
  // When it last said something; the beginning of time if never.
  Clock::time_point LastHeard(consensus::PeerId peer) const;

 private:
  KnownPeer Locate(const consensus::Member& member) const;  // Under mutex_, as Route.
  consensus::Membership Route() const;

  const std::vector<KnownPeer> known_;
  mutable std::mutex mutex_;
  consensus::Membership members_;                         // Guarded by mutex_.
  TopologyPtr topology_ = Topology::Empty();              // Guarded by mutex_.
  std::map<consensus::PeerId, Clock::time_point> heard_;  // Guarded by mutex_.
  consensus::GrpcTransport grpc_;
};

}  // namespace henge::cluster
