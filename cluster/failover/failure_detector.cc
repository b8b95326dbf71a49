// SPDX-License-Identifier: Apache-2.0
#include "cluster/failover/failure_detector.h"

#include <absl/status/status.h>

#include <algorithm>
#include <utility>

#include "cluster/failover/candidates.h"
#include "cluster/failover/lease.h"
#include "cluster/topology/refusals.h"

namespace henge::cluster {
namespace {

constexpr size_t kMaxWaiting = 16;  // Beats of one node.

// For what the terms before gave. Silence is counted from the taking of office at the earliest, so
// that readers are safe from terms whose node timeout was no longer.
int64_t WaitFor(int64_t lease, int64_t timeout) {
  const bool longer = TouchFor(lease) > timeout;
  return JudgeWaitMicros(longer ? TouchFor(lease) : lease);
}

}  // namespace

FailureDetector::FailureDetector(const NodeId& self, TopologyPtr topology, int64_t node_timeout_ms,
                                 int64_t now)
    : self_(self),
      timeout_(node_timeout_ms * 1000),
      term_(topology->office().term),
      lease_(int64_t{topology->office().lease_ms} * 1000),
      topology_(std::move(topology)),
      first_judgement_(now + WaitFor(int64_t{topology_->office().wait_ms} * 1000, timeout_)),
      last_tick_(now) {
  Adopt(topology_, now);
}

void FailureDetector::Adopt(TopologyPtr topology, int64_t now) {
  if (topology->version() >= topology_->version()) topology_ = std::move(topology);
  in_office_ = topology_->office().judge == self_ && topology_->office().term == term_;
  if (!in_office_) {
    for (auto& [id, seen] : nodes_) seen.waiting.clear();
  }
  FollowNodes(now);
  FollowGroups(now);
}

void FailureDetector::FollowNodes(int64_t now) {
  std::erase_if(nodes_, [this](const auto& seen) { return !topology_->Find(seen.first); });
  for (const Node& node : topology_->nodes()) nodes_.try_emplace(node.id, Seen{.heard = now});
}

void FailureDetector::FollowGroups(int64_t now) {
  std::erase_if(cases_, [this](const auto& of) { return !topology_->FindGroup(of.first); });
  for (const Group& group : topology_->groups()) {
    const auto [at, is_new] = cases_.try_emplace(group.id, Case{.lease_out = first_judgement_});
    Case& of = at->second;
    if (is_new || of.revision != group.revision) {
      of.revision = group.revision;
      of.members_since = topology_->version();
    }
    if (!is_new && of.epoch == group.epoch) continue;
    const bool mine = of.promoting == of.epoch && group.leader == of.chosen;
    of.accepted = mine ? of.known : std::nullopt;
    of.epoch = group.epoch;
    of.fit_at = now;
  }
}

const GroupReport* FailureDetector::ReportOf(const GroupId& group, const NodeId& node) const {
  const auto seen = nodes_.find(node);
  if (seen == nodes_.end()) return nullptr;
  const auto report = seen->second.reports.find(group);
  return report == seen->second.reports.end() ? nullptr : &report->second;
}

const GroupReport* FailureDetector::BelievedOf(const Group& group, const Case& of,
                                               const NodeId& node, int64_t now) const {
  const GroupReport* report = IsSilent(node, now) ? nullptr : ReportOf(group.id, node);
  if (report == nullptr || report->data == DataState::kLive) return report;
  return nodes_.at(node).topology_version < of.members_since ? nullptr : report;
}

const NodeLoad* FailureDetector::LoadOf(const NodeId& node) const {
  const auto seen = nodes_.find(node);
  return seen == nodes_.end() || !seen->second.ever ? nullptr : &seen->second.load;
}

bool FailureDetector::IsSilent(const NodeId& node, int64_t now) const {
  const auto seen = nodes_.find(node);
  return seen == nodes_.end() || now - seen->second.heard >= timeout_;
}

// --- Leases --------------------------------------------------------------------------------------

bool FailureDetector::IsAccepted(const Case& of, const NodeId& node) const {
  const auto seen = nodes_.find(node);
  return of.accepted && seen != nodes_.end() && of.accepted == seen->second.incarnation;
}

// Whether the node leads the group by its own account, with all that it should have.
bool FailureDetector::IsFit(const Group& group, const Case& of, const NodeId& node) const {
  const GroupReport* report = ReportOf(group.id, node);
  return group.leader == node && report != nullptr && report->epoch == group.epoch &&
         (report->data == DataState::kLive || IsAccepted(of, node));
}

// Whether the node may have the lease of the group in its present epoch.
bool FailureDetector::MayLead(const Group& group, const Case& of, const NodeId& node) const {
  if (of.promoting == group.epoch) return false;
  if (!of.forced.IsZero() && of.forced_epoch == group.epoch) return false;
  return IsFit(group, of, node);
}

// Of two processes one after the other the clock is the same one, unless the machine was started
// anew, which takes a while.
bool FailureDetector::IsLate(const NodeBeat& beat, const Seen& seen, int64_t now) const {
  if (!seen.ever || beat.sent_micros >= seen.sent) return false;
  return beat.incarnation == seen.incarnation || now - seen.heard < timeout_;
}

void FailureDetector::Hear(const NodeBeat& beat, int64_t now) {
  const auto at = nodes_.find(beat.node);
  if (!in_office_ || at == nodes_.end()) return;
  Seen& seen = at->second;
  if (IsLate(beat, seen, now)) return;
  if (beat.incarnation != seen.incarnation) seen.waiting.clear();
  seen.sent = beat.sent_micros;
  seen.heard = now;
  seen.topology_version = beat.topology_version;
  seen.ever = true;
  seen.incarnation = beat.incarnation;
  seen.load = beat.load;
  seen.reports.clear();
  for (const GroupReport& report : beat.groups) {
    if (cases_.contains(report.group)) seen.reports.emplace(report.group, report);
  }
  for (const GroupIndex led : topology_->GroupsLedBy(topology_->IndexOf(beat.node))) {
    const Group& group = topology_->groups()[led];
    Case& of = cases_[group.id];
    if (IsFit(group, of, beat.node)) of.fit_at = now;
  }
  // While nothing is confirmed the oldest go: they would give the shortest leases.
  if (seen.waiting.size() >= kMaxWaiting) seen.waiting.erase(seen.waiting.begin());
  seen.waiting.push_back({.ticket = tickets_,
                          .heard = now,
                          .answer = {.node = beat.node,
                                     .incarnation = beat.incarnation,
                                     .sent_micros = beat.sent_micros,
                                     .term = term_,
                                     .lease_micros = lease_}});
}

uint64_t FailureDetector::StartConfirm() { return tickets_++; }

BeatAnswer FailureDetector::AnswerTo(const Waiting& waiting) {
  BeatAnswer answer = waiting.answer;
  answer.topology_version = topology_->version();
  for (const GroupIndex led : topology_->GroupsLedBy(topology_->IndexOf(answer.node))) {
    const Group& group = topology_->groups()[led];
    Case& of = cases_[group.id];
    if (!MayLead(group, of, answer.node)) continue;
    of.lease_out = std::max(of.lease_out, waiting.heard + JudgeWaitMicros(lease_));
    answer.leases.push_back({.group = group.id, .epoch = group.epoch});
  }
  return answer;
}

std::vector<BeatAnswer> FailureDetector::Confirm(uint64_t ticket) {
  std::vector<BeatAnswer> answers;
  if (!in_office_) return answers;
  for (auto& [id, seen] : nodes_) {
    const auto later =
        std::find_if(seen.waiting.begin(), seen.waiting.end(),
                     [ticket](const Waiting& waiting) { return waiting.ticket > ticket; });
    for (auto at = seen.waiting.begin(); at != later; ++at) answers.push_back(AnswerTo(*at));
    seen.waiting.erase(seen.waiting.begin(), later);
  }
  return answers;
}

// --- Judgements ----------------------------------------------------------------------------------

void FailureDetector::ForgiveGap(int64_t now) {
  const int64_t gap = now - std::exchange(last_tick_, now);
  if (gap < timeout_ / 2) return;
  for (auto& [id, seen] : nodes_) seen.heard = std::max(seen.heard, now);
  for (auto& [id, of] : cases_) of.fit_at = std::max(of.fit_at, now);
}

std::string FailureDetector::Complaint(const Group& group, const Case& of, int64_t now) const {
  if (group.leader.IsZero()) return "nobody leads";
  if (IsSilent(group.leader, now)) return "the leader is silent";
  if (!of.forced.IsZero() && of.forced_epoch == group.epoch) return "a failover was asked for";
  const GroupReport* report = ReportOf(group.id, group.leader);
  if (report != nullptr && report->data != DataState::kLive && !IsAccepted(of, group.leader)) {
    return "the leader has restarted";
  }
  if (now - of.fit_at >= timeout_) return "the leader does not take up its lead";
  return {};
}

void FailureDetector::Judge(const Group& group, int64_t now, std::vector<Judgement>& out) {
  Case& of = cases_[group.id];
  if (of.promoting) {
    if (*of.promoting == group.epoch) return;
    of.promoting.reset();
  }
  const std::string complaint = Complaint(group, of, now);
  if (complaint.empty()) return;
  const auto report_of = [&](const NodeId& id) { return BelievedOf(group, of, id, now); };
  std::optional<NodeId> to;
  if (!of.forced.IsZero() && of.forced_epoch == group.epoch) {
    const GroupReport* report = report_of(of.forced);
    const bool able = report != nullptr && report->data == DataState::kLive;
    if (able && group.IsInSync(of.forced)) to = of.forced;
    if (!to) of.forced = NodeId();  // Then the leader may go on.
  } else {
    to = ChooseLeader(*topology_, group, group.leader, report_of);
  }
  if (!to) {
    if (!IsFit(group, of, group.leader) || IsSilent(group.leader, now)) down_.push_back(group.id);
    return;
  }
  if (now < of.lease_out) return;
  of.promoting = group.epoch;
  of.chosen = *to;
  of.known.reset();
  if (ReportOf(group.id, *to)->data != DataState::kLive) of.known = nodes_[*to].incarnation;
  out.push_back(
      {.change =
           Promote{.group = group.id, .to = *to, .expected_epoch = group.epoch, .term = term_},
       .reason = complaint});
}

void FailureDetector::MarkNodes(int64_t now, std::vector<Judgement>& out) {
  for (const Node& node : topology_->nodes()) {
    Seen& seen = nodes_[node.id];
    const bool silent = IsSilent(node.id, now);
    if (seen.marking || silent == node.failed || (!silent && !seen.ever)) continue;
    seen.marking = true;
    out.push_back({.change = MarkNode{.id = node.id, .failed = silent, .term = term_},
                   .reason = silent ? "silent for the node timeout" : "heard of again"});
  }
}

std::vector<Judgement> FailureDetector::Tick(int64_t now) {
  std::vector<Judgement> out;
  ForgiveGap(now);
  down_.clear();
  if (!in_office_) return out;
  for (const Group& group : topology_->groups()) Judge(group, now, out);
  MarkNodes(now, out);
  return out;
}

// A promotion that was applied is over when its epoch is adopted: until then no lease is given.
void FailureDetector::Settled(const Change& change, bool applied) {
  if (const auto* promote = std::get_if<Promote>(&change)) {
    const auto of = cases_.find(promote->group);
    if (!applied && of != cases_.end() && of->second.promoting == promote->expected_epoch) {
      of->second.promoting.reset();
    }
  } else if (const auto* mark = std::get_if<MarkNode>(&change)) {
    const auto seen = nodes_.find(mark->id);
    if (seen != nodes_.end()) seen->second.marking = false;
  }
}

absl::Status FailureDetector::Force(const GroupId& id, const NodeId& to, int64_t now) {
  const Group* group = topology_->FindGroup(id);
  if (!in_office_) return absl::UnavailableError("this node is not in office");
  if (group == nullptr) return Unknown("group ", Digits(id), " is not known");
  if (group->leader == to) return NotNow("node ", Digits(to), " leads already");
  const GroupReport* report = IsSilent(to, now) ? nullptr : ReportOf(id, to);
  if (!group->IsInSync(to) || report == nullptr || report->data != DataState::kLive) {
    return NotNow("node ", Digits(to), " is not in sync, or not heard of");
  }
  Case& of = cases_[id];
  of.forced = to;
  of.forced_epoch = group->epoch;
  return absl::OkStatus();
}

}  // namespace henge::cluster
