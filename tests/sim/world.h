// SPDX-License-Identifier: Apache-2.0
// World: machines with clocks and disks, the processes that run on them, and the network between
// them, all under one seed; and the checkers, which see everything. One thread.
//
// A machine's clock runs at a rate of its own, within kClockDrift of true time's. A process lives
// from Start to Crash; what was to happen within it then never does. One that stands still (Pause)
// does later what was to happen meanwhile, in the same order.
#pragma once

#include <fmt/format.h>

#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/random.h"
#include "cluster/consensus/testing/test_node.h"
#include "cluster/topology.h"
#include "tests/sim/bugs.h"
#include "tests/sim/data_disk.h"
#include "tests/sim/documents.h"
#include "tests/sim/kept_writes.h"
#include "tests/sim/one_leader.h"
#include "tests/sim/same_topology.h"
#include "tests/sim/scenario.h"
#include "tests/sim/timeline.h"
#include "tests/sim/verdict.h"

namespace henge::sim {

inline constexpr int64_t kNodeTimeoutMs = 1500;

class Process;
class Replica;

struct Machine {
  cluster::NodeId id;
  double rate = 1;
  int64_t offset = 0;
  int64_t paused_until = 0;
  uint64_t life = 0;           // Of the present or last process.
  int64_t sync_micros = 1000;  // At most, for what consensus writes.
  consensus::testing::Disk log;
  std::map<cluster::GroupId, DataDisk> data;
  uint64_t kept_term = 0;  // Its last as a judge; for Bug::kKeepsTerm.
  std::unique_ptr<Process> process;
  std::vector<std::shared_ptr<Replica>> discarded;  // By the present process.

  bool up() const { return process != nullptr; }
};

class World {
 public:
  World(const Scenario& scenario, uint64_t seed, Bug bug);
  ~World();

  // --- Time.
  int64_t now() const { return timeline_.now(); }
  int64_t Local(size_t machine) const;
  void At(int64_t at, Timeline::Task run) { timeline_.At(at, std::move(run)); }
  // Within the process that runs there now, if it lives still.
  void OnProcess(size_t machine, int64_t at, Timeline::Task run);
  // After so long by that machine's clock.
  void After(size_t machine, int64_t local_micros, Timeline::Task run);
  bool RunNext(int64_t until);  // False: nothing is due by then, or something was wrong.
  uint64_t steps() const { return timeline_.steps(); }

  // --- The network.
  bool Open(size_t from, size_t to) const { return from == to || !blocked_[from][to]; }
  int64_t Delay();
  bool Lost() { return random_.Unit() < loss_; }
  // A datagram: it may be lost, doubled, late and overtaken.
  template <class Task>
  void Send(size_t from, size_t to, Task deliver) {
    const int copies = random_.Below(25) == 0 ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      if (Open(from, to) && !Lost()) OnProcess(to, now() + Delay(), deliver);
    }
  }

  // --- Machines and what happens to them.
  size_t size() const { return machines_.size(); }
  Machine& machine(size_t i) { return *machines_[i]; }
  const Machine& machine(size_t i) const { return *machines_[i]; }
  size_t IndexOf(const cluster::NodeId& id) const;  // size() if it is nobody's.
  void Start(size_t i);
  void Crash(size_t i);
  void LoseData(size_t i);
  // Goes when the process does: something may still be about to happen to it.
  void Discard(size_t i, std::unique_ptr<Replica> replica);
  void Pause(size_t i, int64_t micros);
  void Block(size_t from, size_t to) { blocked_[from][to] = true; }
  void SetWeather(double loss, double late) {
    loss_ = loss;
    late_ = late;
  }
  void ClearNetwork();

  // Something has just happened at that node which is not known everywhere yet: a moment at which
  // mishaps do most harm. While they happen at all, one in a few such moments brings one.
  void Moment(size_t i, int64_t within = 12 * kMilli);
  void DisturbMoments(bool on) { delicate_ = on; }

  // --- What clients do.
  uint32_t NextWrite() { return ++writes_; }
  KeptWrites& kept(const cluster::GroupId& group);
  std::map<cluster::GroupId, KeptWrites>& all_kept() { return kept_; }
  // What the live processes have who are in sync by what the group's leaders said, whatever has
  // become of that set by judgements.
  std::set<uint32_t> HeldInSync(const cluster::GroupId& group) const;
  // For that: a document that is newer than all before.
  void NoteInSync(const cluster::Topology& topology);
  // Who may acknowledge for the group now, beside that one.
  size_t CountLeaders(const cluster::GroupId& group, size_t beside) const;
  // Who may acknowledge, or size().
  size_t LeaderOf(const cluster::GroupId& group) const;

  const Scenario& scenario() const { return scenario_; }
  const cluster::TopologyPtr& first_topology() const { return first_topology_; }
  // As any node has it that is furthest.
  uint64_t NewestVersion() const { return same_topology_.newest_version(); }
  cluster::TopologyPtr NewestTopology() const { return same_topology_.newest(); }
  bool has(Bug bug) const { return bug_ == bug; }
  Random& random() { return random_; }
  bool OneIn(uint64_t n) { return random_.Below(n) == 0; }
  Verdict& verdict() { return verdict_; }
  OneLeader& one_leader() { return one_leader_; }
  SameTopology& same_topology() { return same_topology_; }
  Documents& documents() { return documents_; }
  // A line of the run's story, told if it was asked for (HENGE_SIM_STORY).
  template <class... Args>
  void Tell(fmt::format_string<Args...> line, Args&&... args) {
    if (!story_) return;
    fmt::print("{:9.3f} ms  {}\n", static_cast<double>(now()) / kMilli,
               fmt::format(line, std::forward<Args>(args)...));
  }
  // Something that must be the same whenever the seed is.
  void Trace(uint64_t what) { trace_ = (trace_ ^ what) * 0x100000001b3; }
  uint64_t trace() const { return trace_; }

  struct Counts {
    uint64_t promotions = 0;
    uint64_t hand_overs = 0;
    uint64_t full_syncs = 0;
    uint64_t partial_syncs = 0;
    uint64_t offices = 0;
    uint64_t crashes = 0;
    uint64_t compactions = 0;
    uint64_t moves = 0;     // To another group, by a node's own wish.
    uint64_t revivals = 0;  // By rule 2: nobody in sync had live data.
  };
  Counts counts;
  bool writing = true;  // Clients write.
  bool calm = false;    // Nothing goes wrong any more.

 private:
  const Scenario scenario_;
  const Bug bug_;
  Random random_;
  Timeline timeline_;
  Verdict verdict_;
  OneLeader one_leader_;
  SameTopology same_topology_;
  std::map<cluster::GroupId, KeptWrites> kept_;
  struct InSync {
    Epoch epoch = 0;
    std::vector<cluster::NodeId> members;
  };
  std::map<cluster::GroupId, InSync> in_sync_;
  Documents documents_;
  cluster::TopologyPtr first_topology_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::vector<std::vector<bool>> blocked_;
  const bool story_;
  bool delicate_ = false;
  double loss_ = 0;
  double late_ = 0;
  uint32_t writes_ = 0;
  uint64_t trace_ = 0xcbf29ce484222325;
};

}  // namespace henge::sim
