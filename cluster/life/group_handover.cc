// SPDX-License-Identifier: Apache-2.0
// GroupDuty's hand-overs.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "cluster/life/group_duty.h"
#include "cluster/topology/refusals.h"

namespace henge::cluster {

// Of those in sync that are reached, and may: highest priority, then offset, then smallest id.
NodeId GroupDuty::BestFollower() {
  NodeId best;
  std::tuple<int32_t, uint64_t> rank;
  std::vector<GroupHost::Follower> followers = host_.Followers();
  std::sort(followers.begin(), followers.end(),
            [](const auto& a, const auto& b) { return a.node < b.node; });
  for (const GroupHost::Follower& follower : followers) {
    const Node* node = topology_->Find(follower.node);
    if (!follower.fit || node == nullptr || node->no_failover || node->failed) continue;
    if (!group().IsFollower(node->id) || !group().IsInSync(node->id)) continue;
    const std::tuple mine(node->priority, follower.offset);
    if (!best.IsZero() && mine <= rank) continue;
    best = node->id;
    rank = mine;
  }
  return best;
}

absl::Status GroupDuty::CheckHandOver(const GroupId& of, const NodeId& to) const {
  if (!leads() || (!of.IsZero() && of != role_.group)) {
    return NotNow("this node does not lead the group");
  }
  if (handover_) return NotNow("the group is being handed over already");
  if (!lease_.MayAcknowledge(now())) return NotNow("this node has no lease to lead the group");
  if (to.IsZero()) return absl::OkStatus();
  if (!group().IsFollower(to)) return NotNow("node ", Digits(to), " does not follow the group");
  if (!group().IsInSync(to)) return NotNow("node ", Digits(to), " is not in sync");
  return absl::OkStatus();
}

void GroupDuty::HandOver(const GroupId& of, const NodeId& to, int64_t timeout_ms,
                         QuestionPtr answer) {
  if (const absl::Status status = CheckHandOver(of, to); !status.ok()) {
    return answer->Answer(status);
  }
  const NodeId chosen = to.IsZero() ? BestFollower() : to;
  if (chosen.IsZero()) return answer->Answer(NotNow("no follower that is reached is in sync"));
  Passing& passing = handover_.emplace(
      Passing{.machine = Handover(lease_), .to = chosen, .answer = std::move(answer)});
  if (!passing.machine.Start(role_.group, chosen, now() + timeout_ms * 1000)) {
    return EndHandover(NotNow("this node has no lease to lead the group"));
  }
  LogNotice("Hands the group over", {{"to", chosen.view()}, {"timeout_ms", timeout_ms}});
  host_.StopWrites();
  AdvanceHandover();
}

void GroupDuty::AdvanceHandover() {
  if (!handover_) return;
  Handover& machine = handover_->machine;
  if (machine.step() == Handover::Step::kStopping) {
    if (const auto end = host_.StoppedAt()) machine.Stopped(*end);
  }
  if (machine.step() == Handover::Step::kCatchingUp) {
    for (const auto& follower : host_.Followers()) {
      machine.FollowerAt(follower.node, follower.offset);
    }
  }
  Act(machine.Tick(now()), absl::DeadlineExceededError("the follower did not catch up in time"));
}

void GroupDuty::Act(Handover::Action action, const absl::Status& why) {
  switch (action) {
    case Handover::Action::kNone:
      return;
    case Handover::Action::kPropose:
      host_.SetLease(lease_.until());  // Surrendered: none.
      handover_->petition =
          petitions_.Ask(handover_->machine.change(),
                         [this](const absl::Status& outcome) { OnHandoverOutcome(outcome); });
      return;
    case Handover::Action::kResume:
      host_.SetLease(lease_.until());
      host_.ResumeWrites();
      return EndHandover(why);
    case Handover::Action::kDone:
      return EndHandover(why);
  }
}

// Petitions tell of no outcome that is unknown. After kDone the writes stay stopped and the lease
// surrendered, until the topology of another epoch is here.
void GroupDuty::OnHandoverOutcome(const absl::Status& outcome) {
  if (!handover_) return;
  handover_->petition = 0;
  Act(handover_->machine.OnOutcome(outcome.ok()               ? Handover::Outcome::kApplied
                                   : absl::IsAborted(outcome) ? Handover::Outcome::kSuperseded
                                                              : Handover::Outcome::kRefused),
      outcome);
  refresh_();
}

void GroupDuty::EndHandover(const absl::Status& outcome) {
  if (outcome.ok()) {
    LogNotice("Handed the group over", {{"to", handover_->to.view()}});
  } else {
    LogWarning("The group was not handed over", {{"error", Std(outcome.message())}});
  }
  if (handover_->petition != 0) petitions_.Forget(handover_->petition);
  const QuestionPtr answer = std::move(handover_->answer);
  handover_.reset();
  answer->Answer(outcome);
}

}  // namespace henge::cluster
