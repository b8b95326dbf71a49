// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/world.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

#include "base/log.h"
#include "cluster/failover/beat.h"
#include "tests/sim/first_topology.h"
#include "tests/sim/mishap.h"
#include "tests/sim/process.h"
#include "tests/sim/replica.h"

namespace henge::sim {

using cluster::GroupId;
using cluster::NodeId;

World::World(const Scenario& scenario, uint64_t seed, Bug bug)
    : scenario_(scenario),
      bug_(bug),
      random_(seed),
      verdict_(timeline_),
      one_leader_(verdict_),
      same_topology_(verdict_),
      documents_(seed % 32 != 0, bug),
      first_topology_(FirstTopology(scenario)),
      story_(std::getenv("HENGE_SIM_STORY") != nullptr) {
  SetLogLevel(story_ ? LogLevel::kNotice : LogLevel::kNothing);
  const double drift = bug == Bug::kWildClocks ? 0.5 : cluster::kClockDrift;
  auto first = std::make_shared<consensus::Snapshot>();
  first->members = FirstMembers(scenario);
  const int count = scenario.nodes;
  blocked_.assign(static_cast<size_t>(count), std::vector<bool>(static_cast<size_t>(count)));
  for (int i = 0; i < count; ++i) {
    Machine& machine = *machines_.emplace_back(std::make_unique<Machine>());
    machine.id = NodeOf(i).id;
    machine.rate = 1 + drift * (2 * random_.Unit() - 1);
    if (OneIn(3)) machine.rate = OneIn(2) ? 1 - drift : 1 + drift;
    machine.offset = static_cast<int64_t>(random_.Below(1000)) * kSecond;
    machine.log.snapshot = first;
  }
  for (size_t i = 0; i < machines_.size(); ++i) Start(i);
}

World::~World() = default;

// --- Time ----------------------------------------------------------------------------------------

int64_t World::Local(size_t i) const {
  const Machine& machine = *machines_[i];
  return machine.offset + static_cast<int64_t>(static_cast<double>(now()) * machine.rate);
}

void World::OnProcess(size_t i, int64_t at, Timeline::Task run) {
  if (!machines_[i]->up()) return;
  timeline_.At(at, [this, i, life = machines_[i]->life, run = std::move(run)]() mutable {
    const Machine& machine = *machines_[i];
    if (!machine.up() || machine.life != life) return;
    if (now() < machine.paused_until) return OnProcess(i, machine.paused_until, std::move(run));
    run();
  });
}

void World::After(size_t i, int64_t local_micros, Timeline::Task run) {
  const auto micros = static_cast<int64_t>(static_cast<double>(local_micros) / machines_[i]->rate);
  OnProcess(i, now() + micros, std::move(run));
}

bool World::RunNext(int64_t until) {
  if (!verdict_.sound() || !timeline_.RunNext(until)) return false;
  Trace(static_cast<uint64_t>(now()));
  return true;
}

int64_t World::Delay() {
  if (random_.Unit() < late_) return static_cast<int64_t>(random_.Below(2500)) * kMilli;
  return 200 + static_cast<int64_t>(random_.Below(4 * kMilli));
}

void World::ClearNetwork() {
  Tell("the network is well");
  for (auto& row : blocked_) row.assign(row.size(), false);
  loss_ = late_ = 0;
}

// --- Machines ------------------------------------------------------------------------------------

size_t World::IndexOf(const NodeId& id) const {
  for (size_t i = 0; i < machines_.size(); ++i) {
    if (machines_[i]->id == id) return i;
  }
  return machines_.size();
}

void World::Start(size_t i) {
  Machine& machine = *machines_[i];
  if (machine.up()) return;
  ++machine.life;
  machine.paused_until = 0;
  machine.process = std::make_unique<Process>(*this, i);
  Tell("node {} starts, life {}", i, machine.life);
  machine.process->Begin();
}

namespace {

// The disk was at something: any part of it from the beginning is there. What it says is committed
// does not reach beyond that: the log's batches are one record each, with a checksum.
void LeavePart(consensus::Ready part, Random& random, consensus::testing::Disk& disk) {
  uint64_t arrived = random.Below(part.entries.size() + 3);
  if (arrived == 0) return;
  if (--arrived == 0) part.hard_state.reset();
  const size_t kept = std::min<size_t>(part.entries.size(), arrived == 0 ? 0 : arrived - 1);
  if (part.hard_state && kept < part.entries.size()) {
    part.hard_state->commit =
        std::min(part.hard_state->commit, part.entries.front().index + kept - 1);
  }
  part.entries.resize(kept);
  disk.Write(part);
  disk.hard.commit = std::min(disk.hard.commit, disk.snapshot->index + disk.entries.size());
}

}  // namespace

void World::Crash(size_t i) {
  Machine& machine = *machines_[i];
  if (!machine.up()) return;
  ++counts.crashes;
  Tell("node {} crashes", i);
  Trace(i);
  if (const auto& on_its_way = machine.process->coordinator().writing()) {
    LeavePart(*on_its_way, random_, machine.log);
  }
  if (OneIn(3)) {  // How much was committed need not be known again.
    machine.log.hard.commit = std::max(machine.log.snapshot->index, machine.log.hard.commit / 2);
  }
  machine.process->End(OneIn(2));
  machine.process.reset();
  machine.discarded.clear();
}

void World::LoseData(size_t i) {
  if (machines_[i]->up()) return;
  for (const auto& [group, disk] : machines_[i]->data) kept(group).OnDiskLost();
  Tell("node {} loses its data", i);
  machines_[i]->data.clear();
}

void World::Discard(size_t i, std::unique_ptr<Replica> replica) {
  machines_[i]->discarded.push_back(std::move(replica));
}

void World::Pause(size_t i, int64_t micros) {
  Tell("node {} stands still for {} ms", i, micros / kMilli);
  machines_[i]->paused_until = now() + micros;
}

void World::Moment(size_t i, int64_t within) {
  if (!delicate_ || !OneIn(8)) return;
  const auto soon = static_cast<int64_t>(random_.Below(static_cast<uint64_t>(within)));
  At(now() + soon, [this, i] {
    if (!calm) Strike(*this, i);
  });
}

// --- What clients do -----------------------------------------------------------------------------

KeptWrites& World::kept(const GroupId& group) {
  return kept_.try_emplace(group, verdict_).first->second;
}

void World::NoteInSync(const cluster::Topology& topology) {
  for (const cluster::Group& group : topology.groups()) {
    const auto [at, is_new] = in_sync_.try_emplace(group.id, InSync{group.epoch, group.in_sync});
    if (!is_new && at->second.epoch == group.epoch) at->second.members = group.in_sync;
    at->second.epoch = group.epoch;
  }
}

std::set<uint32_t> World::HeldInSync(const GroupId& group) const {
  std::set<uint32_t> held;
  const auto said = in_sync_.find(group);
  if (said == in_sync_.end()) return held;
  for (const NodeId& id : said->second.members) {
    const Machine& machine = *machines_[IndexOf(id)];
    const Replica* replica = machine.up() ? machine.process->Find(group) : nullptr;
    if (replica != nullptr && replica->live())
      held.insert(replica->log().begin(), replica->log().end());
  }
  return held;
}

size_t World::CountLeaders(const GroupId& group, size_t beside) const {
  size_t count = 0;
  for (size_t i = 0; i < machines_.size(); ++i) {
    if (i == beside || !machines_[i]->up()) continue;
    const Replica* replica = machines_[i]->process->Find(group);
    count += replica != nullptr && replica->MayAcknowledge();
  }
  return count;
}

size_t World::LeaderOf(const GroupId& group) const {
  for (size_t i = 0; i < machines_.size(); ++i) {
    if (!machines_[i]->up()) continue;
    const Replica* replica = machines_[i]->process->Find(group);
    if (replica != nullptr && replica->MayAcknowledge()) return i;
  }
  return machines_.size();
}

}  // namespace henge::sim
