// SPDX-License-Identifier: Apache-2.0
// What this node holds of the cluster: the topology, and what the bus tells of the peers.
//
// Commands see it as a ClusterView, the bus as a BeatListener. Thread-safe; one small lock guards
// the topology's pointer and the links, and is never held while anything else is waited for. The
// hot path, IsMine, takes no lock (api.h).
//
// A peer is failed when pings to it have been without an answer for the node timeout, on the
// monotonic clock; who was not pinged is not. That is this node's opinion; the topology may have
// the judgement of all (Node::failed). Health is
//   fail  if a slot has no owner, or one that was judged, and full coverage is required; where
//         nobody judges, the opinion counts;
//   fail  if this side is a minority: nobody who judges has answered for the node timeout, or,
//         where nobody judges, half or more of the nodes that own slots are failed;
//   ok    otherwise.
//
// Whom to ping a PingPlan says; where nobody judges, everybody is pinged.
//
// Operations are given on to whoever coordinates the cluster. Without such a one this node decides
// alone if it is alone, and refuses otherwise: a change of its own would set it against its peers.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <bitset>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "cluster/api.h"
#include "cluster/heartbeat.h"
#include "cluster/ping_plan.h"

namespace henge::cluster {

class Relay;

using SlotSet = std::bitset<kSlots>;

struct ClusterOptions {
  NodeId my_id;
  int64_t node_timeout_ms = 15'000;
  bool require_full_coverage = true;
};

class ClusterState final : public ClusterView, public BeatListener {
 public:
  // Without cluster mode: every slot is mine, there are no nodes, health is ok.
  static std::unique_ptr<ClusterState> Standalone(const NodeId& my_id);

  // Refuses a topology that does not hold my_id.
  static absl::StatusOr<std::unique_ptr<ClusterState>> Make(const ClusterOptions& options,
                                                            TopologyPtr topology,
                                                            const Clock& clock = SystemClock());

  void SetNodeTimeout(int64_t timeout_ms);
  void SetRequireFullCoverage(bool required);

  // Called for slots that this node served and serves no longer, on the thread that changed them
  // and when it is done.
  void OnSlotsLost(std::function<void(const SlotSet&)> tell);

  // Called for the topology there is, now, and for each that follows, in order and under this
  // state's lock; quick. `anew`: it is the first, or another cluster's.
  using TellTopology = std::function<void(const Topology&, const NodeId& self, bool anew)>;
  void OnTopology(TellTopology tell);

  // Makes a newer topology the current one; an older one, or one without this node, is refused.
  absl::Status Adopt(TopologyPtr topology);

  // Who does what operators ask for from here on; outlives the state.
  using ClusterView::Use;
  void Use(ClusterOperations& operations) { operations_.store(&operations); }

  // Whether this node is on the majority's side, from here on, instead of its own opinion of its
  // peers; null: no longer. Called on any thread, under this state's lock.
  void AskTouch(std::function<bool()> in_touch);

  // Where this node's data stands, told to peers from here on; null: no longer. Called on any
  // thread, under this state's lock.
  void TellOffset(std::function<uint64_t()> offset);

  // Goes on as that node with a topology of another cluster, whatever its version: RESET, and
  // joining. Refuses a topology that does not hold the node.
  absl::Status BeginAnew(const NodeId& my_id, TopologyPtr topology);

  // What the relay counts is among the stats from here on. Before other threads look.
  void CountRelay(const Relay& relay) { relay_ = &relay; }

  NodeId my_id() const override;
  TopologyPtr topology() const override;
  std::vector<PeerLink> Links() const override;
  BusStats bus_stats() const override;
  std::vector<PeerAddress> Peers() const;  // All of them.
  bool DecidesAlone() const override { return operations_.load() == nullptr; }
  bool WasForgotten(const NodeId& node) const override;

  void Propose(Change change, ProposalDone done) override;
  void Meet(std::string host, uint16_t port, uint16_t bus_port, ProposalDone done) override;
  void Forget(const NodeId& node, ProposalDone done) override;
  void Reset(bool hard, ProposalDone done) override;
  void Failover(FailoverMode mode, ProposalDone done) override;

  Beat OwnBeat() const override;
  std::vector<PeerAddress> PeersToPing() override;
  void OnRound() override;
  void OnPingSent(const NodeId& peer) override;
  void OnPong(const NodeId& peer, const Beat& beat) override;
  void OnPingFailed(const NodeId& peer, const std::string& error) override;
  bool OnPing(const Beat& beat) override;

 private:
  struct Link {
    PeerLink seen;
    int64_t waits_since = 0;  // Monotonic microseconds: the oldest ping without an answer; or 0.
    bool tried = false;       // It was pinged.
    bool close = false;       // A member of one of this node's groups.
  };

  ClusterState(bool enabled, const ClusterOptions& options, const Clock& clock);

  void TellLost(const SlotSet& lost);
  absl::Status ChangeAlone(const Change& change);
  // REQUIRES: mutex_ held, for all of these.
  absl::Status AdoptLocked(TopologyPtr topology, SlotSet& lost);
  void TakeLocked(NodeIndex me, TopologyPtr topology, SlotSet& lost, bool anew);
  void NoteForgotten(const Topology& next);
  void MarkParts(NodeIndex me, SlotSet& lost);
  void FollowPeers(NodeIndex me);
  void JudgeHealth();
  bool IsSilent(const NodeId& id) const;
  // Also log what has changed.
  void SetConnected(Link& link, bool connected);
  void SetFailed(Link& link, bool failed);
  void Learn(Link& link, const Beat& beat);

  // Logs what happened to a peer, with its name and address.
  void Tell(bool good, std::string_view what, const Link& link) const;

  ClusterOptions options_;  // Guarded by mutex_.
  const Clock& clock_;
  const Relay* relay_ = nullptr;
  std::atomic<ClusterOperations*> operations_{nullptr};

  mutable std::mutex mutex_;
  TopologyPtr topology_;
  std::map<NodeId, Link> links_;
  PingPlan plan_;
  std::map<NodeId, int64_t> forgotten_;  // Since when, in monotonic microseconds.
  std::function<uint64_t()> tell_offset_;
  std::function<bool()> in_touch_;
  BusStats stats_;
  std::function<void(const SlotSet&)> tell_lost_;
  TellTopology tell_topology_;
};

}  // namespace henge::cluster
