// SPDX-License-Identifier: Apache-2.0
// Raft: agreement on a log, as a state machine without clock, disk, network or threads. What
// happens comes in as calls; what is to be done comes out as Ready. docs/internals/consensus.md
// maps the rules of the paper to functions and tests.
//
//   Tick()             ─┐                ┌─> 1. persist snapshot, hard state, entries: one sync
//   Step(message)       ├─> Raft ─ Ready ┼─> 2. send messages
//   Propose, Read, ...  ─┘       ^        └─> 3. install the snapshot, apply what is committed,
//                               └─ Advance()     answer reads and refused requests
//
// The caller does these in this order and then calls Advance; between TakeReady and Advance, other
// calls may be made. A message may be lost, doubled, late or out of order. All entries behind the
// newest snapshot are held in memory.
//
// One thread. The same seed and the same calls give the same outcome. Once fault() is not empty the
// state is known to be damaged (a disk that lost what it had synced, two nodes with one id), and
// the node neither does nor sends anything more.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "cluster/consensus/progress.h"
#include "cluster/consensus/raft_log.h"
#include "cluster/consensus/raft_types.h"

namespace henge::consensus {

struct RaftOptions {
  PeerId id = kNobody;
  uint64_t seed = 0;
  int election_ticks = 10;  // A follower's patience: at random up to twice as much.
  int heartbeat_ticks = 1;
  int snapshot_ticks = 100;  // Without an answer, a snapshot is sent again.
  bool pre_vote = true;
  bool check_quorum = true;
  size_t max_inflight = 64;                   // Appends on their way to one peer.
  uint64_t max_append_bytes = 256 << 10;      // Data of an append with more than one entry.
  uint64_t max_apply_bytes = 1 << 20;         // Data handed out in a Ready, likewise.
  uint64_t max_entry_bytes = 4 << 20;         // Data of a proposal.
  uint64_t max_uncommitted_bytes = 16 << 20;  // Proposals that wait at the leader.
};

// What the disk had.
struct Saved {
  HardState hard;
  SnapshotPtr snapshot;  // Of a new cluster: index 0 and its first members. Of a newcomer: empty.
  std::vector<Entry> entries;
};

enum class Role : uint8_t { kFollower, kPreCandidate, kCandidate, kLeader };

struct Committed {
  Entry entry;
  Fate fate = Fate::kApply;  // Other than kApply: to be passed over.
};

struct ReadState {
  uint64_t context = 0;
  Index index = 0;  // The answer may come from a state that has applied up to here.
  Refusal refusal = Refusal::kNone;
};

struct RefusedRequest {
  RequestId request;
  Refusal refusal = Refusal::kNone;
};

struct Ready {
  std::optional<HardState> hard_state;
  bool must_sync = false;      // False: only the commit index is new, which may be lost.
  SnapshotPtr snapshot;        // Replaces the whole log.
  std::vector<Entry> entries;  // Replace what the disk has from the first one's index on.
  std::vector<Message> messages;
  std::vector<Committed> committed;
  std::vector<ReadState> reads;
  std::vector<RefusedRequest> refused;
};

class Raft {
 public:
  Raft(const RaftOptions& options, Saved saved);

  void Tick();
  void Step(const Message& message);
  // Stands for election now, if it may.
  void Campaign();

  // Each goes to the leader if that is known. A refusal at the leader comes back in a Ready; no
  // answer at all means that it may or may not be in the log, and the caller asks again with the
  // same number.
  Refusal Propose(RequestId request, std::string data);
  // The entry applied with the same `nonce` tells the session's number: its index.
  Refusal OpenSession(std::string nonce);
  Refusal ChangeMembership(RequestId request, const MembershipChange& change);
  Refusal Transfer(PeerId to);
  // A ReadState with this context follows.
  Refusal Read(uint64_t context);

  bool HasReady() const;
  Ready TakeReady();
  void Advance();

  // A snapshot of what is applied, to be written to the disk; not between TakeReady and Advance.
  // Entries are forgotten but for the last `keep`, which spare slow followers the snapshot.
  SnapshotPtr Compact(std::string state, uint64_t keep);

  // Hints of the transport; none is needed for progress.
  void ReportLost(PeerId peer);
  void ReportSnapshot(PeerId peer);  // It is delivered, or will not be.

  PeerId id() const { return options_.id; }
  Role role() const { return role_; }
  Term term() const { return term_; }
  PeerId vote() const { return vote_; }
  PeerId leader() const { return leader_; }
  PeerId transferee() const { return transferee_; }
  const RaftLog& log() const { return log_; }
  const Membership& membership() const { return memberships_.back().second; }
  Index membership_index() const { return memberships_.back().first; }
  const SnapshotPtr& snapshot() const { return snapshot_; }
  const Progress* progress(PeerId peer) const;
  int ticks_to_campaign() const { return patience_ - election_elapsed_; }
  std::string_view fault() const { return fault_; }
  // All that its future depends on, but the generator's state; for tests that compare states.
  std::string Fingerprint() const;

 private:
  struct PendingRead {
    PeerId from = kNobody;
    uint64_t context = 0;
    Index index = 0;
    uint64_t round = 0;
  };

  bool Ensure(bool holds, std::string_view what);
  void Send(Message message);

  // raft_election.cc
  void TickElection();
  void TickLeader();
  bool MayCampaign() const;
  bool InLease() const;
  void StartElection(bool forced);
  void AskForVotes(MessageKind kind, Term term, bool forced);
  void Tally();
  void BecomeFollower(Term term, PeerId leader);
  void BecomePreCandidate();
  void BecomeCandidate();
  void BecomeLeader();
  void ResetElection();
  bool AdmitHigherTerm(const Message& message);
  void AnswerStaleTerm(const Message& message);
  void HandleVoteRequest(const Message& message);
  void HandleVoteReply(const Message& message);
  void HandleTimeoutNow();
  bool QuorumActive();

  // raft_replication.cc
  void AppendAsLeader(Entry entry);
  void TakeEntry(Entry entry);  // Into the log, with what follows for the membership.
  void BroadcastAppend();
  void BroadcastHeartbeat();
  bool SendAppend(PeerId to, bool even_if_empty);
  void SendHeartbeat(PeerId to);
  void TellCommit();  // Those who can use it, and were not told.
  void HandleAppend(const Message& message);
  bool MergeEntries(const std::vector<Entry>& entries);
  void RefuseAppend(const Message& message);
  void HandleAppendReply(const Message& message);
  void HandleAppendRefused(const Message& message, Progress& progress);
  void HandleHeartbeat(const Message& message);
  void HandleHeartbeatReply(const Message& message);
  void MaybeCommit();
  void CommitTo(Index index);
  Index QuorumMatch() const;
  bool CommittedInTerm() const;

  // raft_snapshot.cc
  bool SendSnapshot(PeerId to);
  void HandleSnapshot(const Message& message);
  void RestartFrom(SnapshotPtr snapshot);

  // raft_membership.cc
  Refusal AppendMembership(const RequestId& request, const MembershipChange& change);
  Refusal CheckChange(const RequestId& request, const MembershipChange& change) const;
  bool IsInLog(const RequestId& request) const;
  void AdoptMembership(Index index, Membership membership);
  void UndoMembershipsFrom(Index index);
  void FollowMembers();  // Progress for those who are members.
  void DismissLeaving(PeerId peer);
  void LeaveIfRemoved();
  const Membership& MembershipAt(Index index) const;

  // raft_requests.cc
  Refusal AppendRequest(Entry entry);
  Refusal Forward(Message message);
  void HandlePropose(const Message& message);
  void HandleTransfer(PeerId to);
  Refusal StartTransfer(PeerId to);
  void MaybeTimeoutNow(PeerId to);
  void StartRead(PeerId from, uint64_t context);
  void AskRound(PendingRead read);
  void AnswerRead(const PendingRead& read, Refusal refusal);
  void ReleaseReads();
  void DropReads();

  // raft.cc
  void StepTermless(const Message& message);
  void StepInTerm(const Message& message);
  HardState CurrentHardState() const;

  RaftOptions options_;
  Random random_;
  std::string fault_;

  // Lasting (Figure 2): these and the log.
  Term term_ = 0;
  PeerId vote_ = kNobody;
  RaftLog log_;
  SnapshotPtr snapshot_;
  // Entry and what holds from it on; those since the snapshot, and the one that held there.
  std::vector<std::pair<Index, Membership>> memberships_;
  RequestLedger ledger_;  // As of log_.applied().

  Role role_ = Role::kFollower;
  PeerId leader_ = kNobody;
  int election_elapsed_ = 0;
  int heartbeat_elapsed_ = 0;
  int patience_ = 0;

  std::map<PeerId, bool> votes_;         // Candidates.
  std::map<PeerId, Progress> progress_;  // Leaders; all peers, not the node itself.
  PeerId transferee_ = kNobody;
  uint64_t uncommitted_bytes_ = 0;
  uint64_t read_round_ = 0;
  std::vector<PendingRead> reads_;          // Wait for their round.
  std::vector<PendingRead> waiting_reads_;  // Wait for an entry of the term.

  // What the next Ready takes.
  HardState saved_hard_;
  SnapshotPtr arrived_snapshot_;
  std::vector<Message> messages_;
  std::vector<ReadState> read_states_;
  std::vector<RefusedRequest> refused_;

  struct Outstanding {
    HardState hard;
    Index last = 0;
    Term last_term = 0;
  };
  std::optional<Outstanding> outstanding_;
};

}  // namespace henge::consensus
