// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/process.h"

#include <utility>

#include "tests/sim/stream.h"

namespace henge::sim {

using cluster::GroupId;
using cluster::NodeId;
using cluster::TopologyPtr;

Process::Process(World& world, size_t self)
    : world_(world),
      self_(self),
      id_(world.machine(self).id),
      clock_(world, self),
      seat_clock_(world, self),
      coordinator_(world, self),
      desk_(std::make_shared<cluster::Desk>()),
      petitions_(coordinator_, desk_, kNodeTimeoutMs),
      host_(world, self),
      seat_({id_, kNodeTimeoutMs, &seat_clock_}, coordinator_, desk_, petitions_,
            [this](const cluster::BeatAnswer& answer) { SendAnswer(answer); }),
      duty_({id_, kNodeTimeoutMs, &clock_}, host_, petitions_, [this] { Adopt(); }),
      confirmed_(world.has(Bug::kFollowsUnconfirmed)) {}

void Process::Begin() {
  desk_->Open([this](std::function<void()> errand) {
    world_.OnProcess(self_, world_.now(), std::move(errand));
  });
  host_.Begin();
  coordinator_.Watch(this);
  world_.After(self_, static_cast<int64_t>(world_.random().Below(50)) * kMilli, [this] { Tick(); });
}

void Process::End(bool tell) {
  desk_->Close();
  if (Replica* replica = host_.replica()) replica->End(tell);
}

Replica* Process::Find(const GroupId& group) {
  Replica* replica = host_.replica();
  return replica != nullptr && replica->id() == group ? replica : nullptr;
}

const Replica* Process::Find(const GroupId& group) const {
  const Replica* replica = host_.replica();
  return replica != nullptr && replica->id() == group ? replica : nullptr;
}

void Process::Tick() {
  world_.After(self_, RaftCoordinator::kTickMicros, [this] { Tick(); });
  ++ticks_;
  coordinator_.Tick();
  Confirm();
  if (ticks_ % 2 == 0) petitions_.Tick();
  seat_.Tick();
  duty_.Tick();
  if (ticks_ % 2 == 0) Beat();
  if (Replica* replica = host_.replica()) replica->Tick();
  if (world_.writing) Write();
  if (world_.scenario().homes && ticks_ % 2 == 0) LookForHome();
  if (shut_down_by_ != 0) TickShutDown();
  if (std::exchange(sat_term_, seat_.term()) == seat_.term() || seat_.term() == 0) return;
  ++world_.counts.offices;
  world_.Moment(self_);
  // As if it were in office for long: whatever there was to be waited for is over.
  if (world_.has(Bug::kNoOfficeWait)) seat_clock_.Jump(2 * kSecond);
}

// --- The topology --------------------------------------------------------------------------------

void Process::Confirm() {
  if (confirmed_ || std::exchange(confirming_, true)) return;
  coordinator_.Barrier(kNodeTimeoutMs, [this](const absl::Status& outcome) {
    confirming_ = false;
    if (!outcome.ok()) return;
    confirmed_ = true;
    coordinator_.set_lax(world_.has(Bug::kNoBarrier));
    Adopt();
  });
}

void Process::OnTopology(const TopologyPtr& /*topology*/) {
  desk_->Call([this] { Adopt(); });
}

void Process::OnLeader(std::optional<NodeId> leader) {
  desk_->Call([this, leader] {
    seat_.OnLeader(leader == id_);
    Beat();
  });
}

void Process::Adopt() {
  const TopologyPtr topology = coordinator_.topology();
  if (topology->version() < topology_version_) return;
  topology_version_ = topology->version();
  seat_.OnTopology(topology);
  if (duty_.OnTopology(topology, confirmed_)) Beat();
}

// --- The judge -----------------------------------------------------------------------------------

void Process::Beat() {
  last_sent_ = clock_.MonotonicMicros();
  const auto leader = coordinator_.leader();
  if (!leader) return;
  const cluster::NodeBeat beat{.node = id_,
                               .incarnation = world_.machine(self_).life,
                               .sent_micros = last_sent_,
                               .topology_version = topology_version_,
                               .load = duty_.Load(),
                               .groups = duty_.Reports()};
  const size_t judge = world_.IndexOf(*leader);
  world_.Send(self_, judge,
              [&world = world_, judge, beat] { world.machine(judge).process->HearBeat(beat); });
}

void Process::HearBeat(const cluster::NodeBeat& beat) {
  if (coordinator_.topology()->Find(beat.node) != nullptr) seat_.Hear(beat);
}

void Process::SendAnswer(const cluster::BeatAnswer& answer) {
  const size_t to = world_.IndexOf(answer.node);
  world_.Send(self_, to,
              [&world = world_, to, answer] { world.machine(to).process->TakeAnswer(answer); });
}

void Process::TakeAnswer(cluster::BeatAnswer answer) {
  const bool mine = answer.node == id_ && answer.incarnation == world_.machine(self_).life;
  if (!mine || answer.sent_micros > last_sent_) return;
  if (world_.has(Bug::kLeaseFromAnswer)) answer.sent_micros = clock_.MonotonicMicros();
  duty_.OnAnswer(answer);
}

void Process::Force(const GroupId& group, const NodeId& to) { (void)seat_.Force(group, to); }

// --- As a leader ---------------------------------------------------------------------------------

void Process::Write() {
  Replica* replica = host_.replica();
  if (replica == nullptr || !replica->leads() || !replica->live()) return;
  replica->Write(world_.OneIn(3) ? Concern::kAsync : Concern::kInSync);
}

void Process::HandOver() {
  if (duty_.hands_over()) return;
  duty_.HandOver(GroupId(), NodeId(), 1000,
                 std::make_shared<cluster::Question>([&world = world_](const absl::Status& told) {
                   if (told.ok()) ++world.counts.hand_overs;
                 }));
  world_.Moment(self_);
}

void Process::Propose(const cluster::Change& change) {
  petitions_.Ask(change, [](const absl::Status&) {});
}

// As HomeWatch does (server/cluster/home_watch.h).
void Process::LookForHome() {
  if (moving_) return;
  const auto change = homes_.Look(*coordinator_.topology(), id_, {}, clock_.MonotonicMicros());
  if (!change) return;
  world_.Tell("node {} proposes that node {} goes to {}", self_, world_.IndexOf(change->node),
              change->group.view().substr(0, 4));
  moving_ = true;
  petitions_.Ask(*change, [this](const absl::Status& outcome) {
    moving_ = false;
    world_.counts.moves += outcome.ok();
  });
  world_.Moment(self_);
}

void Process::ShutDown() {
  if (shut_down_by_ == 0) shut_down_by_ = clock_.MonotonicMicros() + 3 * kSecond;
}

void Process::TickShutDown() {
  if (world_.calm) {  // It was asked for too late.
    shut_down_by_ = 0;
    return;
  }
  Replica* replica = host_.replica();
  const bool leads = replica != nullptr && replica->leads();
  if (leads) HandOver();
  if (leads && clock_.MonotonicMicros() < shut_down_by_) return;
  if (replica != nullptr) replica->Sync();
  world_.OnProcess(self_, world_.now(), [this] { world_.Crash(self_); });
}

}  // namespace henge::sim
