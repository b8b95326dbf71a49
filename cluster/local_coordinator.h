// SPDX-License-Identifier: Apache-2.0
// A coordinator within one process: the document and its changes behind a lock. For tests, where
// several nodes share a LocalConsensus, each through a LocalCoordinator of its own; and for a node
// alone.
//
// Tests can cut a node off: it knows no leader, and its proposals and barriers fail as unavailable,
// or, with `silently`, are kept until it is connected again (their outcome meanwhile:
// kDeadlineExceeded).
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "cluster/coordinator.h"

namespace henge::cluster {

class LocalCoordinator;

// Thread-safe.
class LocalConsensus {
 public:
  explicit LocalConsensus(TopologyPtr topology) : topology_(std::move(topology)) {}

  TopologyPtr topology() const;
  void SetLeader(std::optional<NodeId> leader);

 private:
  friend class LocalCoordinator;
  using Name = std::pair<NodeId, uint64_t>;

  // OK or Apply's refusal; the same again for the same request.
  absl::Status Order(const NodeId& proposer, const Proposal& proposal);
  void Join(LocalCoordinator* node);
  void Leave(LocalCoordinator* node);
  void TellAll();

  // Orders what is told; taken before mutex_ and any node's own. Recursive, since those who are
  // told may propose.
  std::recursive_mutex telling_;
  mutable std::mutex mutex_;
  TopologyPtr topology_;
  std::optional<NodeId> leader_;
  uint64_t requests_ = 0;  // Given to any node, so that one that begins anew has new ones.
  std::map<Name, absl::Status> outcomes_;
  std::vector<LocalCoordinator*> nodes_;
};

class LocalCoordinator final : public Coordinator {
 public:
  // The consensus outlives it.
  LocalCoordinator(LocalConsensus& consensus, const NodeId& self);
  ~LocalCoordinator() override;
  LocalCoordinator(const LocalCoordinator&) = delete;
  LocalCoordinator& operator=(const LocalCoordinator&) = delete;

  TopologyPtr topology() const override;
  std::optional<NodeId> leader() const override;
  bool IsLeader() const override { return leader() == self_; }
  void Watch(TopologyWatcher* watcher) override;
  void Unwatch(TopologyWatcher* watcher) override;
  uint64_t NewRequest() override;
  void Propose(Proposal proposal, ProposalDone done) override;
  void Barrier(int64_t timeout_ms, BarrierDone done) override;

  // Tells the watchers that the node belongs to another cluster; what that is, it does not know.
  void Move();
  void Disconnect(bool silently = false);
  void Connect();

 private:
  friend class LocalConsensus;
  enum class Link : uint8_t { kUp, kDown, kSilent };

  void Tell();  // Under telling_: whatever is new.

  LocalConsensus& consensus_;
  const NodeId self_;

  mutable std::mutex mutex_;
  Link link_ = Link::kUp;
  TopologyPtr seen_;
  std::optional<NodeId> leader_;
  std::vector<TopologyWatcher*> watchers_;
  std::vector<Proposal> kept_;
};

}  // namespace henge::cluster
