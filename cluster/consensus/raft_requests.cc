// SPDX-License-Identifier: Apache-2.0
// What is asked of the leader, here or from elsewhere: proposals, reads, handing over.
#include <algorithm>
#include <utility>

#include "cluster/consensus/planted_bugs.h"
#include "cluster/consensus/raft.h"

namespace henge::consensus {

Refusal Raft::Propose(RequestId request, std::string data) {
  return AppendRequest({.kind = EntryKind::kCommand, .request = request, .data = std::move(data)});
}

Refusal Raft::OpenSession(std::string nonce) {
  return AppendRequest({.kind = EntryKind::kSession, .data = std::move(nonce)});
}

Refusal Raft::Forward(Message message) {
  if (!fault_.empty()) return Refusal::kBroken;
  if (leader_ == kNobody || leader_ == id()) return Refusal::kNoLeader;
  message.to = leader_;
  Send(std::move(message));
  return Refusal::kNone;
}

Refusal Raft::AppendRequest(Entry entry) {
  if (entry.data.size() > options_.max_entry_bytes) return Refusal::kTooMuch;
  if (role_ != Role::kLeader) {
    Message message{.kind = MessageKind::kPropose};
    message.entries.push_back(std::move(entry));
    return Forward(std::move(message));
  }
  if (!fault_.empty()) return Refusal::kBroken;
  if (transferee_ != kNobody && !Planted(Bug::kProposeWhileTransferring))
    return Refusal::kTransferring;
  if (uncommitted_bytes_ > 0 &&
      uncommitted_bytes_ + entry.data.size() > options_.max_uncommitted_bytes)
    return Refusal::kTooMuch;
  AppendAsLeader(std::move(entry));
  return Refusal::kNone;
}

Refusal Raft::ChangeMembership(RequestId request, const MembershipChange& change) {
  if (role_ == Role::kLeader)
    return fault_.empty() ? AppendMembership(request, change) : Refusal::kBroken;
  Message message{.kind = MessageKind::kPropose, .target = change.id};
  // The change, for the leader to make a membership of: its kind in `index`.
  message.index = static_cast<Index>(change.kind);
  message.entries.push_back(
      {.kind = EntryKind::kMembership, .request = request, .data = change.address});
  return Forward(std::move(message));
}

// Forwarded here by a node that took this one for the leader.
void Raft::HandlePropose(const Message& message) {
  for (const Entry& asked : message.entries) {
    Refusal refusal = Refusal::kNoLeader;
    if (role_ == Role::kLeader && asked.kind == EntryKind::kMembership) {
      if (message.index > static_cast<Index>(MembershipChange::Kind::kDemote)) return;
      refusal = AppendMembership(asked.request, {static_cast<MembershipChange::Kind>(message.index),
                                                 message.target, asked.data});
    } else if (role_ == Role::kLeader) {
      if (asked.kind != EntryKind::kCommand && asked.kind != EntryKind::kSession) return;
      Entry entry = asked;
      if (Planted(Bug::kForwardLosesRequest)) entry.request = {};
      refusal = AppendRequest(std::move(entry));
    }
    if (refusal == Refusal::kNone) continue;
    Message reply{.kind = MessageKind::kProposeReply, .to = message.from, .refusal = refusal};
    reply.entries.push_back({.kind = asked.kind, .request = asked.request});
    Send(std::move(reply));
  }
}

Refusal Raft::Transfer(PeerId to) {
  if (role_ == Role::kLeader) return fault_.empty() ? StartTransfer(to) : Refusal::kBroken;
  return Forward({.kind = MessageKind::kTransfer, .target = to});
}

void Raft::HandleTransfer(PeerId to) {
  if (role_ == Role::kLeader) StartTransfer(to);
}

Refusal Raft::StartTransfer(PeerId to) {
  if (!membership().IsVoter(to) || to == id()) return Refusal::kInvalid;
  if (transferee_ == to) return Refusal::kNone;
  transferee_ = to;
  election_elapsed_ = 0;  // It has as long as an election has.
  if (Planted(Bug::kTransferToLagging)) {
    Send({.kind = MessageKind::kTimeoutNow, .to = to, .term = term_});
    return Refusal::kNone;
  }
  SendAppend(to, false);
  MaybeTimeoutNow(to);
  return Refusal::kNone;
}

// The target of a transfer begins its election when it has all that the leader has.
void Raft::MaybeTimeoutNow(PeerId to) {
  const Progress* peer = progress(to);
  if (to != transferee_ || peer == nullptr || peer->match() != log_.last()) return;
  Send({.kind = MessageKind::kTimeoutNow, .to = to, .term = term_});
}

Refusal Raft::Read(uint64_t context) {
  if (role_ != Role::kLeader) return Forward({.kind = MessageKind::kRead, .context = context});
  if (!fault_.empty()) return Refusal::kBroken;
  StartRead(id(), context);
  return Refusal::kNone;
}

// A read may see what is committed when it is asked; the leader must know what that is (an entry of
// its term), and that it still is the leader (a round of heartbeats begun afterwards).
void Raft::StartRead(PeerId from, uint64_t context) {
  PendingRead read{.from = from, .context = context};
  if (role_ != Role::kLeader) return AnswerRead(read, Refusal::kNoLeader);
  if (!CommittedInTerm() && !Planted(Bug::kReadBeforeOwnTerm)) {
    waiting_reads_.push_back(read);
    return;
  }
  AskRound(read);
}

void Raft::AskRound(PendingRead read) {
  read.index = log_.commit();
  read.round = ++read_round_;
  reads_.push_back(read);
  BroadcastHeartbeat();
  ReleaseReads();
}

void Raft::AnswerRead(const PendingRead& read, Refusal refusal) {
  if (read.from == id()) {
    read_states_.push_back({read.context, read.index, refusal});
    return;
  }
  Send({.kind = MessageKind::kReadReply,
        .to = read.from,
        .index = read.index,
        .context = read.context,
        .refusal = refusal});
}

void Raft::ReleaseReads() {
  std::vector<uint64_t> rounds;
  for (const Member& member : membership().members()) {
    if (!member.voter) continue;
    const Progress* peer = progress(member.id);
    rounds.push_back(member.id == id() ? read_round_ : peer == nullptr ? 0 : peer->read_round);
  }
  std::ranges::sort(rounds, std::greater<>());
  const uint64_t confirmed = Planted(Bug::kReadAtOnce) ? read_round_
                             : rounds.empty()          ? 0
                                                       : rounds[rounds.size() / 2];
  size_t released = 0;
  while (released < reads_.size() && reads_[released].round <= confirmed)
    AnswerRead(reads_[released++], Refusal::kNone);
  reads_.erase(reads_.begin(), reads_.begin() + static_cast<ptrdiff_t>(released));
}

void Raft::DropReads() {
  for (const PendingRead& read : reads_) AnswerRead(read, Refusal::kNoLeader);
  for (const PendingRead& read : waiting_reads_) AnswerRead(read, Refusal::kNoLeader);
  reads_.clear();
  waiting_reads_.clear();
}

}  // namespace henge::consensus
