// SPDX-License-Identifier: Apache-2.0
#include "cluster/failover/handover.h"

#include <algorithm>

namespace henge::cluster {

bool Handover::Start(const GroupId& group, const NodeId& to, int64_t deadline_micros) {
  if (step_ != Step::kIdle || !lease_.leading() || lease_.surrendered()) return false;
  step_ = Step::kStopping;
  group_ = group;
  to_ = to;
  epoch_ = lease_.epoch();
  deadline_ = deadline_micros;
  reached_ = 0;
  return true;
}

void Handover::Stopped(uint64_t offset) {
  if (step_ != Step::kStopping) return;
  step_ = Step::kCatchingUp;
  end_ = offset;
}

void Handover::FollowerAt(const NodeId& follower, uint64_t offset) {
  if (follower == to_) reached_ = std::max(reached_, offset);
}

Handover::Action Handover::Tick(int64_t now_micros) {
  if (step_ == Step::kIdle || step_ == Step::kProposing) return Action::kNone;
  if (now_micros >= deadline_) return End(Action::kResume);
  if (step_ == Step::kStopping || reached_ < end_) return Action::kNone;
  step_ = Step::kProposing;
  lease_.Surrender();
  return Action::kPropose;
}

Handover::Action Handover::OnOutcome(Outcome outcome) {
  if (step_ != Step::kProposing) return Action::kNone;
  if (outcome == Outcome::kUnknown) return Action::kPropose;
  if (outcome != Outcome::kRefused) return End(Action::kDone);
  if (lease_.epoch() == epoch_) lease_.TakeBack();
  return End(Action::kResume);
}

Handover::Action Handover::OnEpoch(Epoch epoch) {
  if (step_ == Step::kIdle || epoch <= epoch_) return Action::kNone;
  return End(Action::kDone);
}

Promote Handover::change() const {
  return {.group = group_, .to = to_, .expected_epoch = epoch_, .handover = true};
}

Handover::Action Handover::End(Action action) {
  step_ = Step::kIdle;
  return action;
}

}  // namespace henge::cluster
