// SPDX-License-Identifier: Apache-2.0
// ClusterMember: this node's part in a cluster: what it knows, the bus it answers on, and the
// heartbeat by which it asks. Made before the workers start, destroyed after they have stopped; the
// heartbeat ends first, the state last. Thread-safe where ClusterView is.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "cluster/bus_server.h"
#include "cluster/cluster_state.h"
#include "cluster/heartbeat.h"
#include "cluster/relay.h"
#include "server/cluster_config.h"

namespace henge::server {

// The client port's addresses in gRPC's notation. Those that may fail are left out, unless there
// are no others: a gRPC server takes all or none.
std::vector<std::string> BusHosts(const std::vector<std::string>& bind);

class ClusterMember {
 public:
  using BusServices = std::vector<std::shared_ptr<grpc::Service>>;
  // `bind` in Redis's notation, as the client port has it; `port` is the client port. The listener
  // hears what clients of other nodes publish, and outlives the member. `services`: what else the
  // bus serves.
  static absl::StatusOr<std::unique_ptr<ClusterMember>> Start(const ClusterConfig& config,
                                                              const std::vector<std::string>& bind,
                                                              int port,
                                                              cluster::RelayListener& listener,
                                                              BusServices services = {});

  cluster::ClusterView& view() { return *state_; }
  cluster::ClusterState& state() { return *state_; }
  cluster::Relay& relay() { return *relay_; }
  int bus_port() const { return bus_->port(); }
  // No call from another node is under way afterwards, and none comes.
  void StopServing() { bus_->Stop(); }

 private:
  ClusterMember() = default;
  std::unique_ptr<cluster::ClusterState> state_;
  std::unique_ptr<cluster::Relay> relay_;
  std::unique_ptr<cluster::BusServer> bus_;
  std::unique_ptr<cluster::Heartbeat> heartbeat_;
};

}  // namespace henge::server
