// SPDX-License-Identifier: Apache-2.0
// EmbeddedCoordinator: the cluster's own nodes keep the topology, by consensus among up to seven of
// them; the others learn. No process beside the nodes.
//
// How a node comes to its cluster:
//   alone      it founds one of itself, and proposals are answered at once;
//   together   nodes that list the same members found it when a majority of the first voters has
//              met; each has the same first topology meanwhile. A node whose disk was wiped finds
//              the others founded without it, and comes back as another member of consensus;
//   restart    as the directory says, whatever the options say of members;
//   Meet       of two nodes one of which is alone, that one gives up its own cluster and becomes a
//              member of the other's, with the slots that it owns. Both in clusters of several:
//              refused;
//   Reset      it leaves, and is alone again. Also if others forgot it.
//
// An UpdateNode of this very node, proposed here, is also what the node announces from then on: it
// is proposed again until the topology has it, and it is told to whoever takes the node in.
//
// Thread-safe, but for Start and the destructor. Before the destructor, stop what calls in and end
// all watching; the services may go on being served.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cluster/node_coordinator.h"
#include "persistence/file.h"

namespace henge::cluster {

struct EmbeddedOptions {
  std::string directory;  // Its own; made if it is missing, its parent must be there.
  // As this node is to be told of. A zero id: any, and the same after a restart. No host: found out
  // when it meets others.
  Node self;
  std::vector<Node> members;  // To found a cluster with, `self` among them; empty: alone.
  // Those are one group without shards (Topology::OneGroup); else the ring places them:
  bool one_group = false;
  uint32_t followers = 0;        // Of each group, and how many groups a node leads: Topology's
  uint32_t groups_per_node = 1;  // FromMembers.
  std::chrono::milliseconds tick{50};
  int election_ticks = 20;                             // At least so long without a leader.
  std::chrono::milliseconds voter_patience{60'000};    // Until a lost voter is replaced.
  std::chrono::milliseconds meeting_patience{30'000};  // Until Meet gives up.
  std::chrono::milliseconds founding_grace{1000};      // For those who come late.
  uint64_t snapshot_entries = 1000;
};

class EmbeddedCoordinator final : public NodeCoordinator {
 public:
  // The topology that it has holds this node. kDataLoss: the directory is damaged.
  static absl::StatusOr<std::unique_ptr<EmbeddedCoordinator>> Start(
      const EmbeddedOptions& options,
      persistence::FileSystem& files = persistence::PosixFileSystem());
  ~EmbeddedCoordinator() override;  // What was proposed ends as unknown.
  EmbeddedCoordinator(const EmbeddedCoordinator&) = delete;
  EmbeddedCoordinator& operator=(const EmbeddedCoordinator&) = delete;

  // To be served at options.self's bus port.
  std::vector<std::shared_ptr<grpc::Service>> services() const override;
  NodeId self() const override;

  TopologyPtr topology() const override;
  std::optional<NodeId> leader() const override;
  bool IsLeader() const override;
  void Watch(TopologyWatcher* watcher) override;
  void Unwatch(TopologyWatcher* watcher) override;
  uint64_t NewRequest() override;
  void Propose(Proposal proposal, ProposalDone done) override;
  void Barrier(int64_t timeout_ms, BarrierDone done) override;

  // Brings this node's cluster and that of the node there together. OK: both are members of one
  // (this node knows of both, or will in a moment). kFailedPrecondition, kAlreadyExists,
  // kInvalidArgument: refused, nothing has changed. kDeadlineExceeded: nobody answered.
  void Meet(const std::string& host, uint16_t bus_port, Done done) override;

  // Leaves the cluster, if it is one of several, and founds one alone, without slots; `hard`: as a
  // node of another id. Where the others do not answer it goes without their consent, and they keep
  // it in their topology as one that is away. kUnavailable: it is just meeting others; try again.
  void Reset(bool hard, Done done) override;

 private:
  class Core;
  explicit EmbeddedCoordinator(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace henge::cluster
