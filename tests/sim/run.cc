// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/run.h"

#include <algorithm>

#include "tests/sim/mishap.h"
#include "tests/sim/process.h"
#include "tests/sim/stream.h"

namespace henge::sim {

using cluster::Group;
using cluster::TopologyPtr;

namespace {

constexpr int64_t kLookEvery = 100 * kMilli;
// From the last mishap until all is well: an election, the leases of before, a silence, full syncs.
constexpr int64_t kHealBound = 12 * kSecond;

// What is not as it should be by now; empty: nothing.
// `equal`: nothing is under way, so that all have the same.
std::string GroupAmiss(World& world, const Group& group, bool equal) {
  const size_t leader = world.IndexOf(group.leader);
  if (leader >= world.size()) return "a group is not led";
  const Replica* first = world.machine(leader).process->Find(group.id);
  if (first == nullptr || !first->MayAcknowledge()) return "a leader may not acknowledge";
  if (group.in_sync.size() != group.followers.size() + 1) return "a follower is not in sync";
  for (const auto& id : group.followers) {
    const Replica* replica = world.machine(world.IndexOf(id)).process->Find(group.id);
    if (replica == nullptr) return "a follower has no part in its group";
    if (equal && replica->log() != first->log()) return "a follower has other data";
    if (replica->data_epoch() != group.epoch) return "a follower is of another epoch";
    if (!replica->live() || replica->link() == nullptr) return "a follower does not follow";
  }
  return {};
}

std::string Amiss(World& world, bool equal) {
  const TopologyPtr topology = world.NewestTopology();
  for (size_t i = 0; i < world.size(); ++i) {
    if (!world.machine(i).up()) return "a node is down";
    const Process& process = *world.machine(i).process;
    if (topology->Find(world.machine(i).id) == nullptr) continue;
    const TopologyPtr& mine = process.coordinator().topology();
    if (mine->version() != topology->version()) return "a node has an older topology";
    if (mine->fingerprint() != topology->fingerprint()) return "a node has another topology";
  }
  for (const auto& node : topology->nodes()) {
    if (node.failed) return "a node is taken for failed";
  }
  for (const Group& group : topology->groups()) {
    if (std::string amiss = GroupAmiss(world, group, equal); !amiss.empty()) return amiss;
  }
  return {};
}

void RunUntil(World& world, int64_t until) {
  while (world.RunNext(until)) {
  }
}

// Clients write until all is well but for what is under way; then they stop, and all are equal.
int64_t AwaitWell(World& world) {
  const int64_t from = world.now();
  std::string amiss = "nothing was looked at";
  for (int64_t at = from; at < from + kHealBound && world.verdict().sound(); at += kLookEvery) {
    RunUntil(world, at);
    amiss = Amiss(world, !world.writing);
    if (!amiss.empty()) continue;
    if (!world.writing) return (world.now() - from) / kMilli;
    world.writing = false;
  }
  world.verdict().Violated("convergence", amiss);
  return -1;
}

LossAccount Settle(World& world) {
  const TopologyPtr topology = world.NewestTopology();
  LossAccount sum;
  for (auto& [id, kept] : world.all_kept()) {
    const size_t leader = world.LeaderOf(id);
    if (leader == world.size()) continue;
    const auto gone = [&](size_t node, uint64_t life) {
      const Machine& machine = world.machine(node);
      return !machine.up() || machine.life != life;
    };
    const LossAccount of = kept.Settle(world.machine(leader).process->Find(id)->log(), gone);
    if (of.acknowledged != of.kept + of.lost_async + of.lost_to_power) {
      world.verdict().Violated("account", "acknowledged is not kept and lost");
    }
    sum.acknowledged += of.acknowledged;
    sum.kept += of.kept;
    sum.lost_async += of.lost_async;
    sum.lost_to_power += of.lost_to_power;
    sum.dropped += of.dropped;
    sum.died += of.died;
  }
  return sum;
}

}  // namespace

Outcome RunScenario(const Scenario& scenario, uint64_t seed, Bug bug) {
  World world(scenario, seed, bug);
  Outcome outcome;
  const int64_t until = scenario.chaos_ms * kMilli;
  // A calm beginning, so that there is something to lose.
  RunUntil(world, std::min<int64_t>(
                      until, static_cast<int64_t>(2500 + world.random().Below(2000)) * kMilli));
  Disturb(world, until);
  RunUntil(world, until);
  if (world.verdict().sound()) {
    Heal(world);
    outcome.healed_ms = AwaitWell(world);
  }
  if (world.verdict().sound()) outcome.account = Settle(world);
  outcome.violation = world.verdict().text();
  outcome.trace = world.trace();
  outcome.steps = world.steps();
  outcome.counts = world.counts;
  return outcome;
}

const Scenario& ScenarioOf(uint64_t seed) { return Scenarios()[seed % Scenarios().size()]; }

Outcome RunSeed(uint64_t seed) { return RunScenario(ScenarioOf(seed), seed); }

std::optional<OutageMs> Outage(uint64_t seed, bool judge) {
  constexpr int64_t kPatience = 20 * kSecond;
  World world(Scenarios()[0], seed, Bug::kNone);
  RunUntil(world, 8 * kSecond + static_cast<int64_t>(world.random().Below(1000)) * kMilli);
  const TopologyPtr topology = world.NewestTopology();
  const Group& group = topology->groups().front();
  const size_t victim = world.LeaderOf(group.id);
  if (victim == world.size() || !Amiss(world, false).empty()) return std::nullopt;
  if ((world.machine(victim).id == topology->office().judge) != judge) return std::nullopt;
  const int64_t killed = world.now();
  world.Crash(victim);
  const KeptWrites& kept = world.kept(group.id);
  const uint64_t before = kept.acknowledged_insync();
  while (world.LeaderOf(group.id) == world.size() && world.RunNext(killed + kPatience)) {
  }
  const int64_t leads = world.now();
  while (kept.acknowledged_insync() == before && world.RunNext(killed + kPatience)) {
  }
  return OutageMs{(leads - killed) / kMilli, (world.now() - killed) / kMilli};
}

std::optional<int64_t> OutageAfterFlaps(uint64_t seed) {
  constexpr int64_t kPatience = 30 * kSecond;
  World world(ScenarioNamed("three leaders, three followers"), seed, Bug::kNone);
  RunUntil(world, 8 * kSecond);
  const size_t judge = world.IndexOf(world.NewestTopology()->office().judge);
  if (judge == world.size() || !Amiss(world, false).empty()) return std::nullopt;
  for (int cut = 0; cut < 4; ++cut) {
    for (size_t k = 0; k < world.size(); ++k) {
      if (k == judge) continue;
      world.Block(judge, k);
      world.Block(k, judge);
    }
    const uint64_t ms =
        cut == 3 ? 300 + world.random().Below(4700) : 100 + world.random().Below(1900);
    RunUntil(world, world.now() + static_cast<int64_t>(ms) * kMilli);
    world.ClearNetwork();
    if (cut == 3) break;
    RunUntil(world, world.now() + static_cast<int64_t>(50 + world.random().Below(650)) * kMilli);
  }
  const int64_t healed = world.now();
  for (const Group& group : world.NewestTopology()->groups()) {
    while (world.LeaderOf(group.id) == world.size() && world.RunNext(healed + kPatience)) {
    }
  }
  return (world.now() - healed) / kMilli;
}

}  // namespace henge::sim
