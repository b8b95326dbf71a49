// SPDX-License-Identifier: Apache-2.0
// Terms, votes, and who leads.
#include <algorithm>
#include <utility>

#include "cluster/consensus/planted_bugs.h"
#include "cluster/consensus/raft.h"

namespace henge::consensus {

void Raft::ResetElection() {
  election_elapsed_ = 0;
  patience_ = options_.election_ticks +
              static_cast<int>(random_.Below(static_cast<uint64_t>(options_.election_ticks)));
}

void Raft::TickElection() {
  if (++election_elapsed_ < patience_ || !MayCampaign()) return;
  StartElection(false);
}

void Raft::Campaign() {
  if (fault_.empty() && role_ != Role::kLeader && MayCampaign()) StartElection(false);
}

// A voter, also one whose removal is not committed yet: its vote or its log may be what is missing
// to commit that (dissertation, 4.2.2).
bool Raft::MayCampaign() const {
  if (arrived_snapshot_ != nullptr) return false;
  if (membership().IsVoter(id())) return true;
  if (Planted(Bug::kLearnerCampaigns) && membership().Contains(id())) return true;
  return !Planted(Bug::kRemovedGivesUp) && MembershipAt(log_.commit()).IsVoter(id());
}

// Whether a leader was heard so lately that nobody else should become one (4.2.3).
bool Raft::InLease() const {
  return options_.check_quorum && leader_ != kNobody && election_elapsed_ < options_.election_ticks;
}

void Raft::StartElection(bool forced) {
  if (options_.pre_vote && !forced && !Planted(Bug::kNoPreVote)) {
    BecomePreCandidate();
    AskForVotes(MessageKind::kPreVote, term_ + 1, false);
    Tally();
  } else {
    BecomeCandidate();  // Its own vote counts from Advance on.
    AskForVotes(MessageKind::kVote, term_, forced);
  }
}

void Raft::AskForVotes(MessageKind kind, Term term, bool forced) {
  for (const Member& member : membership().members()) {
    if (!member.voter || member.id == id()) continue;
    Send({.kind = kind,
          .to = member.id,
          .term = term,
          .index = log_.last(),
          .log_term = log_.last_term(),
          .forced = forced});
  }
}

void Raft::Tally() {
  size_t granted = 0;
  size_t refused = 0;
  for (const auto& [peer, yes] : votes_) {
    if (!membership().IsVoter(peer) && !Planted(Bug::kLearnerCounted)) continue;
    ++(yes ? granted : refused);
  }
  const size_t quorum = membership().Quorum();
  if (granted >= quorum) {
    if (role_ == Role::kCandidate) return BecomeLeader();
    BecomeCandidate();
    return AskForVotes(MessageKind::kVote, term_, false);
  }
  if (refused >= quorum) BecomeFollower(term_, kNobody);
}

void Raft::BecomeFollower(Term term, PeerId leader) {
  if (term != term_) {
    term_ = term;
    vote_ = kNobody;
  }
  role_ = Role::kFollower;
  leader_ = leader;
  transferee_ = kNobody;
  votes_.clear();
  progress_.clear();
  DropReads();
  ResetElection();
}

void Raft::BecomePreCandidate() {
  BecomeFollower(term_, kNobody);
  role_ = Role::kPreCandidate;
  votes_[id()] = true;
}

void Raft::BecomeCandidate() {
  BecomeFollower(term_ + 1, kNobody);
  role_ = Role::kCandidate;
  vote_ = id();
}

void Raft::BecomeLeader() {
  ResetElection();
  role_ = Role::kLeader;
  leader_ = id();
  votes_.clear();
  heartbeat_elapsed_ = 0;
  uncommitted_bytes_ = 0;
  read_round_ = 0;
  FollowMembers();
  // Heard lately all of them, for the first check.
  for (auto& [peer, progress] : progress_) progress.active = true;
  AppendAsLeader({.kind = EntryKind::kNoop});
}

void Raft::TickLeader() {
  ++election_elapsed_;
  if (election_elapsed_ >= options_.election_ticks) {
    election_elapsed_ = 0;
    transferee_ = kNobody;  // It took too long.
    const bool active = QuorumActive();
    if (options_.check_quorum && !active && !Planted(Bug::kNoCheckQuorum))
      return BecomeFollower(term_, kNobody);
  }
  std::vector<PeerId> gone;
  for (auto& [peer, progress] : progress_) {
    if (progress.mode() == Progress::Mode::kSnapshot &&
        ++progress.snapshot_ticks >= options_.snapshot_ticks)
      progress.SnapshotEnded();
    if (progress.leaving_at != 0 && ++progress.leaving_ticks > 4 * options_.election_ticks)
      gone.push_back(peer);
  }
  for (const PeerId peer : gone) progress_.erase(peer);
  if (++heartbeat_elapsed_ < options_.heartbeat_ticks) return;
  heartbeat_elapsed_ = 0;
  BroadcastHeartbeat();
}

// Whether a majority was heard since the last time this was asked.
bool Raft::QuorumActive() {
  size_t active = membership().IsVoter(id()) ? 1 : 0;
  for (auto& [peer, progress] : progress_) {
    if (std::exchange(progress.active, false) && membership().IsVoter(peer)) ++active;
  }
  return active >= membership().Quorum();
}

// Whether the message is to be looked at; takes over its term where it says that others did.
bool Raft::AdmitHigherTerm(const Message& message) {
  const bool pre_vote = message.kind == MessageKind::kPreVote;
  if (pre_vote || message.kind == MessageKind::kVote) {
    if (InLease() && !message.forced && !Planted(Bug::kIgnoreLease)) return false;
  }
  if (pre_vote && !Planted(Bug::kPreVoteTakesTerm)) return true;  // It has not begun that term.
  if (message.kind == MessageKind::kPreVoteReply && !message.refused) return true;
  if (Planted(Bug::kNoStepDown) && role_ == Role::kLeader) return false;
  const bool from_leader = message.kind == MessageKind::kAppend ||
                           message.kind == MessageKind::kHeartbeat ||
                           message.kind == MessageKind::kSnapshot;
  BecomeFollower(message.term, from_leader ? message.from : kNobody);
  return true;
}

// Tells whoever leads or asks in an old term of the new one. Without that a leader whom this node's
// term is ahead of, and who ignores its pre-votes, would be ignored by it for ever.
void Raft::AnswerStaleTerm(const Message& message) {
  switch (message.kind) {
    case MessageKind::kAppend:
    case MessageKind::kHeartbeat:
    case MessageKind::kSnapshot:
      return Send(
          {.kind = MessageKind::kAppendReply, .to = message.from, .term = term_, .refused = true});
    case MessageKind::kPreVote:
      return Send(
          {.kind = MessageKind::kPreVoteReply, .to = message.from, .term = term_, .refused = true});
    case MessageKind::kVote:
      return Send(
          {.kind = MessageKind::kVoteReply, .to = message.from, .term = term_, .refused = true});
    default:
      return;
  }
}

// Grants to whoever asks, member or not: it may be one in entries that have not come here yet.
void Raft::HandleVoteRequest(const Message& message) {
  const bool pre = message.kind == MessageKind::kPreVote;
  const bool free = vote_ == message.from || (vote_ == kNobody && leader_ == kNobody) ||
                    (pre && message.term > term_) || Planted(Bug::kVoteTwice);
  const bool fresh =
      log_.IsCoveredBy(message.index, message.log_term) || Planted(Bug::kVoteForAnyLog);
  const bool granted = free && fresh;
  if (granted && !pre) {
    vote_ = message.from;
    election_elapsed_ = 0;
  }
  Send({.kind = pre ? MessageKind::kPreVoteReply : MessageKind::kVoteReply,
        .to = message.from,
        .term = granted ? message.term : term_,
        .refused = !granted});
}

void Raft::HandleVoteReply(const Message& message) {
  const Role asked =
      message.kind == MessageKind::kVoteReply ? Role::kCandidate : Role::kPreCandidate;
  if (role_ != asked) return;
  // A pre-vote is granted for the term that would begin; an older grant came late.
  if (asked == Role::kPreCandidate && !message.refused && message.term != term_ + 1) return;
  votes_.emplace(message.from, !message.refused);
  Tally();
}

void Raft::HandleTimeoutNow() {
  if (role_ != Role::kLeader && MayCampaign()) StartElection(true);
}

}  // namespace henge::consensus
