// SPDX-License-Identifier: Apache-2.0
// NodeLife: a node's part in failover: its beats to the judge, the judge's seat if it leads the
// coordinator, and what its group's data (GroupHost) is told. The decisions are pure machines
// (cluster/failover/); this drives them by a clock, the bus and a coordinator.
//
//   Coordinator ── topology, leader ──> ┌ NodeLife ───────────────────────┐
//   judge <── beats ── JudgeLink  <──── │ GroupDuty ──> GroupHost          │
//         ── answers, leases ─────────> │ JudgeSeat ──> Petitions ─────────┼──> Coordinator
//   peers ── beats ── JudgeService ───> └──────────────────────────────────┘
//
// One thread does everything; GroupHost is called on it alone, from Start until Stop has returned.
// HandOver, FailOver, report: any thread. Start, Stop: the owner's, once each. Stop before the
// BusServer that has the service: calls that wait for this life would keep it.
//
// A life is lived in one cluster, under one id. When the coordinator tells of another cluster this
// one is over: no lease, no beat, no answer, until it is stopped and another takes its place.
//
// The node is a member of one group (placement by hand). In none or several it beats, and leads
// nobody.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "cluster/coordinator.h"
#include "cluster/failover/group_host.h"
#include "cluster/life/failover_calls.h"
#include "cluster/life/group_duty.h"
#include "cluster/life/judge_link.h"
#include "cluster/life/judge_seat.h"
#include "cluster/life/judge_service.h"
#include "cluster/life/life_report.h"

namespace henge::cluster {

struct NodeLifeOptions {
  NodeId self;
  int64_t node_timeout_ms = 1500;  // cluster-node-timeout; 100 at least, an hour at most.
  uint64_t incarnation = 0;        // Of this process: another after each start.
  const Clock* clock = &SystemClock();
};

class NodeLife final : private TopologyWatcher, private JudgeListener {
 public:
  // What CLUSTER FAILOVER asks for.
  enum class Failover : uint8_t { kGraceful, kForce, kTakeover };
  // Called once, on any thread; must not block.
  using Told = Question::Told;

  // The coordinator and the host outlive it.
  NodeLife(const NodeLifeOptions& options, Coordinator& coordinator, GroupHost& host);
  ~NodeLife() override;  // As Stop.
  NodeLife(const NodeLife&) = delete;
  NodeLife& operator=(const NodeLife&) = delete;

  // For the node's BusServer; may outlive this.
  std::shared_ptr<grpc::Service> service() const { return service_.service(); }

  void Start();
  void Stop();

  // At a leader: the follower leads, or else the best one (zero). OK when it does. What is neither
  // done nor begun to be proposed within the time comes to nothing.
  void HandOver(const NodeId& to, int64_t timeout_ms, Told told);
  // The same anywhere: the leader is asked, if it is another. Zero: to the best by the topology.
  void PassLead(const NodeId& to, int64_t timeout_ms, Told told);
  // At a follower, which is to lead. kGraceful: OK when it does. kForce: OK when the judge has
  // begun. kTakeover is refused: a lead that nobody gave could not be told from one that was lost.
  void FailOver(Failover kind, int64_t timeout_ms, Told told);

  // At once for what this node does. Of leases and silence the judge's counts, as its answers say;
  // this one's when it is the judge.
  void SetNodeTimeout(int64_t timeout_ms);

  LifeFacts facts() const { return report_.facts(); }
  // Whether a judge has answered lately: not for its node timeout, on the minority's side.
  bool InTouch() const;

 private:
  void OnTopology(const TopologyPtr& topology) override;
  void OnCluster(const NodeId& self) override;
  void OnLeader(std::optional<NodeId> leader) override;
  bool OnBeat(NodeBeat beat) override;
  void OnFailover(const FailoverQuestion& question, QuestionPtr answer) override;

  int64_t now() const { return options_.clock->MonotonicMicros(); }
  // In which beats must come and links must answer.
  int64_t timeout() const { return std::min(own_timeout_, judges_timeout_); }
  void Round();
  void Confirm();
  void Adopt(const TopologyPtr& topology);
  void FollowLeader();
  bool HasNews();
  void Beat();
  void OnAnswer(const BeatAnswer& answer);
  void Send(const BeatAnswer& answer);
  void ReplaceHangingLink();
  void AskLeader(NodeId to, int64_t timeout_ms, QuestionPtr answer);
  void Request(Failover kind, int64_t timeout_ms, QuestionPtr answer);
  void AskNode(const NodeId& node, const FailoverQuestion& question, QuestionPtr answer);
  std::optional<PeerAddress> AddressOf(const NodeId& node) const;
  void Publish();

  const NodeLifeOptions options_;
  Coordinator& coordinator_;
  const std::shared_ptr<Desk> desk_;
  LifeReport report_;

  // The life's thread's own, from here to the courier.
  int64_t own_timeout_;                 // Microseconds.
  int64_t judges_timeout_ = INT64_MAX;  // As its last answer told.
  Petitions petitions_;
  JudgeService service_;
  std::unique_ptr<JudgeLink> link_;
  std::unique_ptr<FailoverCalls> calls_;
  JudgeSeat seat_;
  GroupDuty duty_;
  TopologyPtr topology_ = Topology::Empty();
  std::optional<NodeId> leader_;  // Of the coordinator: whom to tell.
  bool lives_ = false;            // While the desk is open.
  bool confirmed_ = false;
  bool confirming_ = false;
  int64_t next_confirm_ = INT64_MIN;
  int64_t next_beat_ = INT64_MIN;
  int64_t next_petitions_ = INT64_MIN;
  int64_t last_sent_ = INT64_MIN;
  std::vector<GroupReport> told_;  // By the last beat.
  int64_t link_since_ = 0;         // It was begun, or answered.

  std::unique_ptr<Courier> courier_;
};

}  // namespace henge::cluster
