// SPDX-License-Identifier: Apache-2.0
// ClusterMember: this node's part in a cluster, put together: the coordinator that keeps the
// topology, the life that beats and judges, the group's data that is told what to be, what commands
// see of it all (ClusterState), and the bus on which the nodes speak.
//
//   NodeCoordinator ─── topology ───> ClusterState ── ClusterView ──> commands
//          │    ^                            ^
//          │    └─ changes ── operations ────┘ CLUSTER MEET, SETSLOT, FAILOVER …
//          └─ topology, leader ──> NodeLife ── Lead, Follow, SetLease ──> GroupHost
//
// When the node comes to be in another cluster (MEET, RESET, or it was forgotten), its life begins
// anew there, on a thread of its own, and the bus with it.
//
// Made before the workers start. Stop while they still work, destroy after they have stopped.
// Thread-safe where ClusterView is.
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cluster/bus_server.h"
#include "cluster/cluster_state.h"
#include "cluster/courier.h"
#include "cluster/failover/group_host.h"
#include "cluster/heartbeat.h"
#include "cluster/life/node_life.h"
#include "cluster/node_coordinator.h"
#include "cluster/relay.h"
#include "server/cluster_config.h"

namespace henge::server {

// The client port's addresses in gRPC's notation. Those that may fail are left out, unless there
// are no others: a gRPC server takes all or none.
std::vector<std::string> BusHosts(const std::vector<std::string>& bind);

class ClusterMember final : private cluster::ClusterOperations, private cluster::TopologyWatcher {
 public:
  // What the node brings.
  struct Parts {
    // Hears what clients of other nodes publish; outlives the member.
    cluster::RelayListener& listener;
    // Makes the group's data for a node of that id. One at a time.
    std::function<std::unique_ptr<cluster::GroupHost>(const cluster::NodeId&)> make_group;
    // What else the bus serves.
    std::vector<std::shared_ptr<grpc::Service>> services;
    // Throws the node's data away, once it leads a group of its own: false until then. Waits for a
    // worker, unless it is given up.
    std::function<bool(const std::function<bool()>& given_up)> empty;
  };

  // `bind` in Redis's notation, as the client port has it; `port` is the client port.
  static absl::StatusOr<std::unique_ptr<ClusterMember>> Start(const ClusterConfig& config,
                                                              const std::vector<std::string>& bind,
                                                              int port, Parts parts);
  ~ClusterMember() override;

  // Tells nobody anything any more, and is not asked: what is under way ends as unknown.
  void Stop();

  cluster::ClusterView& view() { return *state_; }
  cluster::ClusterState& state() { return *state_; }
  cluster::Relay& relay() { return *relay_; }
  uint16_t bus_port() const { return bus_port_; }
  cluster::LifeFacts life() const;
  // cluster-node-timeout, from here on. Any thread.
  void SetNodeTimeout(int64_t timeout_ms);
  // Whether this node is on the side that has a judge, and, if it leads, has its lease or is about
  // to.
  bool InTouch() const;

  // Proposes the change and returns what became of it: asked again under one request until that is
  // known. kDeadlineExceeded: `given_up` said so first, and it may have been applied or may still
  // be. Waits; not for workers.
  absl::Status ProposeUntilKnown(const cluster::Change& change,
                                 const std::function<bool()>& given_up);

  // OK: the topology has all that was agreed on before the call. Waits; not for workers.
  absl::Status AwaitBarrier();

  // Before a leader goes: a follower in sync takes over. Returns when one has, or there is none
  // that could, or time is up.
  absl::Status HandOver(int64_t timeout_ms);
  // The group's leader, wherever it is, hands over to that follower, or (zero) to the best. `done`
  // as NodeLife's.
  void PassLead(const cluster::NodeId& to, int64_t timeout_ms, cluster::ProposalDone done);

 private:
  ClusterMember(const ClusterConfig& config, Parts parts);

  absl::Status ProposeOnce(uint64_t request, const cluster::Change& change);
  // --- cluster::ClusterOperations
  void Propose(cluster::Change change, cluster::ProposalDone done) override;
  void Meet(std::string host, uint16_t port, uint16_t bus_port,
            cluster::ProposalDone done) override;
  void Reset(bool hard, cluster::ProposalDone done) override;
  void Failover(cluster::FailoverMode mode, cluster::ProposalDone done) override;

  // --- cluster::TopologyWatcher
  void OnTopology(const cluster::TopologyPtr& topology) override;
  void OnCluster(const cluster::NodeId& self) override;
  void OnLeader(std::optional<cluster::NodeId>) override {}

  // REQUIRES, of these: the courier's thread, or that it is not there.
  absl::Status BeginLife(const cluster::NodeId& self);
  void EndLife();
  void Resettle(const cluster::NodeId& self);
  void EmptyThen(int tries, cluster::ProposalDone done);
  void Force(int tries, cluster::ProposalDone done);

  // Unless the node is about to stop: the errand is for the courier.
  void CallUnlessStopped(std::function<void()> errand);
  bool Stopped() const;

  std::shared_ptr<cluster::NodeLife> LifeNow() const;  // Null while another begins.

  const ClusterConfig config_;
  const Parts parts_;
  std::atomic<int64_t> node_timeout_ms_;
  std::vector<std::string> bus_hosts_;
  uint16_t bus_port_ = 0;
  int lock_ = -1;  // On the folder.
  std::unique_ptr<cluster::ClusterState> state_;
  std::unique_ptr<cluster::Relay> relay_;
  std::unique_ptr<cluster::Heartbeat> heartbeat_;

  std::recursive_mutex asking_;  // Held while the coordinator is asked, which may answer at once.
  std::unique_ptr<cluster::NodeCoordinator> coordinator_;  // Guarded by asking_, at the end.

  mutable std::mutex mutex_;       // Of all these.
  mutable bool followed_ = false;  // Since the start: a lead is news, then, and its lease is near.
  mutable Epoch led_epoch_ = 0;    // In which this node was last seen to lead, and since when.
  mutable int64_t leads_since_ = 0;
  bool stopped_ = false;
  bool settled_ = false;                       // The life is one in the cluster of now.
  std::optional<cluster::NodeId> new_self_;    // The next topology is of another cluster.
  std::unique_ptr<cluster::GroupHost> group_;  // Outlives the life.
  std::shared_ptr<cluster::NodeLife> life_;
  std::unique_ptr<cluster::BusServer> bus_;  // Ends before what it serves.

  std::unique_ptr<cluster::Courier> courier_;  // Last: its thread uses all of the above.
};

}  // namespace henge::server
