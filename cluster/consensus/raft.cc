// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/raft.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "cluster/consensus/planted_bugs.h"

namespace henge::consensus {

Raft::Raft(const RaftOptions& options, Saved saved)
    : options_(options),
      random_(options.seed),
      term_(saved.hard.term),
      vote_(saved.hard.vote),
      log_(saved.snapshot->index, saved.snapshot->term, {}),
      snapshot_(std::move(saved.snapshot)),
      ledger_(snapshot_->ledger),
      saved_hard_(saved.hard) {
  memberships_.emplace_back(snapshot_->index, snapshot_->members);
  for (Entry& entry : saved.entries) {
    if (!Ensure(entry.index == log_.last() + 1, "the log read has a gap")) return;
    TakeEntry(std::move(entry));
  }
  log_.StableTo(log_.last(), log_.last_term());
  term_ = std::max(term_, log_.last_term());
  CommitTo(std::max(snapshot_->index, std::min(saved.hard.commit, log_.last())));
  Ensure(saved.hard.commit <= log_.last(), "the log read lacks committed entries");
  BecomeFollower(term_, kNobody);
}

bool Raft::Ensure(bool holds, std::string_view what) {
  if (!holds && fault_.empty()) fault_ = what;
  return holds;
}

void Raft::Send(Message message) {
  message.from = id();
  messages_.push_back(std::move(message));
}

const Progress* Raft::progress(PeerId peer) const {
  const auto at = progress_.find(peer);
  return at == progress_.end() ? nullptr : &at->second;
}

void Raft::Tick() {
  if (!fault_.empty()) return;
  role_ == Role::kLeader ? TickLeader() : TickElection();
}

void Raft::Step(const Message& message) {
  if (!fault_.empty() || message.to != id() || message.from == id()) return;
  if (message.term == 0) return StepTermless(message);
  if (message.term < term_) return AnswerStaleTerm(message);
  if (message.term > term_ && !AdmitHigherTerm(message)) return;
  StepInTerm(message);
}

void Raft::StepTermless(const Message& message) {
  switch (message.kind) {
    case MessageKind::kPropose:
      return HandlePropose(message);
    case MessageKind::kProposeReply:
      for (const Entry& entry : message.entries)
        refused_.push_back({entry.request, message.refusal});
      return;
    case MessageKind::kRead:
      return StartRead(message.from, message.context);
    case MessageKind::kReadReply:
      read_states_.push_back({message.context, message.index, message.refusal});
      return;
    case MessageKind::kTransfer:
      return HandleTransfer(message.target);
    default:
      return;  // The others always have a term.
  }
}

void Raft::StepInTerm(const Message& message) {
  switch (message.kind) {
    case MessageKind::kPreVote:
    case MessageKind::kVote:
      return HandleVoteRequest(message);
    case MessageKind::kPreVoteReply:
    case MessageKind::kVoteReply:
      return HandleVoteReply(message);
    case MessageKind::kAppend:
    case MessageKind::kHeartbeat:
    case MessageKind::kSnapshot:
      // A term has one leader: this is it.
      if (!Ensure(role_ != Role::kLeader, "another leader of the same term")) return;
      if (role_ != Role::kFollower) BecomeFollower(term_, message.from);
      leader_ = message.from;
      election_elapsed_ = 0;
      if (message.kind == MessageKind::kAppend) return HandleAppend(message);
      if (message.kind == MessageKind::kHeartbeat) return HandleHeartbeat(message);
      return HandleSnapshot(message);
    case MessageKind::kAppendReply:
      return HandleAppendReply(message);
    case MessageKind::kHeartbeatReply:
      return HandleHeartbeatReply(message);
    case MessageKind::kTimeoutNow:
      return HandleTimeoutNow();
    default:
      return;
  }
}

HardState Raft::CurrentHardState() const {
  return {term_, Planted(Bug::kVoteNotKept) ? saved_hard_.vote : vote_, log_.commit()};
}

bool Raft::HasReady() const {
  if (!fault_.empty() || outstanding_) return false;
  return CurrentHardState() != saved_hard_ || arrived_snapshot_ != nullptr ||
         log_.stable() < log_.last() || log_.applied() < log_.commit() || !messages_.empty() ||
         !read_states_.empty() || !refused_.empty();
}

Ready Raft::TakeReady() {
  Ready ready;
  if (!HasReady()) return ready;
  const HardState hard = CurrentHardState();
  if (hard != saved_hard_) ready.hard_state = hard;
  ready.snapshot = std::exchange(arrived_snapshot_, nullptr);
  const auto unsaved = log_.Slice(log_.stable() + 1, log_.last(), UINT64_MAX);
  ready.entries.assign(unsaved.begin(), unsaved.end());
  ready.must_sync = ready.snapshot != nullptr || !ready.entries.empty() ||
                    hard.term != saved_hard_.term || hard.vote != saved_hard_.vote;
  ready.messages = std::exchange(messages_, {});
  ready.reads = std::exchange(read_states_, {});
  ready.refused = std::exchange(refused_, {});
  for (const Entry& entry :
       log_.Slice(log_.applied() + 1, log_.commit(), options_.max_apply_bytes)) {
    Committed& out = ready.committed.emplace_back(entry);
    if (entry.kind == EntryKind::kSession) ledger_.Open(entry.index);
    out.fate = ledger_.Take(entry.request, entry.index);
  }
  log_.AppliedTo(log_.applied() + ready.committed.size());
  outstanding_ = Outstanding{hard, log_.last(), log_.last_term()};
  return ready;
}

void Raft::Advance() {
  if (!outstanding_ || !fault_.empty()) return;
  const Outstanding done = *std::exchange(outstanding_, std::nullopt);
  saved_hard_ = done.hard;
  log_.StableTo(done.last, done.last_term);
  // Its own voice counts once it is on the disk, as anyone else's.
  if (role_ == Role::kCandidate && done.hard.term == term_ && !votes_.contains(id())) {
    votes_[id()] = true;
    Tally();
  }
  if (role_ == Role::kLeader) MaybeCommit();
}

std::string Raft::Fingerprint() const {
  std::string out = absl::StrCat(
      static_cast<int>(role_), " ", term_, " ", vote_, " ", leader_, " ", election_elapsed_, " ",
      heartbeat_elapsed_, " ", patience_, " ", transferee_, " ", read_round_, " ", log_.commit(),
      " ", log_.applied(), " ", log_.stable(), " ", log_.start(), " ", saved_hard_.term, " ",
      saved_hard_.vote, " ", saved_hard_.commit, " ", Absl(fault_), "|");
  for (const Entry& entry : log_.Slice(log_.start() + 1, log_.last(), UINT64_MAX))
    absl::StrAppend(&out, entry.term, ".", static_cast<int>(entry.kind), ":", entry.data, ";");
  for (const auto& [peer, granted] : votes_) absl::StrAppend(&out, "v", peer, granted);
  for (const auto& [peer, p] : progress_)
    absl::StrAppend(&out, "p", peer, ",", static_cast<int>(p.mode()), ",", p.match(), ",", p.next(),
                    ",", p.inflight(), ",", p.Paused(), ",", p.active, ",", p.read_round, ",",
                    p.leaving_at);
  for (const auto& read : reads_) absl::StrAppend(&out, "r", read.context, ",", read.round);
  for (const auto& read : waiting_reads_) absl::StrAppend(&out, "w", read.context);
  absl::StrAppend(&out, "m", messages_.size(), arrived_snapshot_ != nullptr,
                  outstanding_.has_value());
  return out + ledger_.Encode();
}

}  // namespace henge::consensus
