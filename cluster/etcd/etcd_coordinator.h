// SPDX-License-Identifier: Apache-2.0
// EtcdCoordinator: an etcd cluster keeps the topology, under one key that the nodes change by
// comparing and swapping; another key, held by a lease, says who leads the coordinator.
//
//   <prefix>/topology   a TopologyRecord (proto/henge/topology_record.proto)
//   <prefix>/leader     the id of the node that leads; goes when its lease ends
//
// Nodes with the same prefix are one cluster. A node joins by itself when it starts: the first
// makes the topology, of the members it was configured with or of itself; one that the topology
// lacks adds itself, without slots. Until etcd answers it has the document that it would make, and
// no barrier ends OK.
//
//   FORGET     the node stays out, also after a restart, until Meet;
//   Meet       brings a node that is out in again; OK for the address of a member; else refused:
//              others join by their own configuration;
//   Reset      the node becomes one without slots in a group of its own; `hard`: under another id.
//              One that is out stays out.
//
// A node that has been of a cluster never joins or founds another: when etcd has lost the topology,
// it waits for it to be restored, with the last one it knew. What can't be read is treated alike.
//
// Thread-safe, but for Start and the destructor. Before the destructor, stop what calls in and end
// all watching.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "cluster/etcd/etcd_access.h"
#include "cluster/node_coordinator.h"
#include "persistence/file.h"

namespace henge::cluster {

struct EtcdOptions {
  std::vector<std::string> endpoints;  // "host:port" each, one at least.
  EtcdAccess access = {};
  std::string prefix = "/henge";
  std::string directory;  // Its own; made if it is missing, its parent must be there.
  // As this node is to be told of. A zero id: any, and the same after a restart. The host is known.
  Node self;
  std::vector<Node> members;      // To found a cluster with, `self` among them; empty: alone.
  uint32_t followers = 0;         // Of each group, and how many groups a node leads: Topology's
  uint32_t groups_per_node = 1;   // FromMembers.
  std::chrono::seconds lease{2};  // Of the leader's key. etcd may make it longer.
  std::chrono::milliseconds tick{50};
  std::chrono::milliseconds call_patience{1000};  // For each call; a request makes several.
};

class EtcdCoordinator final : public NodeCoordinator {
 public:
  // The topology that it has holds this node. kDataLoss: the directory is damaged.
  static absl::StatusOr<std::unique_ptr<EtcdCoordinator>> Start(
      const EtcdOptions& options, persistence::FileSystem& files = persistence::PosixFileSystem());
  // What was proposed ends as unknown. Gives up the lead.
  ~EtcdCoordinator() override;
  EtcdCoordinator(const EtcdCoordinator&) = delete;
  EtcdCoordinator& operator=(const EtcdCoordinator&) = delete;

  std::vector<std::shared_ptr<grpc::Service>> services() const override { return {}; }
  NodeId self() const override;
  // Why it follows no topology at the moment, in words; empty: it does.
  std::string trouble() const;

  TopologyPtr topology() const override;
  std::optional<NodeId> leader() const override;
  bool IsLeader() const override;
  void Watch(TopologyWatcher* watcher) override;
  void Unwatch(TopologyWatcher* watcher) override;
  uint64_t NewRequest() override;
  void Propose(Proposal proposal, ProposalDone done) override;
  void Barrier(int64_t timeout_ms, BarrierDone done) override;
  void Meet(const std::string& host, uint16_t bus_port, Done done) override;
  void Reset(bool hard, Done done) override;

 private:
  class Core;
  explicit EtcdCoordinator(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace henge::cluster
