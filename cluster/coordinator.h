// SPDX-License-Identifier: Apache-2.0
// The coordinator: who keeps the one topology, orders its changes and tells of them. `embedded`
// (Raft among the voters), `etcd`, and LocalCoordinator (one process; for tests and a node alone)
// implement it.
//
//   Propose ──> ordered by consensus ──> Apply, the same on every node ──> Watch
//
// Thread-safe. Callbacks run on a thread of the coordinator's, one at a time, or within the call
// that gives them; they must not block, and may call back into the coordinator.
//
// A node belongs to one cluster at a time. It may come to belong to another (MEET, RESET, or
// because it was forgotten); the coordinator and its watchers stay, and OnCluster tells. What was
// proposed in the former cluster ends as unknown.
//
// What is promised, within one cluster:
//  1. topology() never goes back to an older version; each version is one document everywhere.
//  2. A proposal is applied at most once, also when it is made again under the same request.
//  3. When a proposal's outcome is OK, topology() has it, on this node, before the callback runs.
//  4. After a barrier that ended OK, topology() has all that was committed anywhere before the
//     barrier began. Hence: if this node is in office in it, then no other node's taking office had
//     been committed at the moment that the barrier began.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "cluster/topology.h"
#include "cluster/topology/change.h"

namespace henge::cluster {

struct Proposal {
  uint64_t request = 0;  // Of NewRequest: to be able to ask again. 0: asked once only.
  Change change;
  uint64_t expected_version = 0;  // 0: whichever there is.
  int64_t timeout_ms = 5000;      // Until the outcome is kDeadlineExceeded.
};

// Of an unknown outcome (ProposalDone, kDeadlineExceeded): under its request a change can be
// proposed again, and the outcome is then the one that it had or gets.

// OK, or kUnavailable or kDeadlineExceeded: nothing is known.
using BarrierDone = std::function<void(const absl::Status&)>;

class TopologyWatcher {
 public:
  virtual ~TopologyWatcher() = default;
  // A newer topology; versions may be passed over. Called in order.
  virtual void OnTopology(const TopologyPtr& topology) = 0;
  // The node is in another cluster now, and may have another id there: what it knew of the former
  // one is over, and versions begin anew. OnTopology and OnLeader of the new one follow.
  virtual void OnCluster(const NodeId& /*self*/) {}
  // Who leads among the coordinator's nodes, as far as this one knows: heartbeats go there, and
  // whoever it is should take office. Nobody: no leader is known.
  virtual void OnLeader(std::optional<NodeId> leader) = 0;
};

class Coordinator {
 public:
  virtual ~Coordinator() = default;

  virtual TopologyPtr topology() const = 0;  // Never null.
  virtual std::optional<NodeId> leader() const = 0;
  virtual bool IsLeader() const = 0;  // May be out of date; a barrier and the office tell for sure.

  // Tells the watcher of what there is now, and of all that follows until Unwatch has returned.
  virtual void Watch(TopologyWatcher* watcher) = 0;
  virtual void Unwatch(TopologyWatcher* watcher) = 0;

  virtual uint64_t NewRequest() = 0;
  virtual void Propose(Proposal proposal, ProposalDone done) = 0;
  virtual void Barrier(int64_t timeout_ms, BarrierDone done) = 0;
};

}  // namespace henge::cluster
