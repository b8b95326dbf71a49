// SPDX-License-Identifier: Apache-2.0
#include "cluster/life/group_duty.h"

#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace henge::cluster {
namespace {

constexpr int64_t kReviewMicros = 50'000;

constexpr int64_t PatienceFor(int64_t node_timeout_ms) { return node_timeout_ms * 1000 / 5; }

std::string_view NameOf(Role::Part part) {
  switch (part) {
    case Role::Part::kNone:
      return "in no group";
    case Role::Part::kWaits:
      return "waits for a leader";
    case Role::Part::kLeads:
      return "leads";
    case Role::Part::kFollows:
      return "follows";
  }
  return {};
}

}  // namespace

GroupDuty::GroupDuty(const GroupDutyOptions& options, GroupHost& host, Petitions& petitions,
                     std::function<void()> refresh)
    : options_(options), host_(host), petitions_(petitions), refresh_(std::move(refresh)) {}

bool GroupDuty::OnTopology(const TopologyPtr& topology, bool confirmed) {
  topology_ = topology;
  const Role next = PlanRole(*topology, options_.self, confirmed);
  if (next == role_) {
    if (leads()) Count();
    return false;
  }
  LogNotice("This node's part in its group", {{"part", NameOf(next.part)},
                                              {"group", next.group.view()},
                                              {"epoch", next.epoch},
                                              {"leader", next.leader.id.view()}});
  Assume(next);
  return true;
}

void GroupDuty::Assume(const Role& role) {
  EndLead();
  role_ = role;
  switch (role.part) {
    case Role::Part::kLeads:
      lease_.Lead(role.epoch);
      keeper_.emplace(PatienceFor(options_.node_timeout_ms));
      host_.Lead(role.group, role.epoch);
      return Count();
    case Role::Part::kFollows:
      return host_.Follow(role.group, role.epoch, role.leader);
    case Role::Part::kNone:
    case Role::Part::kWaits:
      return host_.Leave();
  }
}

void GroupDuty::SetNodeTimeout(int64_t timeout_ms) {
  options_.node_timeout_ms = timeout_ms;
  if (keeper_) keeper_->SetPatience(PatienceFor(timeout_ms));
}

void GroupDuty::EndLead() {
  if (!leads()) return;
  lease_.Follow();
  host_.SetLease(INT64_MIN);
  if (in_sync_petition_ != 0) petitions_.Forget(std::exchange(in_sync_petition_, 0));
  keeper_.reset();
  counted_.reset();
  if (!handover_) return;
  const Group* group = topology_->FindGroup(role_.group);
  const bool passed = group != nullptr && group->leader == handover_->to;
  EndHandover(passed ? absl::OkStatus() : absl::AbortedError("another node leads the group"));
}

void GroupDuty::Stop() {
  if (handover_) EndHandover(absl::UnavailableError("the node is about to stop"));
  lease_.Follow();
  host_.SetLease(INT64_MIN);
}

void GroupDuty::OnAnswer(const BeatAnswer& answer) {
  for (const LeaseGrant& lease : answer.leases) {
    if (!leads() || lease.group != role_.group || lease.epoch != role_.epoch) continue;
    lease_.Grant(lease.epoch, answer.sent_micros, answer.lease_micros);
    if (std::exchange(live_in_, lease.epoch) != lease.epoch) {
      LogNotice("The judge has given this node the lease of its epoch", {{"epoch", lease.epoch}});
      host_.BecomeLive();
    }
    host_.SetLease(lease_.until());
    if (!group().deposed.empty()) ReviewInSync();
  }
}

std::vector<GroupReport> GroupDuty::Reports() {
  if (role_.part == Role::Part::kNone) return {};
  GroupReport report = host_.Report();
  report.group = role_.group;
  return {report};
}

void GroupDuty::Tick() {
  if (!leads()) return;
  AdvanceHandover();
  if (now() < next_review_) return;
  next_review_ = now() + kReviewMicros;
  ReviewInSync();
}

// --- Who is in sync ------------------------------------------------------------------------------

void GroupDuty::Count() {
  std::vector<NodeId> counted = keeper_->Counted(group());
  if (counted_ == counted) return;
  host_.CountInSync(counted);
  counted_ = std::move(counted);
}

void GroupDuty::ReviewInSync() {
  if (!leads() || handover_ || !lease_.MayAcknowledge(now())) return;
  std::optional<SetInSync> change = keeper_->Review(group(), host_.Followers(), now());
  if (!change) return;
  Count();
  LogNotice("Proposed who is in sync", {{"members", change->members.size()}});
  in_sync_petition_ =
      petitions_.Ask(*std::move(change), [this, epoch = role_.epoch](const absl::Status& outcome) {
        in_sync_petition_ = 0;
        if (!outcome.ok()) {
          LogVerbose("Who is in sync was not changed", {{"error", Std(outcome.message())}});
        }
        refresh_();  // Those that have joined are in it before they cease to join.
        if (!leads() || role_.epoch != epoch) return;
        keeper_->Settled();
        Count();
      });
}

}  // namespace henge::cluster
