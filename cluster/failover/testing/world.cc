// SPDX-License-Identifier: Apache-2.0
// The world itself: time, the network, what goes wrong in it, and what must not.
#include "cluster/failover/testing/world.h"

#include <algorithm>

namespace henge::cluster::simulation {

World::World(uint64_t seed, const Bugs& bugs, bool restless_judges)
    : random_(seed), bugs_(bugs), restless_judges_(restless_judges) {
  const int count = 3 + static_cast<int>(seed % 3);
  std::vector<Node> nodes;
  for (int i = 0; i < count; ++i) {
    Peer& peer = *peers_.emplace_back(std::make_unique<Peer>());
    peer.id = NodeId::FromName("n" + std::to_string(i));
    const double drift = bugs.wild_clocks ? 0.5 : kClockDrift;
    peer.rate = 1 + drift * (2 * random_.Unit() - 1);
    if (random_.Below(3) == 0) peer.rate = random_.Below(2) == 0 ? 1 - drift : 1 + drift;
    peer.offset = static_cast<int64_t>(random_.Below(1000)) * kSecond;
    nodes.push_back(
        {.id = peer.id, .host = "h", .port = static_cast<uint16_t>(i + 1), .virtual_nodes = 8});
  }
  topology_ = *Topology::FromMembers(std::move(nodes), count > 3 ? 2 : 1);
  blocked_.assign(peers_.size(), std::vector<bool>(peers_.size()));
  for (size_t i = 0; i < peers_.size(); ++i) Start(i);
  Every(100 * kMilli, [this] { Elect(); });
}

void World::Run(int64_t until) {
  while (!events_.empty() && events_.top().at <= until && failure_.empty()) {
    const Event event = events_.top();
    events_.pop();
    now_ = event.at;
    event.run();
    CheckLeaders();
  }
  now_ = std::max(now_, until);
}

void World::Chaos(int64_t until) {
  if (now_ >= until) return;
  Disturb();
  At(now_ + static_cast<int64_t>(random_.Below(900)) * kMilli, [this, until] { Chaos(until); });
}

void World::Heal() {
  for (auto& row : blocked_) row.assign(row.size(), false);
  loss_ = 0;
  late_ = 0;
  for (size_t i = 0; i < peers_.size(); ++i) {
    peers_[i]->paused_until = std::min(peers_[i]->paused_until, now_);
    Restart(i);
  }
  calm_ = true;
}

bool World::AllLed() {
  return std::all_of(topology_->groups().begin(), topology_->groups().end(),
                     [this](const Group& group) { return Leader(group.id) >= 0; });
}

int World::Leader(const GroupId& group) {
  for (size_t i = 0; i < peers_.size(); ++i) {
    if (MayAcknowledge(*peers_[i], group)) return static_cast<int>(i);
  }
  return -1;
}

bool World::AllInSync() const {
  return std::all_of(topology_->groups().begin(), topology_->groups().end(),
                     [](const Group& g) { return g.in_sync.size() == g.followers.size() + 1; });
}

void World::Every(int64_t period, std::function<void()> run) {
  At(now_ + period, [this, period, run] {
    run();
    Every(period, run);
  });
}

void World::OnPeer(size_t i, int64_t at, std::function<void()> run) {
  const uint64_t incarnation = peers_[i]->incarnation;
  At(at, [this, i, incarnation, run = std::move(run)] {
    const Peer& peer = *peers_[i];
    if (!peer.up || peer.incarnation != incarnation) return;
    if (now_ < peer.paused_until) return OnPeer(i, peer.paused_until, run);
    run();
  });
}

void World::EveryOnPeer(size_t i, int64_t local_period, std::function<void()> run) {
  const auto period = static_cast<int64_t>(static_cast<double>(local_period) / peers_[i]->rate);
  OnPeer(i, now_ + period, [this, i, local_period, run] {
    run();
    EveryOnPeer(i, local_period, run);
  });
}

int64_t World::Delay() {
  if (random_.Unit() < late_) return static_cast<int64_t>(random_.Below(2500)) * kMilli;
  return 200 + static_cast<int64_t>(random_.Below(5 * kMilli));
}

void World::Send(size_t from, size_t to, std::function<void()> run) {
  for (int copies = random_.Below(20) == 0 ? 2 : 1; copies > 0; --copies) {
    if (!Open(from, to) || random_.Unit() < loss_) continue;
    OnPeer(to, now_ + Delay(), run);
  }
}

size_t World::IndexOf(const NodeId& id) const {
  for (size_t i = 0; i < peers_.size(); ++i) {
    if (peers_[i]->id == id) return i;
  }
  return peers_.size();
}

// Too short for consensus to look for another, and with proposals still on their way.
void World::DisturbJudge() {
  const size_t i = IndexOf(topology_->office().judge);
  if (i == peers_.size()) return;
  late_ = 0.2;
  Crash(i);
  At(now_ + static_cast<int64_t>(random_.Below(300)) * kMilli, [this, i] { Restart(i); });
}

void World::Disturb() {
  if (restless_judges_ && random_.Below(3) == 0) return DisturbJudge();
  const size_t i = random_.Below(peers_.size());
  switch (random_.Below(12)) {
    case 0:
    case 1:
      return Crash(i);
    case 2:
    case 3:
    case 4:
      return Restart(i);
    case 5:
    case 6:
      peers_[i]->paused_until = now_ + static_cast<int64_t>(random_.Below(4000)) * kMilli;
      return;
    case 7:  // Cut off, one way or both.
    case 8: {
      const uint64_t ways = 1 + random_.Below(3);
      for (size_t k = 0; k < peers_.size(); ++k) {
        if ((ways & 1) != 0) blocked_[i][k] = true;
        if ((ways & 2) != 0) blocked_[k][i] = true;
      }
      return;
    }
    case 9:
      loss_ = random_.Unit() * 0.3;
      late_ = random_.Below(2) == 0 ? 0.1 : 0;
      return;
    default:
      for (auto& row : blocked_) row.assign(row.size(), false);
      loss_ = late_ = 0;
  }
}

void World::CheckLeaders() {
  for (const Group& group : topology_->groups()) {
    int leaders = 0;
    for (const auto& peer : peers_) leaders += MayAcknowledge(*peer, group.id);
    if (leaders > 1) Fail("two leaders may acknowledge for one group");
  }
}

void World::CheckKept(const Group& group, const Replica& replica) {
  const std::set<uint32_t> has(replica.log.begin(), replica.log.end());
  const auto& kept = kept_[group.id];
  if (!std::includes(has.begin(), has.end(), kept.begin(), kept.end())) {
    Fail("a leader lacks what was acknowledged");
  }
}

}  // namespace henge::cluster::simulation
