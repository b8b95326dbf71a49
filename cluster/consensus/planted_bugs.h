// SPDX-License-Identifier: Apache-2.0
// Bugs that tests plant in consensus, one at a time, to show that the tests would notice. Only the
// mutation tests' own build of the sources has them (HENGE_PLANTED_BUGS); everywhere else
// Planted() is a constant and its branches are gone.
//
// Any thread; the planted bug is the calling thread's.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace henge::consensus {

// In the order of kBugNames.
enum class Bug : uint8_t {
  kNone,
  kCommitOldTerms,
  kVoteForAnyLog,
  kVoteTwice,
  kVoteNotKept,
  kKeepConflicts,
  kCutMatching,
  kSkipLogCheck,
  kCommitByHalf,
  kCommitUnchecked,
  kHeartbeatCommitsAll,
  kCountUnsynced,
  kNoStepDown,
  kIgnoreLease,
  kNoPreVote,
  kPreVoteTakesTerm,
  kNoCheckQuorum,
  kOverlappingChanges,
  kChangeBeforeOwnTerm,
  kMembershipNotUndone,
  kMembershipLate,
  kRemovedLeaderStays,
  kRemovedGivesUp,
  kLearnerCounted,
  kLearnerCampaigns,
  kPromoteLagging,
  kSnapshotLosesTail,
  kSnapshotKeepsConflict,
  kSnapshotForgetsMembers,
  kSnapshotForgetsRequests,
  kReadAtOnce,
  kReadBeforeOwnTerm,
  kTransferToLagging,
  kProposeWhileTransferring,
  kNoLedger,
  kForwardLosesRequest,
  kNoFlowControl,
  kNoHints,
  kWalNoSync,
  kWalNoDirectorySync,
  kWalNoCheck,
  kWalDamageIsTorn,
  kWalRemovesFirst,
};

inline constexpr std::array<std::string_view, 43> kBugNames = {
    "none",
    "commit-old-terms",
    "vote-for-any-log",
    "vote-twice",
    "vote-not-kept",
    "keep-conflicts",
    "cut-matching",
    "skip-log-check",
    "commit-by-half",
    "commit-unchecked",
    "heartbeat-commits-all",
    "count-unsynced",
    "no-step-down",
    "ignore-lease",
    "no-pre-vote",
    "pre-vote-takes-term",
    "no-check-quorum",
    "overlapping-changes",
    "change-before-own-term",
    "membership-not-undone",
    "membership-late",
    "removed-leader-stays",
    "removed-gives-up",
    "learner-counted",
    "learner-campaigns",
    "promote-lagging",
    "snapshot-loses-tail",
    "snapshot-keeps-conflict",
    "snapshot-forgets-members",
    "snapshot-forgets-requests",
    "read-at-once",
    "read-before-own-term",
    "transfer-to-lagging",
    "propose-while-transferring",
    "no-ledger",
    "forward-loses-request",
    "no-flow-control",
    "no-hints",
    "wal-no-sync",
    "wal-no-directory-sync",
    "wal-no-check",
    "wal-damage-is-torn",
    "wal-removes-first",
};
static_assert(kBugNames.size() == static_cast<size_t>(Bug::kWalRemovesFirst) + 1);

#ifdef HENGE_PLANTED_BUGS
inline thread_local Bug planted_bug = Bug::kNone;
inline bool Planted(Bug bug) { return planted_bug == bug; }
#else
constexpr bool Planted(Bug) { return false; }
#endif

}  // namespace henge::consensus
