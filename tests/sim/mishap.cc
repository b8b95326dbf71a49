// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/mishap.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>
#include <vector>

#include "tests/sim/first_topology.h"
#include "tests/sim/process.h"

namespace henge::sim {

using cluster::Group;
using cluster::TopologyPtr;

namespace {

size_t Some(World& world) { return world.random().Below(world.size()); }

void CrashSome(World& world) {
  const size_t i = Some(world);
  world.Crash(i);
  if (world.OneIn(8)) world.LoseData(i);
}

void StartSome(World& world) {
  const size_t from = Some(world);
  for (size_t k = 0; k < world.size(); ++k) {
    const size_t i = (from + k) % world.size();
    if (!world.machine(i).up()) return world.Start(i);
  }
}

// It dies and is back soon.
void Bounce(World& world, size_t i) {
  world.Crash(i);
  const auto off = static_cast<int64_t>(20 + world.random().Below(600)) * kMilli;
  world.At(world.now() + off, [&world, i] { world.Start(i); });
}

void Isolate(World& world, size_t i) {
  const uint64_t ways = 1 + world.random().Below(3);
  world.Tell("node {} is cut off: says nothing {}, hears nothing {}", i, (ways & 1) != 0,
             (ways & 2) != 0);
  for (size_t k = 0; k < world.size(); ++k) {
    if (k == i) continue;
    if ((ways & 1) != 0) world.Block(i, k);
    if ((ways & 2) != 0) world.Block(k, i);
  }
}

void CutOff(World& world) { Isolate(world, Some(world)); }

void Part(World& world) {
  std::vector<bool> side(world.size());
  for (size_t i = 0; i < side.size(); ++i) {
    side[i] = world.OneIn(2);
    world.Tell("parted: node {} is on side {}", i, side[i] ? 1 : 2);
  }
  for (size_t i = 0; i < side.size(); ++i) {
    for (size_t k = 0; k < side.size(); ++k) {
      if (side[i] != side[k]) world.Block(i, k);
    }
  }
}

const Group* SomeGroup(World& world, const TopologyPtr& topology) {
  const auto& groups = topology->groups();
  return groups.empty() ? nullptr : &groups[world.random().Below(groups.size())];
}

void HandOverSome(World& world) {
  const TopologyPtr topology = world.NewestTopology();
  const Group* group = SomeGroup(world, topology);
  if (group == nullptr) return;
  const size_t leader = world.LeaderOf(group->id);
  if (leader < world.size()) world.machine(leader).process->HandOver();
}

void ForceSome(World& world) {
  const TopologyPtr topology = world.NewestTopology();
  const Group* group = SomeGroup(world, topology);
  const size_t judge = world.IndexOf(topology->office().judge);
  if (group == nullptr || judge == world.size() || !world.machine(judge).up()) return;
  const auto& members = group->in_sync;
  world.machine(judge).process->Force(group->id, members[world.random().Below(members.size())]);
}

void ShutDownSome(World& world) {
  Machine& machine = world.machine(Some(world));
  if (machine.up()) machine.process->ShutDown();
}

void SlowDown(World& world) {
  Machine& machine = world.machine(Some(world));
  const bool well = machine.sync_micros <= 10 * kMilli;
  machine.sync_micros = well ? 10 * kMilli + 400 * kMilli : kMilli;
}

void TransferSome(World& world) {
  const Machine& machine = world.machine(Some(world));
  if (machine.up()) machine.process->coordinator().Transfer(PeerOf(Some(world)));
}

// By whoever is up, as an operator's client would.
void Propose(World& world, const cluster::Change& change) {
  Machine& machine = world.machine(Some(world));
  if (machine.up()) machine.process->Propose(change);
}

void MoveSlotsOfSome(World& world) {
  const TopologyPtr topology = world.NewestTopology();
  const Group* from = SomeGroup(world, topology);
  const Group* to = SomeGroup(world, topology);
  if (from == nullptr || from == to) return;
  std::vector<cluster::SlotRange> slots = topology->RangesOfGroup(topology->GroupIndexOf(from->id));
  if (slots.empty()) return;
  if (world.OneIn(3)) slots.back().first = std::midpoint(slots.back().last, slots.back().first);
  if (world.OneIn(3)) slots.erase(slots.begin(), slots.end() - 1);
  Propose(world, cluster::MoveSlots{.from = from->id,
                                    .to = to->id,
                                    .slots = slots,
                                    .from_epoch = from->epoch,
                                    .to_epoch = to->epoch});
}

void SplitSome(World& world) {
  const TopologyPtr topology = world.NewestTopology();
  const Group* group = SomeGroup(world, topology);
  if (group == nullptr || group->followers.empty()) return;
  const auto& followers = group->followers;
  Propose(world,
          cluster::RemoveFollower{.group = group->id,
                                  .node = followers[world.random().Below(followers.size())]});
}

// What the disks of all of the group's in-sync have.
std::vector<uint32_t> OnAllDisks(const World& world, const Group& group) {
  std::vector<uint32_t> common;
  bool first = true;
  for (const auto& id : group.in_sync) {
    const Machine& machine = world.machine(world.IndexOf(id));
    const auto disk = machine.data.find(group.id);
    if (disk == machine.data.end()) return {};
    const std::vector<uint32_t>& log = disk->second.log;
    if (std::exchange(first, false)) {
      common = log;
      continue;
    }
    const auto end = std::min(common.size(), log.size());
    const auto apart =
        std::mismatch(common.begin(), common.begin() + static_cast<ptrdiff_t>(end), log.begin());
    common.erase(apart.first, common.end());
  }
  return common;
}

void Befall(World& world) {
  const Mishaps& of = world.scenario().mishaps;
  using Happen = void (*)(World&);
  const std::array<std::pair<unsigned, Happen>, 15> all{{
      {of.crash, CrashSome},
      {of.start, StartSome},
      {of.pause,
       [](World& w) { w.Pause(Some(w), static_cast<int64_t>(w.random().Below(4000)) * kMilli); }},
      {of.cut, CutOff},
      {of.part, Part},
      {of.weather, [](World& w) { w.SetWeather(w.random().Unit() * 0.3, w.OneIn(2) ? 0.1 : 0); }},
      {of.clear, [](World& w) { w.ClearNetwork(); }},
      {of.hand_over, HandOverSome},
      {of.force, ForceSome},
      {of.shut_down, ShutDownSome},
      {of.power, CutPower},
      {of.slow_disk, SlowDown},
      {of.transfer, TransferSome},
      {of.slots, MoveSlotsOfSome},
      {of.split, SplitSome},
  }};
  unsigned sum = 0;
  for (const auto& [weight, happen] : all) sum += weight;
  uint64_t dice = world.random().Below(sum);
  for (const auto& [weight, happen] : all) {
    if (dice < weight) return happen(world);
    dice -= weight;
  }
}

}  // namespace

void Strike(World& world, size_t i) {
  switch (world.random().Below(5)) {
    case 0:
    case 1:
      return Bounce(world, i);
    case 2:
      return world.Pause(i, static_cast<int64_t>(world.random().Below(3000)) * kMilli);
    default:
      return Isolate(world, i);
  }
}

void CutPower(World& world) {
  const TopologyPtr topology = world.NewestTopology();
  for (const Group& group : topology->groups()) {
    world.kept(group.id).OnPower(OnAllDisks(world, group));
  }
  for (size_t i = 0; i < world.size(); ++i) {
    world.Crash(i);
    const auto off = static_cast<int64_t>(world.random().Below(2000)) * kMilli;
    world.At(world.now() + off, [&world, i] { world.Start(i); });
  }
}

void Disturb(World& world, int64_t until) {
  const auto between = static_cast<uint64_t>(world.scenario().between_ms);
  const int64_t at = world.now() + static_cast<int64_t>(world.random().Below(between)) * kMilli;
  if (at >= until) return;
  world.DisturbMoments(true);
  world.At(at, [&world, until] {
    Befall(world);
    Disturb(world, until);
  });
}

void Heal(World& world) {
  world.ClearNetwork();
  world.calm = true;
  world.DisturbMoments(false);
  for (size_t i = 0; i < world.size(); ++i) {
    Machine& machine = world.machine(i);
    machine.sync_micros = kMilli;
    machine.paused_until = std::min(machine.paused_until, world.now());
    world.Start(i);
  }
}

}  // namespace henge::sim
