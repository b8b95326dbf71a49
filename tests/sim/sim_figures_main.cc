// SPDX-License-Identifier: Apache-2.0
// sim_figures [NODES…]: what a judge costs in clusters of several sizes (10, 100, 1000), as the
// table of docs/internals/cluster.md: beats and bytes at the judge, the CPU it takes, and how long
// groups are without a leader when a tenth of all nodes dies at one moment.
//
// The FailureDetector, the topology and the beats' bytes are the real ones. Time is simulated, but
// for the CPU that they take, which is measured and passes for the judge. Groups are pairs.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/numbers.h"
#include "base/random.h"
#include "cluster/failover/failure_detector.h"
#include "cluster/life/beat_codec.h"
#include "henge/judge.pb.h"
#include "tests/sim/first_topology.h"
#include "tests/sim/timeline.h"

namespace henge::sim {
namespace {

using cluster::FailureDetector;
using cluster::TopologyPtr;

constexpr int64_t kTimeoutMs = 1500;
constexpr int64_t kBeat = 100 * kMilli;  // As NodeLife's.
constexpr int64_t kJudge = 75 * kMilli;  // A twentieth of the timeout, as JudgeSeat's.
constexpr int64_t kNetwork = kMilli;     // One way; a barrier is a round trip.
constexpr int64_t kCommit = 4 * kMilli;  // A majority's disks.

int64_t CpuNanos() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// CPU that pieces of work have taken.
class Meter {
 public:
  template <class Work>
  void Run(const Work& work) {
    const int64_t before = CpuNanos();
    work();
    nanos_ += CpuNanos() - before;
  }
  double ms() const { return static_cast<double>(nanos_) / 1e6; }

 private:
  int64_t nanos_ = 0;
};

struct Traffic {
  uint64_t beats = 0;
  uint64_t beat_bytes = 0;
  uint64_t answers = 0;
  uint64_t answer_bytes = 0;
};

class Cluster {
 public:
  explicit Cluster(int nodes);

  void Run(int64_t micros);
  void KillTenth();
  bool AllLed() const;

  Traffic traffic;
  Meter read, hear, confirm, write, tick, apply, adopt;
  int killed = 0;
  uint64_t changes = 0;
  std::vector<int64_t> outages;  // Milliseconds, of the groups that lost their leader.

 private:
  struct Member {
    bool alive = true;
    int64_t next_beat = 0;
    cluster::GroupId group;
    std::map<Epoch, int64_t> leases;  // Until when.
  };
  struct Wire {
    int64_t at;
    std::string bytes;
  };
  struct Barrier {
    int64_t at;
    uint64_t ticket;
  };
  struct Ordered {
    int64_t at;
    cluster::Change change;
  };

  void Beat(size_t i);
  void Hear(const std::string& bytes);
  void Answer(uint64_t ticket);
  void Judge();
  void Order(const cluster::Change& change);
  void OnLease(const cluster::BeatAnswer& answer);
  cluster::NodeBeat BeatOf(size_t i) const;

  Random random_{1};
  int64_t now_ = kSecond;
  std::vector<Member> members_;
  std::map<cluster::NodeId, size_t> index_;
  TopologyPtr topology_;
  std::optional<FailureDetector> judge_;
  std::deque<Wire> beats_;
  std::optional<Barrier> barrier_;
  bool heard_ = false;
  int64_t next_judging_ = 0;
  std::deque<Ordered> ordered_;
  int64_t killed_at_ = 0;
  std::map<cluster::GroupId, Epoch> bereft_;  // Groups without a leader, and the epoch it had.
};

Cluster::Cluster(int nodes) {
  Scenario scenario{.nodes = nodes, .leaders = nodes / 2};
  cluster::TopologyParts parts = FirstTopology(scenario)->parts();
  for (cluster::Group& group : parts.groups) {
    group.in_sync.insert(group.in_sync.end(), group.followers.begin(), group.followers.end());
    std::sort(group.in_sync.begin(), group.in_sync.end());
  }
  for (int i = 0; i < nodes; ++i) {
    index_[NodeOf(i).id] = members_.size();
    members_.push_back({.next_beat = now_ + static_cast<int64_t>(random_.Below(kBeat))});
  }
  parts.office = {.judge = NodeOf(0).id, .term = 1, .lease_ms = 1200, .wait_ms = 1200};
  topology_ = *cluster::Topology::FromParts(std::move(parts));
  for (const cluster::Group& group : topology_->groups()) {
    members_[index_[group.leader]].group = group.id;
    for (const auto& follower : group.followers) members_[index_[follower]].group = group.id;
  }
  judge_.emplace(NodeOf(0).id, topology_, kTimeoutMs, now_);
}

cluster::NodeBeat Cluster::BeatOf(size_t i) const {
  const Member& member = members_[i];
  const cluster::Group& group = *topology_->FindGroup(member.group);
  return {.node = NodeOf(static_cast<int>(i)).id,
          .incarnation = 0x1234567890abcdef + i,
          .sent_micros = 1'000'000'000'000 + now_,
          .topology_version = topology_->version(),
          .load = {.keys = 10'000'000, .memory_bytes = 4'000'000'000, .operations = 20'000},
          .groups = {{.group = group.id,
                      .epoch = group.epoch,
                      .offset = 100'000'000'000,
                      .data = cluster::DataState::kLive}}};
}

void Cluster::Beat(size_t i) {
  bus::LifeBeat message;
  cluster::Write(BeatOf(i), message);
  beats_.push_back({now_ + kNetwork, message.SerializeAsString()});
}

void Cluster::Hear(const std::string& bytes) {
  ++traffic.beats;
  traffic.beat_bytes += bytes.size();
  bus::LifeBeat message;
  cluster::NodeBeat beat;
  read.Run([&] {
    message.ParseFromString(bytes);
    beat = *cluster::Read(message);
  });
  hear.Run([&] { judge_->Hear(beat, now_); });
  heard_ = true;
}

void Cluster::Answer(uint64_t ticket) {
  std::vector<cluster::BeatAnswer> answers;
  confirm.Run([&] { answers = judge_->Confirm(ticket); });
  for (const cluster::BeatAnswer& answer : answers) {
    std::string bytes;
    write.Run([&] {
      bus::LifeAnswer message;
      cluster::Write(answer, message);
      bytes = message.SerializeAsString();
    });
    ++traffic.answers;
    traffic.answer_bytes += bytes.size();
    OnLease(answer);
  }
}

void Cluster::OnLease(const cluster::BeatAnswer& answer) {
  if (!members_[index_[answer.node]].alive) return;
  for (const cluster::LeaseGrant& lease : answer.leases) {
    const auto at = bereft_.find(lease.group);
    if (at == bereft_.end() || lease.epoch <= at->second) continue;
    outages.push_back((now_ + kNetwork - killed_at_) / kMilli);
    bereft_.erase(at);
  }
}

void Cluster::Judge() {
  std::vector<cluster::Judgement> judgements;
  tick.Run([&] { judgements = judge_->Tick(now_); });
  for (cluster::Judgement& judgement : judgements) {
    ordered_.push_back({now_ + kCommit, std::move(judgement.change)});
  }
}

// The node's own thread does it, so what it takes passes for all that waits.
void Cluster::Order(const cluster::Change& change) {
  ++changes;
  const double before = apply.ms() + adopt.ms();
  absl::StatusOr<TopologyPtr> next = topology_;
  apply.Run([&] { next = cluster::Apply(*topology_, change); });
  if (next.ok()) topology_ = *next;
  adopt.Run([&] {
    if (next.ok()) judge_->Adopt(topology_, now_);
    judge_->Settled(change, next.ok());
  });
  now_ += static_cast<int64_t>((apply.ms() + adopt.ms() - before) * kMilli);
}

void Cluster::Run(int64_t micros) {
  for (const int64_t end = now_ + micros; now_ < end; now_ += kMilli / 2) {
    for (size_t i = 0; i < members_.size(); ++i) {
      if (!members_[i].alive || now_ < members_[i].next_beat) continue;
      members_[i].next_beat += kBeat;
      Beat(i);
    }
    while (!beats_.empty() && beats_.front().at <= now_) {
      Hear(beats_.front().bytes);
      beats_.pop_front();
    }
    if (barrier_ && barrier_->at <= now_) {
      Answer(barrier_->ticket);
      barrier_.reset();
    }
    if (heard_ && !barrier_) {
      heard_ = false;
      barrier_ = Barrier{now_ + 2 * kNetwork, judge_->StartConfirm()};
    }
    if (now_ >= next_judging_) {
      next_judging_ = now_ + kJudge;
      Judge();
    }
    while (!ordered_.empty() && ordered_.front().at <= now_) {
      Order(ordered_.front().change);
      ordered_.pop_front();
    }
  }
}

// One of a pair at most: half of them leaders, the first one in any case.
void Cluster::KillTenth() {
  killed_at_ = now_;
  killed = static_cast<int>(members_.size()) / 10;
  const auto& groups = topology_->groups();
  for (int i = 0; i < killed; ++i) {
    const cluster::Group& group =
        groups[static_cast<size_t>(i) * groups.size() / static_cast<size_t>(killed)];
    const bool leader = i % 2 == 0;
    members_[index_[leader ? group.leader : group.followers.front()]].alive = false;
    if (leader) bereft_[group.id] = group.epoch;
  }
}

bool Cluster::AllLed() const { return bereft_.empty(); }

void Measure(int nodes) {
  constexpr int64_t kSeconds = 20;
  Cluster cluster(nodes);
  cluster.Run(3 * kSecond);
  const Cluster before = cluster;
  cluster.Run(kSeconds * kSecond);
  const auto rate = [&](uint64_t now, uint64_t then) { return (now - then) / kSeconds; };
  const auto cpu = [&](const Meter& now, const Meter& then) {
    return (now.ms() - then.ms()) / kSeconds;
  };
  const Traffic& now = cluster.traffic;
  const Traffic& then = before.traffic;
  const double read = cpu(cluster.read, before.read), write = cpu(cluster.write, before.write);
  const double hear = cpu(cluster.hear, before.hear);
  const double confirm = cpu(cluster.confirm, before.confirm);
  const double tick = cpu(cluster.tick, before.tick);
  fmt::print("| {} | {} | {:.1f} | {} | {:.1f} | {:.2f} | {:.2f} | {:.2f} | {:.2f} | {:.2f} |",
             nodes, rate(now.beats, then.beats),
             static_cast<double>(now.beat_bytes - then.beat_bytes) / kSeconds / 1000,
             rate(now.answers, then.answers),
             static_cast<double>(now.answer_bytes - then.answer_bytes) / kSeconds / 1000,
             read + write, hear, confirm, tick, read + write + hear + confirm + tick);
  const double applied = cluster.apply.ms(), adopted = cluster.adopt.ms();
  const uint64_t changes = cluster.changes;
  cluster.KillTenth();
  for (int i = 0; i < 200 && !cluster.AllLed(); ++i) cluster.Run(50 * kMilli);
  std::sort(cluster.outages.begin(), cluster.outages.end());
  if (cluster.outages.empty()) return;
  fmt::print(" {} | {} | {} | {} | {} | {:.1f} |\n", cluster.killed, cluster.outages.size(),
             cluster.outages[cluster.outages.size() / 2], cluster.outages.back(),
             cluster.changes - changes,
             cluster.apply.ms() - applied + cluster.adopt.ms() - adopted);
}

int Main(int argc, char** argv) {
  fmt::print(
      "| nodes | beats/s | kB/s | answers/s | kB/s | bytes, ms/s | Hear | Confirm | Tick | CPU, "
      "ms/s | die | groups without leader | median ms | longest | changes | CPU, ms |\n");
  std::vector<int> sizes{10, 100, 1000};
  if (argc > 1) sizes.clear();
  for (int i = 1; i < argc; ++i) {
    const auto nodes = ParseInt64(argv[i]);
    if (!nodes || *nodes < 10 || *nodes > 1000) return 2;
    sizes.push_back(static_cast<int>(*nodes));
  }
  for (const int nodes : sizes) Measure(nodes);
  return 0;
}

}  // namespace
}  // namespace henge::sim

int main(int argc, char** argv) { return henge::sim::Main(argc, argv); }
