// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/judge_seat.h"

#include <utility>

#include "tests/sim/process.h"

namespace henge::sim {

using cluster::FailureDetector;

void JudgeSeat::OnTopology(const cluster::TopologyPtr& topology) {
  const int64_t now = world_.Local(self_);
  if (judge_ != nullptr) judge_->Adopt(topology, now);
  Machine& machine = world_.machine(self_);
  const cluster::Office& office = topology->office();
  const bool old = world_.has(Bug::kKeepsTerm) && office.term == machine.kept_term;
  if (office.judge != machine.id || (office.term != sought_term_ && !old)) return;
  if (judge_ != nullptr && judge_->term() == office.term) return;
  // As if it were in office for long: whatever there was to be waited for is over.
  const int64_t since = world_.has(Bug::kNoOfficeWait) ? now - 10 * kSecond : now;
  judge_ = std::make_unique<FailureDetector>(machine.id, topology, kNodeTimeoutMs, since);
  machine.kept_term = office.term;
  confirming_ = more_ = false;
  ++world_.counts.offices;
  world_.Moment(self_);
}

void JudgeSeat::SeekOffice() {
  if (!coordinator_.IsLeader() || seeking_) return;
  if (judge_ != nullptr && judge_->in_office()) return;
  seeking_ = true;
  sought_term_ = coordinator_.topology()->office().term + 1;
  const cluster::TakeOffice change{.judge = world_.machine(self_).id,
                                   .term = sought_term_,
                                   .lease_ms = cluster::LeaseMsFor(kNodeTimeoutMs)};
  coordinator_.Propose({.request = coordinator_.NewRequest(), .change = change, .timeout_ms = 1000},
                       [this](const absl::Status&) { seeking_ = false; });
}

void JudgeSeat::Hear(const cluster::NodeBeat& beat) {
  if (judge_ == nullptr) return;
  judge_->Hear(beat, world_.Local(self_));
  if (world_.has(Bug::kNoBarrier)) return Answer(judge_->StartConfirm());
  if (confirming_) {
    more_ = true;
  } else {
    Confirm();
  }
}

void JudgeSeat::Confirm() {
  confirming_ = true;
  more_ = false;
  const uint64_t ticket = judge_->StartConfirm();
  coordinator_.Barrier(1000, [this, ticket, term = judge_->term()](const absl::Status& status) {
    if (judge_ == nullptr || judge_->term() != term) return;
    confirming_ = false;
    if (status.ok()) {
      judge_->Adopt(coordinator_.topology(), world_.Local(self_));
      Answer(ticket);
    }
    if (more_) Confirm();
  });
}

void JudgeSeat::Answer(uint64_t ticket) {
  for (const cluster::BeatAnswer& answer : judge_->Confirm(ticket)) {
    const size_t to = world_.IndexOf(answer.node);
    world_.Send(self_, to,
                [&world = world_, to, answer] { world.machine(to).process->TakeAnswer(answer); });
  }
}

void JudgeSeat::Tick() {
  SeekOffice();
  if (judge_ == nullptr) return;
  for (const cluster::Judgement& judgement : judge_->Tick(world_.Local(self_))) {
    if (const auto* promote = std::get_if<cluster::Promote>(&judgement.change)) {
      world_.Moment(world_.OneIn(2) ? self_ : world_.IndexOf(promote->to));
    }
    Propose(coordinator_.NewRequest(), judgement.change, judge_->term());
  }
}

void JudgeSeat::Propose(uint64_t request, const cluster::Change& change, uint64_t term) {
  coordinator_.Propose({.request = request, .change = change},
                       [=, this](const absl::Status& status) {
                         if (absl::IsDeadlineExceeded(status))
                           return Propose(request, change, term);
                         if (status.ok() && std::holds_alternative<cluster::Promote>(change)) {
                           ++world_.counts.promotions;
                         }
                         if (judge_ != nullptr && judge_->term() == term)
                           judge_->Settled(change, status.ok());
                       });
}

void JudgeSeat::Force(const cluster::GroupId& group, const cluster::NodeId& to) {
  if (judge_ != nullptr) (void)judge_->Force(group, to, world_.Local(self_));
}

}  // namespace henge::sim
