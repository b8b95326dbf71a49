// SPDX-License-Identifier: Apache-2.0
// The words of consensus: entries, messages, what is on the disk. Plain values; any thread.
//
// Terms and indexes are those of the Raft paper (Ongaro and Ousterhout 2014); both start at 1, and
// 0 stands before the first.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cluster/consensus/membership.h"
#include "cluster/consensus/request_ledger.h"

namespace henge::consensus {

using Term = uint64_t;

enum class EntryKind : uint8_t {
  kNoop,        // The first of each leader: it commits what earlier terms left.
  kCommand,     // For the state machine.
  kSession,     // Opens a session for numbered requests; its number is the entry's index.
  kMembership,  // The whole new membership; holds from when it is in the log.
};

struct Entry {
  Term term = 0;
  Index index = 0;
  EntryKind kind = EntryKind::kNoop;
  RequestId request = {};
  std::string data = {};
  bool operator==(const Entry&) const = default;
};

// What a node must never forget. The commit index is there for a quick start alone.
struct HardState {
  Term term = 0;
  PeerId vote = kNobody;
  Index commit = 0;
  bool operator==(const HardState&) const = default;
};

// The state after the entry at `index`, in place of all entries up to it.
struct Snapshot {
  Index index = 0;
  Term term = 0;
  Membership members = {};
  RequestLedger ledger = {};
  std::string state = {};  // The state machine's; means nothing here.
  bool operator==(const Snapshot&) const = default;
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

enum class MessageKind : uint8_t {
  kPreVote,
  kPreVoteReply,
  kVote,
  kVoteReply,
  kAppend,
  kAppendReply,
  kHeartbeat,
  kHeartbeatReply,
  kSnapshot,      // Answered by kAppendReply.
  kTimeoutNow,    // Campaign at once: the leader hands over.
  kPropose,       // The rest belongs to no term.
  kProposeReply,  // Only of a refusal; that it was applied shows in the log.
  kRead,
  kReadReply,
  kTransfer,
};
inline constexpr int kMessageKinds = static_cast<int>(MessageKind::kTransfer) + 1;

// Why a request was not taken.
enum class Refusal : uint8_t {
  kNone,          // It was taken, or is on its way to the leader.
  kNoLeader,      // None is known; again later.
  kTransferring,  // The leader is handing over; again later.
  kTooMuch,       // Too many bytes wait to be committed, or the request is too large.
  kNotYet,        // The leader has committed nothing of its term, or a membership change runs.
  kNotCaughtUp,   // The learner lacks committed entries.
  kInvalid,       // Such a change of the membership makes no sense now.
  kDuplicate,     // The request is in the log already.
  kExpired,       // Its session is unknown.
  kBroken,        // This node has found its own state damaged.
};

struct Message {
  MessageKind kind = MessageKind::kHeartbeat;
  PeerId from = kNobody;
  PeerId to = kNobody;
  Term term = 0;
  // kAppend: of the entry before the first. Votes: of the candidate's last entry. kAppendReply: the
  // last index known to match or, refused, the one before the first. kReadReply: what to wait for.
  Index index = 0;
  Term log_term = 0;  // Refused appends: the term of `hint`.
  Index hint = 0;     // Refused appends: the last index that can match.
  Index commit = 0;
  bool refused = false;
  bool forced = false;   // Votes: the leader itself asked for the election.
  uint64_t context = 0;  // Heartbeats: the round of reads. Reads: the asker's number.
  Refusal refusal = Refusal::kNone;
  PeerId target = kNobody;  // kTransfer.
  std::vector<Entry> entries = {};
  SnapshotPtr snapshot = {};
};

}  // namespace henge::consensus
