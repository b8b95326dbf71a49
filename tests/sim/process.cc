// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/process.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "tests/sim/stream.h"

namespace henge::sim {

using cluster::Group;
using cluster::GroupId;
using cluster::Handover;
using cluster::NodeId;
using cluster::TopologyPtr;

namespace {

constexpr int64_t kGrace = 400 * kMilli;  // Then a follower that lags is in sync no more.

}  // namespace

Process::Process(World& world, size_t self)
    : world_(world),
      self_(self),
      id_(world.machine(self).id),
      coordinator_(world, self),
      seat_(world, self, coordinator_),
      confirmed_(world.has(Bug::kFollowsUnconfirmed)) {}

void Process::Begin() {
  for (const auto& [group, disk] : world_.machine(self_).data) {
    replicas_.emplace(group, std::make_unique<Replica>(world_, self_, group));
  }
  coordinator_.Watch(this);
  world_.After(self_, static_cast<int64_t>(world_.random().Below(50)) * kMilli, [this] { Tick(); });
}

void Process::End(bool tell) {
  for (const auto& [group, replica] : replicas_) replica->End(tell);
}

Replica* Process::Find(const GroupId& group) {
  const auto at = replicas_.find(group);
  return at == replicas_.end() ? nullptr : at->second.get();
}

void Process::Tick() {
  world_.After(self_, RaftCoordinator::kTickMicros, [this] { Tick(); });
  ++ticks_;
  coordinator_.Tick();
  if (!confirmed_) AskWhetherConfirmed();
  if (ticks_ % 3 == 0) Beat();
  if (ticks_ % 2 == 0) seat_.Tick();
  for (const auto& [group, replica] : replicas_) {
    replica->Tick();
    if (confirmed_) ReviewInSync(*replica);
  }
  if (world_.writing) Write();
  TickHandOver();
  if (shut_down_by_ != 0) TickShutDown();
}

// --- The topology --------------------------------------------------------------------------------

void Process::AskWhetherConfirmed() {
  if (std::exchange(asking_, true)) return;
  coordinator_.Barrier(1000, [this](const absl::Status& status) {
    asking_ = false;
    confirmed_ = status.ok();
    if (confirmed_) AdoptGroups();
  });
}

void Process::OnTopology(const TopologyPtr& topology) {
  seat_.OnTopology(topology);
  if (handing_over_ != nullptr) {
    if (const Group* group = topology->FindGroup(handing_over_->group)) {
      OnHandOver(handing_over_->machine.OnEpoch(group->epoch));
    }
  }
  if (confirmed_) AdoptGroups();
}

void Process::AdoptGroups() {
  const TopologyPtr topology = coordinator_.topology();
  std::vector<GroupId> gone;
  for (const auto& [id, replica] : replicas_) {
    const Group* group = topology->FindGroup(id);
    if (group == nullptr || !group->IsMember(id_)) gone.push_back(id);
  }
  for (const GroupId& id : gone) {
    const auto replica = std::exchange(replicas_[id], nullptr);
    replicas_.erase(id);
    replica->Leave();
    world_.machine(self_).data.erase(id);
  }
  for (const Group& group : topology->groups()) {
    if (!group.IsMember(id_)) continue;
    auto& replica = replicas_[group.id];
    if (replica == nullptr) replica = std::make_unique<Replica>(world_, self_, group.id);
    replica->Adopt(group);
  }
}

// --- The judge -----------------------------------------------------------------------------------

void Process::Beat() {
  const size_t judge = world_.IndexOf(coordinator_.topology()->office().judge);
  if (judge == world_.size()) return;
  cluster::NodeBeat beat{.node = id_,
                         .incarnation = world_.machine(self_).life,
                         .sent_micros = world_.Local(self_),
                         .topology_version = coordinator_.topology()->version()};
  if (confirmed_) {
    for (const auto& [id, replica] : replicas_) beat.groups.push_back(replica->Report());
  }
  world_.Send(self_, judge,
              [&world = world_, judge, beat] { world.machine(judge).process->seat().Hear(beat); });
}

void Process::TakeAnswer(const cluster::BeatAnswer& answer) {
  if (answer.incarnation != world_.machine(self_).life) return;
  const int64_t from = world_.has(Bug::kLeaseFromAnswer) ? world_.Local(self_) : answer.sent_micros;
  for (const cluster::LeaseGrant& lease : answer.leases) {
    Replica* replica = Find(lease.group);
    if (replica != nullptr) replica->Grant(lease.epoch, from, answer.lease_micros);
  }
}

// --- As a leader ---------------------------------------------------------------------------------

void Process::Write() {
  for (const auto& [group, replica] : replicas_) {
    if (!replica->Leads() || !replica->live()) continue;
    replica->Write(world_.OneIn(3) ? Concern::kAsync : Concern::kInSync);
  }
}

void Process::ReviewInSync(Replica& replica) {
  if (!replica.Leads() || !replica.live()) return;
  for (const NodeId& follower : replica.group().followers) {
    if (!replica.changing) ReviewFollower(replica, follower);
  }
}

void Process::ReviewFollower(Replica& replica, const NodeId& follower) {
  const Group& group = replica.group();
  const bool in_sync = group.IsInSync(follower);
  const Replica::Standing standing = replica.StandingOf(world_.IndexOf(follower));
  const int64_t now = world_.Local(self_);
  const auto [kept_up, is_new] = kept_up_.try_emplace(std::pair(group.id, follower), now);
  if (!standing.lags) kept_up->second = now;
  if (in_sync ? now - kept_up->second < kGrace : !standing.caught_up) return;
  cluster::SetInSync change{group.id, group.in_sync, group.epoch, group.revision};
  if (in_sync) {
    std::erase(change.members, follower);
  } else {
    change.members.push_back(follower);
    replica.joining().insert(follower);
  }
  replica.changing = true;
  world_.Moment(OneOf(follower));
  ProposeInSync(group.id, coordinator_.NewRequest(), change, in_sync ? NodeId() : follower);
}

// A follower, or this leader.
size_t Process::OneOf(const NodeId& follower) const {
  return world_.OneIn(2) ? self_ : world_.IndexOf(follower);
}

void Process::ProposeInSync(const GroupId& group, uint64_t request,
                            const cluster::SetInSync& change, const NodeId& joiner) {
  coordinator_.Propose({.request = request, .change = change, .timeout_ms = 1000},
                       [=, this](const absl::Status& status) {
                         Replica* replica = Find(group);
                         if (replica == nullptr) return;
                         if (absl::IsDeadlineExceeded(status)) {
                           return ProposeInSync(group, request, change, joiner);
                         }
                         replica->changing = false;
                         // Known for sure never to be; or it is in the topology by now.
                         replica->joining().erase(joiner);
                       });
}

bool Process::HandOver(const GroupId& group) {
  Replica* replica = Find(group);
  if (handing_over_ != nullptr || replica == nullptr || !replica->Leads()) return false;
  std::vector<NodeId> others = replica->group().in_sync;
  std::erase(others, id_);
  if (others.empty()) return false;
  const NodeId to = others[world_.random().Below(others.size())];
  handing_over_ = std::make_unique<HandingOver>(replica->lease(), world_.has(Bug::kKeepsLease));
  handing_over_->group = group;
  handing_over_->request = coordinator_.NewRequest();
  if (!handing_over_->machine.Start(group, to, world_.Local(self_) + kSecond)) {
    handing_over_.reset();
    return false;
  }
  if (!world_.has(Bug::kKeepsLease)) replica->StopWrites();
  return true;
}

void Process::TickHandOver() {
  if (handing_over_ == nullptr) return;
  Replica* replica = Find(handing_over_->group);
  if (replica == nullptr) return handing_over_.reset();
  Handover& machine = handing_over_->machine;
  if (machine.step() == Handover::Step::kStopping) machine.Stopped(replica->end());
  const NodeId to = machine.change().to;
  machine.FollowerAt(to, replica->StandingOf(world_.IndexOf(to)).acknowledged);
  OnHandOver(machine.Tick(world_.Local(self_)));
}

void Process::OnHandOver(Handover::Action action) {
  if (action == Handover::Action::kPropose) return ProposeHandOver();
  if (action == Handover::Action::kNone) return;
  if (action == Handover::Action::kDone) ++world_.counts.hand_overs;
  if (Replica* replica = Find(handing_over_->group)) replica->ResumeWrites();
  handing_over_.reset();
}

void Process::ProposeHandOver() {
  world_.Moment(self_);
  coordinator_.Propose(
      {.request = handing_over_->request, .change = handing_over_->machine.change()},
      [this, request = handing_over_->request](const absl::Status& status) {
        using Outcome = Handover::Outcome;
        if (handing_over_ == nullptr || handing_over_->request != request) return;
        const Outcome outcome = status.ok()                        ? Outcome::kApplied
                                : absl::IsDeadlineExceeded(status) ? Outcome::kUnknown
                                : absl::IsAborted(status)          ? Outcome::kSuperseded
                                                                   : Outcome::kRefused;
        OnHandOver(handing_over_->machine.OnOutcome(outcome));
      });
}

void Process::ShutDown() {
  if (shut_down_by_ == 0) shut_down_by_ = world_.Local(self_) + 3 * kSecond;
}

void Process::TickShutDown() {
  if (world_.calm) {  // It was asked for too late.
    shut_down_by_ = 0;
    return;
  }
  bool leads = false;
  for (const auto& [id, replica] : replicas_) {
    if (!replica->Leads()) continue;
    leads = true;
    HandOver(id);
  }
  if (leads && world_.Local(self_) < shut_down_by_) return;
  for (const auto& [id, replica] : replicas_) replica->Sync();
  world_.OnProcess(self_, world_.now(), [this] { world_.Crash(self_); });
}

void Process::Propose(const cluster::Change& change) {
  coordinator_.Propose({.change = change}, [](const absl::Status&) {});
}

}  // namespace henge::sim
