// SPDX-License-Identifier: Apache-2.0
// World: leases, judges, hand-overs and the topology together, under a seeded clock and network:
// messages lost, doubled and late, nodes cut off one way or both, killed, restarted without their
// data, stopped for seconds; clocks as wrong as they may be. Consensus is one place that orders
// changes for whoever reaches a majority; a proposal may get there long after its proposer was cut
// off.
//
// Checked all the time (failure()): no two nodes may acknowledge for a group at one instant; what
// was acknowledged by all of the in-sync set is with each later leader that was promoted with live
// data. One thread; times are microseconds.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "cluster/failover/failure_detector.h"
#include "cluster/failover/handover.h"
#include "cluster/failover/lease.h"
#include "cluster/topology/change.h"

namespace henge::cluster::simulation {

inline constexpr int64_t kMilli = 1000;
inline constexpr int64_t kSecond = 1000 * kMilli;
inline constexpr int64_t kTimeoutMs = 1500;

struct Bugs {
  bool lease_from_answer = false;  // Counted from when the answer comes, not from the beat.
  bool no_office_wait = false;     // A new judge forgets the leases of the terms before.
  bool no_barrier = false;         // Leases without asking whether still in office.
  bool wild_clocks = false;        // Clocks are off by far more than the margin.
  bool old_term = false;           // A judge that was restarted goes on in the term of before.
};

using Log = std::vector<uint32_t>;  // Of writes, by number.

struct Replica {
  Log log;
  DataState data = DataState::kNothing;
  Epoch epoch = 0;  // The highest heard of; lower ones are refused.
  bool seen = false;
  LeaseHolder lease;
  std::set<NodeId> joining;  // Proposed to be in sync: waited for from then on.
  std::map<NodeId, int64_t> reached;
  bool changing = false;  // A SetInSync is under way.
  bool stopped = false;   // For a hand-over.
};

struct Peer {
  NodeId id;
  double rate = 1;
  int64_t offset = 0;
  bool up = true;
  int64_t paused_until = 0;
  uint64_t incarnation = 1;
  TopologyPtr view = Topology::Empty();
  std::map<GroupId, Replica> replicas;
  std::unique_ptr<FailureDetector> judge;
  bool bidding = false;  // For the office.
  bool confirming = false;
  std::unique_ptr<Handover> handover;
  GroupId handing;
};

class World {
 public:
  // `restless_judges`: they are killed more often than others, and soon back.
  World(uint64_t seed, const Bugs& bugs, bool restless_judges = false);
  void Run(int64_t until);
  void Chaos(int64_t until);
  void Heal();
  bool AllLed();
  // Who may acknowledge for the group, or -1.
  int Leader(const GroupId& group);
  void Kill(int i) { Crash(static_cast<size_t>(i)); }
  bool AllInSync() const;
  const Topology& topology() const { return *topology_; }
  const std::string& failure() const { return failure_; }
  int64_t now() const { return now_; }
  int promotions() const { return promotions_; }
  int handovers() const { return handovers_; }
  uint32_t acknowledged() const { return acknowledged_; }

 private:
  struct Event {
    int64_t at;
    uint64_t order;
    std::function<void()> run;
    bool operator<(const Event& other) const {
      return std::pair(other.at, other.order) < std::pair(at, order);
    }
  };

  // --- Time and the network ----------------------------------------------------------------------

  void At(int64_t at, std::function<void()> run) { events_.push({at, ++order_, std::move(run)}); }
  void Every(int64_t period, std::function<void()> run);
  int64_t Local(const Peer& peer) const {
    return peer.offset + static_cast<int64_t>(static_cast<double>(now_) * peer.rate);
  }
  bool Runs(const Peer& peer) const { return peer.up && now_ >= peer.paused_until; }
  // As long as this process lives; what comes while it stands still waits.
  void OnPeer(size_t i, int64_t at, std::function<void()> run);
  void EveryOnPeer(size_t i, int64_t local_period, std::function<void()> run);
  int64_t Delay();
  bool Open(size_t from, size_t to) const { return from == to || !blocked_[from][to]; }
  bool Reach(size_t a, size_t b) const {
    return Runs(*peers_[a]) && Runs(*peers_[b]) && Open(a, b) && Open(b, a);
  }
  void Send(size_t from, size_t to, std::function<void()> run);
  size_t IndexOf(const NodeId& id) const;

  // --- Consensus ---------------------------------------------------------------------------------

  bool HasMajority(size_t i) const;
  void Elect();
  void SeekOffice(size_t i);
  void Sit(size_t i);

  using Done = std::function<void(const absl::Status&)>;

  // Asks until the outcome is known, under one request.
  void Propose(size_t i, const Change& change, Done done) {
    ProposeAgain(i, std::pair(peers_[i]->id, ++requests_), change, std::move(done));
  }
  using Request = std::pair<NodeId, uint64_t>;
  void ProposeAgain(size_t i, const Request& request, const Change& change, const Done& done);
  absl::Status Order(const Request& request, const Change& change);
  void Tell(size_t i);

  // A newer topology comes to a node.
  void See(size_t i, const TopologyPtr& topology);

  // --- A node ------------------------------------------------------------------------------------

  void Start(size_t i);
  void Crash(size_t i);
  void Restart(size_t i);
  void Beat(size_t i);
  void Hear(size_t i, const NodeBeat& beat);
  void Confirm(size_t i);
  void Answer(size_t i, uint64_t ticket);
  void Take(size_t i, const BeatAnswer& answer);
  void Judge(size_t i);
  bool MayAcknowledge(const Peer& peer, const GroupId& group) const;
  void Lead(size_t i);

  // One write, at once to whoever is reached; acknowledged when all that must have it do.
  void Replicate(size_t i, const Group& group, Replica& replica);
  static bool Copy(const Group& group, const Replica& from, Peer& follower);
  void ReviewMember(size_t i, const Group& group, Replica& replica, const NodeId& id, bool synced);
  void Hand(size_t i, const Group& group, Replica& replica);

  // --- What goes wrong, and what must not --------------------------------------------------------

  void Disturb();
  void DisturbJudge();
  void CheckLeaders();
  void CheckKept(const Group& group, const Replica& replica);

  void Fail(const std::string& what) {
    if (failure_.empty()) failure_ = what + " at " + std::to_string(now_ / kMilli) + " ms";
  }

  Random random_;
  const Bugs bugs_;
  const bool restless_judges_;
  int64_t now_ = 0;
  uint64_t order_ = 0;
  std::priority_queue<Event> events_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<std::vector<bool>> blocked_;
  double loss_ = 0;
  double late_ = 0;
  bool calm_ = false;

  TopologyPtr topology_;
  std::map<Request, absl::Status> outcomes_;
  uint64_t requests_ = 0;
  size_t leader_ = SIZE_MAX;
  int64_t gone_since_ = -kSecond;

  uint32_t writes_ = 0;
  uint32_t acknowledged_ = 0;
  std::map<GroupId, std::set<uint32_t>> kept_;
  int promotions_ = 0;
  int handovers_ = 0;
  std::string failure_;
};

}  // namespace henge::cluster::simulation
