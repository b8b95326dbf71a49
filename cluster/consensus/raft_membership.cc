// SPDX-License-Identifier: Apache-2.0
// Who takes part. A membership holds from when its entry is in the log, committed or not, and is
// undone when the entry is cut off (dissertation, 4.1).
#include <algorithm>
#include <utility>

#include "cluster/consensus/planted_bugs.h"
#include "cluster/consensus/raft.h"

namespace henge::consensus {

Refusal Raft::CheckChange(const RequestId& request, const MembershipChange& change) const {
  // Unless an entry of this term is committed, a change of an earlier leader may still win against
  // this one, and their majorities need not meet (the correction to 4.1, raft-dev 2015).
  if (!CommittedInTerm() && !Planted(Bug::kChangeBeforeOwnTerm)) return Refusal::kNotYet;
  if (membership_index() > log_.commit() && !Planted(Bug::kOverlappingChanges))
    return Refusal::kNotYet;
  if (ledger_.FateOf(request) == Fate::kExpired) return Refusal::kExpired;
  if (ledger_.FateOf(request) == Fate::kDuplicate || IsInLog(request)) return Refusal::kDuplicate;
  if (!membership().After(change)) return Refusal::kInvalid;
  const Progress* peer = progress(change.id);
  const bool lags = peer == nullptr || peer->match() < log_.commit();
  if (change.kind == MembershipChange::Kind::kPromote && lags && !Planted(Bug::kPromoteLagging))
    return Refusal::kNotCaughtUp;
  return Refusal::kNone;
}

// Among the entries that the ledger does not know of yet.
bool Raft::IsInLog(const RequestId& request) const {
  if (request.session == 0 || Planted(Bug::kNoLedger)) return false;
  for (Index i = log_.applied() + 1; i <= log_.last(); ++i) {
    if (log_.At(i).request.SameAs(request)) return true;
  }
  return false;
}

Refusal Raft::AppendMembership(const RequestId& request, const MembershipChange& change) {
  if (transferee_ != kNobody) return Refusal::kTransferring;
  if (const Refusal refusal = CheckChange(request, change); refusal != Refusal::kNone)
    return refusal;
  AppendAsLeader({.kind = EntryKind::kMembership,
                  .request = request,
                  .data = membership().After(change)->Encode()});
  return Refusal::kNone;
}

void Raft::AdoptMembership(Index index, Membership membership) {
  memberships_.emplace_back(index, std::move(membership));
  if (role_ == Role::kLeader) FollowMembers();
}

void Raft::UndoMembershipsFrom(Index index) {
  if (Planted(Bug::kMembershipNotUndone)) return;
  while (memberships_.size() > 1 && memberships_.back().first >= index) memberships_.pop_back();
}

const Membership& Raft::MembershipAt(Index index) const {
  for (size_t i = memberships_.size() - 1; i > 0; --i) {
    if (memberships_[i].first <= index) return memberships_[i].second;
  }
  return memberships_.front().second;
}

// Newcomers get a progress; who was removed keeps it until it has been told.
void Raft::FollowMembers() {
  for (const Member& member : membership().members()) {
    if (member.id == id()) continue;
    const auto [at, fresh] =
        progress_.try_emplace(member.id, log_.last() + 1, options_.max_inflight);
    at->second.leaving_at = 0;
    if (fresh) at->second.active = true;
  }
  for (auto& [peer, progress] : progress_) {
    if (membership().Contains(peer) || progress.leaving_at != 0) continue;
    progress.leaving_at = membership_index();
    progress.leaving_ticks = 0;
  }
}

// Told of its removal, and that it is committed: no more of it.
void Raft::DismissLeaving(PeerId peer) {
  const auto at = progress_.find(peer);
  if (at == progress_.end() || at->second.leaving_at == 0) return;
  Progress& progress = at->second;
  if (progress.match() < progress.leaving_at || log_.commit() < progress.leaving_at) return;
  SendHeartbeat(peer);
  progress_.erase(at);
}

// A leader that is no voter any more leads until that is committed, and then hands over.
void Raft::LeaveIfRemoved() {
  if (membership().IsVoter(id()) || membership_index() > log_.commit()) return;
  if (Planted(Bug::kRemovedLeaderStays)) return;
  PeerId best = kNobody;
  Index match = 0;
  for (const auto& [peer, progress] : progress_) {
    if (membership().IsVoter(peer) && progress.match() > match) {
      best = peer;
      match = progress.match();
    }
  }
  if (best != kNobody && match >= log_.commit())
    Send({.kind = MessageKind::kTimeoutNow, .to = best, .term = term_});
  BecomeFollower(term_, kNobody);
}

}  // namespace henge::consensus
