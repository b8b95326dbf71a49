// SPDX-License-Identifier: Apache-2.0
// RaftCoordinator: a Coordinator over the real Raft core, for one simulated process. Its disk is
// the machine's; time and messages are the world's. One thread; callbacks come from within Tick,
// Receive or the end of a write, never from within the call that gives them.
//
// The replicated state is the topology and, for each proposer, the outcomes of its requests: so
// that a proposal sent again is applied at most once and has the outcome that it had.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cluster/consensus/raft.h"
#include "cluster/coordinator.h"
#include "tests/sim/world.h"

namespace henge::sim {

// Of one proposer, which is a process: by request. Below `settled` nothing will be asked again.
struct Outcomes {
  uint64_t settled = 1;
  std::map<uint64_t, absl::StatusCode> known;
  bool operator==(const Outcomes&) const = default;
};

class RaftCoordinator final : public cluster::Coordinator {
 public:
  RaftCoordinator(World& world, size_t self);

  cluster::TopologyPtr topology() const override { return topology_; }
  std::optional<cluster::NodeId> leader() const override;
  bool IsLeader() const override { return raft_.role() == consensus::Role::kLeader; }
  void Watch(cluster::TopologyWatcher* watcher) override;
  void Unwatch(cluster::TopologyWatcher* watcher) override;
  uint64_t NewRequest() override;
  void Propose(cluster::Proposal proposal, cluster::ProposalDone done) override;
  void Barrier(int64_t timeout_ms, cluster::BarrierDone done) override;

  static constexpr int64_t kTickMicros = 50 * kMilli;
  void Tick();
  void Receive(const consensus::Message& message);
  void Transfer(consensus::PeerId to);
  void ChangeMembership(const consensus::MembershipChange& change);

  // Barriers end at once, whatever they would have shown; for Bug::kNoBarrier.
  void set_lax(bool lax) { lax_ = lax; }

  const consensus::Raft& raft() const { return raft_; }
  const std::map<uint64_t, Outcomes>& outcomes() const { return outcomes_; }
  // What is being written; a crash leaves any part of it.
  const std::optional<consensus::Ready>& writing() const { return writing_; }

 private:
  struct Asked {
    std::string bytes;
    cluster::ProposalDone done;
    int64_t deadline;  // In ticks, as below.
    int64_t again;
  };
  struct Reading {
    cluster::BarrierDone done;
    int64_t deadline;
    int64_t again;
    consensus::Index index = 0;
  };

  void Flush();
  void EndWrite();
  void Send(const consensus::Message& message);
  void Apply(const consensus::Committed& committed);
  void Loosen(cluster::Change& change) const;  // As the planted bug has it.
  void Install(const consensus::Snapshot& snapshot);
  void Adopt(cluster::TopologyPtr topology);
  void Compact();
  std::string EncodeRequest(uint64_t request, const cluster::Proposal& proposal) const;
  void ProposeNow(Asked& asked);
  void ReadNow(uint64_t context, Reading& reading);
  void TakeReads(const std::vector<consensus::ReadState>& reads);
  void CallBack();
  void Tell();
  void TellNews(const cluster::Topology& next);

  World& world_;
  const size_t self_;
  const uint64_t proposer_;
  Machine& machine_;
  consensus::Raft raft_;
  std::optional<consensus::Ready> writing_;
  cluster::TopologyPtr topology_;
  std::map<uint64_t, Outcomes> outcomes_;
  uint64_t compact_after_;

  bool lax_ = false;
  int64_t ticks_ = 0;
  uint64_t requests_ = 0;
  std::set<uint64_t> unsettled_;  // May be asked again: their outcome was not told yet.
  std::map<uint64_t, Asked> asked_;
  uint64_t contexts_ = 0;
  std::map<uint64_t, Reading> reading_;
  std::vector<std::pair<std::function<void(const absl::Status&)>, absl::Status>> due_;
  std::vector<cluster::TopologyWatcher*> watchers_;
  cluster::TopologyPtr told_topology_;
  consensus::PeerId told_leader_ = consensus::kNobody;
};

// Machine i is Raft's peer i + 1.
constexpr consensus::PeerId PeerOf(size_t machine) { return machine + 1; }
constexpr size_t MachineOf(consensus::PeerId peer) { return peer - 1; }

}  // namespace henge::sim
