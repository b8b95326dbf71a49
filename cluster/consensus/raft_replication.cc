// SPDX-License-Identifier: Apache-2.0
// Entries from the leader to the others, and when they are committed.
#include <algorithm>
#include <functional>
#include <utility>

#include "cluster/consensus/planted_bugs.h"
#include "cluster/consensus/raft.h"

namespace henge::consensus {

void Raft::AppendAsLeader(Entry entry) {
  entry.term = term_;
  entry.index = log_.last() + 1;
  uncommitted_bytes_ += entry.data.size();
  TakeEntry(std::move(entry));
  if (Planted(Bug::kCountUnsynced)) MaybeCommit();
  BroadcastAppend();
}

void Raft::TakeEntry(Entry entry) {
  if (entry.kind == EntryKind::kMembership) {
    std::optional<Membership> members = Membership::Decode(entry.data);
    if (!Ensure(members.has_value(), "a membership in the log can't be read")) return;
    if (!Planted(Bug::kMembershipLate)) AdoptMembership(entry.index, *std::move(members));
  }
  log_.Append(std::move(entry));
}

void Raft::BroadcastAppend() {
  for (auto& [peer, progress] : progress_) SendAppend(peer, false);
}

void Raft::BroadcastHeartbeat() {
  for (auto& [peer, progress] : progress_) SendHeartbeat(peer);
}

bool Raft::SendAppend(PeerId to, bool even_if_empty) {
  Progress& progress = progress_.at(to);
  if (progress.Paused()) return false;
  const Index before = progress.next() - 1;
  const std::optional<Term> term = log_.TermAt(before);
  if (!term) return SendSnapshot(to);
  const auto entries = log_.Slice(before + 1, log_.last(), options_.max_append_bytes);
  if (entries.empty() && !even_if_empty) return false;
  Send({.kind = MessageKind::kAppend,
        .to = to,
        .term = term_,
        .index = before,
        .log_term = *term,
        .commit = log_.commit(),
        .entries = {entries.begin(), entries.end()}});
  progress.told_commit = std::min(before + entries.size(), log_.commit());
  progress.SentAppend(before + entries.size(), !entries.empty());
  return true;
}

void Raft::SendHeartbeat(PeerId to) {
  // What the peer may not have, it must not take for committed.
  Progress& progress = progress_.at(to);
  const Index known = progress.match();
  progress.told_commit = std::min(known, log_.commit());
  Send({.kind = MessageKind::kHeartbeat,
        .to = to,
        .term = term_,
        .commit =
            Planted(Bug::kHeartbeatCommitsAll) ? log_.commit() : std::min(known, log_.commit()),
        .context = read_round_});
}

void Raft::TellCommit() {
  for (auto& [peer, progress] : progress_) {
    if (std::min(progress.match(), log_.commit()) > progress.told_commit) SendHeartbeat(peer);
  }
}

void Raft::HandleAppend(const Message& message) {
  // Up to the commit index all logs agree; the message may be an old one.
  if (message.index < log_.commit() && !Planted(Bug::kSkipLogCheck)) {
    return Send({.kind = MessageKind::kAppendReply,
                 .to = message.from,
                 .term = term_,
                 .index = log_.commit()});
  }
  const bool matches = log_.Matches(message.index, message.log_term) ||
                       (Planted(Bug::kSkipLogCheck) && message.index <= log_.last());
  if (!matches) return RefuseAppend(message);
  if (!MergeEntries(message.entries)) return;
  const Index last_new = message.index + message.entries.size();
  CommitTo(std::min(message.commit, Planted(Bug::kCommitUnchecked) ? log_.last() : last_new));
  Send({.kind = MessageKind::kAppendReply, .to = message.from, .term = term_, .index = last_new});
}

// Adds what the log lacks. What conflicts goes, and all behind it; what agrees stays, since the
// message may be an old one.
bool Raft::MergeEntries(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    const bool there = entry.index <= log_.last();
    const bool agrees = log_.Matches(entry.index, entry.term) && !Planted(Bug::kCutMatching);
    if (there && (agrees || Planted(Bug::kKeepConflicts))) continue;
    if (there) {
      if (!Ensure(log_.CutFrom(entry.index), "a leader contradicts what is committed"))
        return false;
      UndoMembershipsFrom(entry.index);
    }
    if (!Ensure(entry.index == log_.last() + 1, "an append has a gap")) return false;
    TakeEntry(entry);
    if (!fault_.empty()) return false;
  }
  return true;
}

// The hint spares the leader a round for each entry: where this log's terms are all above the
// leader's there, nothing can match.
void Raft::RefuseAppend(const Message& message) {
  const Index hint =
      Planted(Bug::kNoHints)
          ? message.index - 1
          : log_.LastNotAbove(std::min(message.index, log_.last()), message.log_term);
  Send({.kind = MessageKind::kAppendReply,
        .to = message.from,
        .term = term_,
        .index = message.index,
        .log_term = log_.TermAt(hint).value_or(0),
        .hint = hint,
        .refused = true});
}

void Raft::HandleAppendReply(const Message& message) {
  const auto at = progress_.find(message.from);
  if (role_ != Role::kLeader || at == progress_.end()) return;
  Progress& progress = at->second;
  progress.active = true;
  if (message.refused) return HandleAppendRefused(message, progress);
  if (!Ensure(message.index <= log_.last(), "a follower has more than its leader")) return;
  const bool was_paused = progress.Paused();
  if (progress.Acknowledged(message.index) || was_paused) MaybeCommit();
  if (role_ != Role::kLeader || !progress_.contains(message.from)) return;
  while (SendAppend(message.from, false)) {
    if (progress.mode() != Progress::Mode::kReplicate) break;
  }
  TellCommit();
  MaybeTimeoutNow(message.from);
  DismissLeaving(message.from);
}

void Raft::HandleAppendRefused(const Message& message, Progress& progress) {
  // The peer's entries up to the hint have at most the hint's term; those of ours with a higher one
  // can't match either.
  const Index hint = message.log_term == 0 || Planted(Bug::kNoHints)
                         ? message.hint
                         : log_.LastNotAbove(message.hint, message.log_term);
  if (progress.Refused(message.index, hint)) SendAppend(message.from, true);
}

void Raft::HandleHeartbeat(const Message& message) {
  CommitTo(std::min(message.commit, log_.last()));
  Send({.kind = MessageKind::kHeartbeatReply,
        .to = message.from,
        .term = term_,
        .context = message.context});
}

void Raft::HandleHeartbeatReply(const Message& message) {
  const auto at = progress_.find(message.from);
  if (role_ != Role::kLeader || at == progress_.end()) return;
  Progress& progress = at->second;
  progress.active = true;
  progress.Heard();
  progress.read_round = std::max(progress.read_round, message.context);
  if (progress.match() < log_.last() || progress.mode() == Progress::Mode::kProbe)
    SendAppend(message.from, true);
  ReleaseReads();
  DismissLeaving(message.from);
}

// The highest index that a majority of the voters has on disk.
Index Raft::QuorumMatch() const {
  std::vector<Index> matches;
  for (const Member& member : membership().members()) {
    if (!member.voter && !Planted(Bug::kLearnerCounted)) continue;
    const Progress* peer = progress(member.id);
    const Index own = Planted(Bug::kCountUnsynced) ? log_.last() : log_.stable();
    matches.push_back(member.id == id() ? own : peer == nullptr ? 0 : peer->match());
  }
  if (matches.empty()) return 0;
  std::ranges::sort(matches, std::greater<>());
  const size_t needed = matches.size() / 2 + (Planted(Bug::kCommitByHalf) ? 0 : 1);
  return matches[std::max<size_t>(needed, 1) - 1];
}

// Only an entry of the leader's own term is committed by counting; what is before it comes with it
// (5.4.2).
void Raft::MaybeCommit() {
  const Index index = QuorumMatch();
  if (index <= log_.commit()) return;
  if (!log_.Matches(index, term_) && !Planted(Bug::kCommitOldTerms)) return;
  const bool first = !CommittedInTerm();
  CommitTo(index);
  BroadcastAppend();
  TellCommit();
  if (first) {
    for (const PendingRead& read : std::exchange(waiting_reads_, {})) AskRound(read);
  }
  LeaveIfRemoved();
}

void Raft::CommitTo(Index index) {
  const Index before = log_.commit();
  if (index <= before) return;
  if (!Ensure(log_.CommitTo(index), "entries are committed that are not here")) return;
  for (Index i = before + 1; i <= index; ++i) {
    const Entry& entry = log_.At(i);
    uncommitted_bytes_ -= std::min<uint64_t>(uncommitted_bytes_, entry.data.size());
    if (Planted(Bug::kMembershipLate) && entry.kind == EntryKind::kMembership)
      AdoptMembership(i, *Membership::Decode(entry.data));
  }
}

bool Raft::CommittedInTerm() const { return log_.Matches(log_.commit(), term_); }

}  // namespace henge::consensus
