// SPDX-License-Identifier: Apache-2.0
// A node of the world: its beats, its judge, its data.
#include <algorithm>

#include "cluster/failover/testing/world.h"

namespace henge::cluster::simulation {

void World::Start(size_t i) {
  EveryOnPeer(i, 150 * kMilli, [this, i] { Beat(i); });
  EveryOnPeer(i, 100 * kMilli, [this, i] { Judge(i); });
  EveryOnPeer(i, 25 * kMilli, [this, i] { Lead(i); });
  EveryOnPeer(i, 200 * kMilli, [this, i] { Tell(i); });
  Tell(i);
}

void World::Crash(size_t i) {
  Peer& peer = *peers_[i];
  if (!peer.up) return;
  peer.up = false;
  ++peer.incarnation;
  peer.paused_until = 0;
  const bool had_disk = random_.Below(2) == 0;
  for (auto& [id, replica] : peer.replicas) {
    Replica fresh;
    if (had_disk) {
      fresh.log = replica.log;
      fresh.log.resize(fresh.log.size() - std::min<size_t>(fresh.log.size(), random_.Below(3)));
      fresh.data = DataState::kRecovered;
    }
    replica = std::move(fresh);
  }
  peer.view = Topology::Empty();
  peer.judge.reset();
  peer.bidding = false;
  peer.handover.reset();
  peer.confirming = false;
}

void World::Restart(size_t i) {
  if (std::exchange(peers_[i]->up, true)) return;
  Start(i);
}

void World::Beat(size_t i) {
  const Peer& peer = *peers_[i];
  const size_t judge = IndexOf(peer.view->office().judge);
  if (judge == peers_.size()) return;
  NodeBeat beat{.node = peer.id,
                .incarnation = peer.incarnation,
                .sent_micros = Local(peer),
                .topology_version = peer.view->version()};
  for (const auto& [id, replica] : peer.replicas) {
    if (!replica.seen) continue;
    const Epoch epoch = replica.lease.leading() ? replica.lease.epoch() : replica.epoch;
    beat.groups.push_back({.group = id,
                           .epoch = epoch,
                           .data_epoch = epoch,
                           .offset = replica.log.size(),
                           .data = replica.data});
  }
  Send(i, judge, [this, judge, beat] { Hear(judge, beat); });
}

void World::Hear(size_t i, const NodeBeat& beat) {
  Peer& peer = *peers_[i];
  if (peer.judge == nullptr) return;
  peer.judge->Hear(beat, Local(peer));
  if (bugs_.no_barrier) return Answer(i, peer.judge->StartConfirm());
  if (!std::exchange(peer.confirming, true)) Confirm(i);
}

void World::Confirm(size_t i) {
  const uint64_t ticket = peers_[i]->judge->StartConfirm();
  At(now_ + Delay(), [this, i, ticket, term = peers_[i]->judge->term()] {
    const bool reached = HasMajority(i);
    const TopologyPtr committed = topology_;
    OnPeer(i, now_ + Delay(), [this, i, ticket, term, reached, committed] {
      Peer& peer = *peers_[i];
      if (peer.judge == nullptr || peer.judge->term() != term) return;
      peer.confirming = false;
      if (!reached || !HasMajority(i)) return;
      See(i, committed);
      Answer(i, ticket);
    });
  });
}

void World::Answer(size_t i, uint64_t ticket) {
  if (peers_[i]->judge == nullptr) return;  // Another has taken office meanwhile.
  for (const BeatAnswer& answer : peers_[i]->judge->Confirm(ticket)) {
    const size_t to = IndexOf(answer.node);
    Send(i, to, [this, to, answer] { Take(to, answer); });
  }
}

void World::Take(size_t i, const BeatAnswer& answer) {
  Peer& peer = *peers_[i];
  if (answer.incarnation != peer.incarnation) return;
  for (const LeaseGrant& lease : answer.leases) {
    const int64_t from = bugs_.lease_from_answer ? Local(peer) : answer.sent_micros;
    Replica& replica = peer.replicas[lease.group];
    if (!replica.lease.leading() || replica.lease.epoch() != lease.epoch) continue;
    replica.lease.Grant(lease.epoch, from, answer.lease_micros);
    if (std::exchange(replica.data, DataState::kLive) != DataState::kLive) {
      kept_[lease.group].clear();  // The judge knew: nobody in sync had live data any more.
    }
  }
}

void World::Judge(size_t i) {
  Peer& peer = *peers_[i];
  if (peer.judge == nullptr) return SeekOffice(i);
  for (const Judgement& judgement : peer.judge->Tick(Local(peer))) {
    Propose(i, judgement.change,
            [this, i, change = judgement.change,
             term = peer.judge->term()](const absl::Status& status) {
              Peer& judge = *peers_[i];
              if (judge.judge != nullptr && judge.judge->term() == term) {
                judge.judge->Settled(change, status.ok());
              }
            });
  }
}

bool World::MayAcknowledge(const Peer& peer, const GroupId& group) const {
  const auto replica = peer.replicas.find(group);
  return Runs(peer) && replica != peer.replicas.end() &&
         replica->second.lease.MayAcknowledge(Local(peer));
}

void World::Lead(size_t i) {
  Peer& peer = *peers_[i];
  for (auto& [id, replica] : peer.replicas) {
    const Group* group = peer.view->FindGroup(id);
    if (group == nullptr || group->leader != peer.id || !replica.lease.leading()) continue;
    if (replica.data == DataState::kLive) Replicate(i, *group, replica);
    Hand(i, *group, replica);
  }
}

void World::Replicate(size_t i, const Group& group, Replica& replica) {
  Peer& peer = *peers_[i];
  const bool writes = !replica.stopped && MayAcknowledge(peer, group.id);
  if (writes) replica.log.push_back(++writes_);
  bool all = true;
  for (const NodeId& id : group.followers) {
    const size_t to = IndexOf(id);
    const bool required = group.IsInSync(id) || replica.joining.contains(id);
    const bool synced = Reach(i, to) && Copy(group, replica, *peers_[to]);
    if (synced) replica.reached[id] = now_;
    if (required && !synced) all = false;
    if (!replica.changing) ReviewMember(i, group, replica, id, synced);
  }
  if (!writes || !all) return;
  CheckKept(group, replica);
  kept_[group.id].insert(replica.log.back());
  ++acknowledged_;
}

bool World::Copy(const Group& group, const Replica& from, Peer& follower) {
  const auto to = follower.replicas.find(group.id);
  if (to == follower.replicas.end() || to->second.epoch > from.lease.epoch()) return false;
  // A process follows nobody before it has a topology that is newer than itself.
  if (to->second.lease.leading() || !to->second.seen) return false;
  to->second.epoch = from.lease.epoch();
  to->second.log = from.log;
  to->second.data = DataState::kLive;
  return true;
}

void World::ReviewMember(size_t i, const Group& group, Replica& replica, const NodeId& id,
                         bool synced) {
  const bool in_sync = group.IsInSync(id);
  const auto reached = replica.reached.try_emplace(id, now_).first->second;
  const bool waits = in_sync && !group.IsDeposed(id) && now_ - reached < 300 * kMilli;
  if (synced == in_sync || waits) return;
  SetInSync change{group.id, group.in_sync, group.epoch, group.revision};
  if (in_sync) {
    std::erase(change.members, id);
  } else {
    change.members.push_back(id);
    replica.joining.insert(id);
  }
  replica.changing = true;
  Propose(i, change, [this, i, group = group.id, id](const absl::Status& status) {
    Replica& mine = peers_[i]->replicas[group];
    mine.changing = false;
    if (!status.ok()) mine.joining.erase(id);
  });
}

void World::Hand(size_t i, const Group& group, Replica& replica) {
  Peer& peer = *peers_[i];
  if (peer.handover == nullptr) {
    if (random_.Below(calm_ ? 100000 : 300) != 0 || group.in_sync.size() < 2) return;
    std::vector<NodeId> others = group.in_sync;
    std::erase(others, peer.id);
    peer.handover = std::make_unique<Handover>(replica.lease);
    peer.handing = group.id;
    if (!peer.handover->Start(group.id, others[random_.Below(others.size())],
                              Local(peer) + kSecond)) {
      peer.handover.reset();
      return;
    }
    replica.stopped = true;
    peer.handover->Stopped(replica.log.size());
  }
  if (peer.handing != group.id) return;
  if (peer.handover->step() == Handover::Step::kIdle) {
    peer.handover.reset();
    replica.stopped = false;
    return;
  }
  const NodeId to = peer.handover->change().to;
  const Peer& follower = *peers_[IndexOf(to)];
  if (Reach(i, IndexOf(to))) {
    const auto copy = follower.replicas.find(group.id);
    if (copy != follower.replicas.end() && copy->second.log == replica.log) {
      peer.handover->FollowerAt(to, replica.log.size());
    }
  }
  if (peer.handover->Tick(Local(peer)) != Handover::Action::kPropose) return;
  Propose(i, peer.handover->change(), [this, i](const absl::Status& status) {
    using Outcome = Handover::Outcome;
    if (peers_[i]->handover == nullptr) return;
    peers_[i]->handover->OnOutcome(status.ok()               ? Outcome::kApplied
                                   : absl::IsAborted(status) ? Outcome::kSuperseded
                                                             : Outcome::kRefused);
  });
}

}  // namespace henge::cluster::simulation
