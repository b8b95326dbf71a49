// SPDX-License-Identifier: Apache-2.0
// Bugs planted one at a time: each must be noticed, by the tests that are written down here. Built
// with the bugs compiled in (HENGE_PLANTED_BUGS). The disabled test prints what
// notices which.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "cluster/consensus/planted_bugs.h"
#include "cluster/consensus/testing/exploration.h"
#include "cluster/consensus/testing/simulation.h"
#include "cluster/consensus/testing/transcript_files.h"
#include "cluster/consensus/testing/wal_faults.h"

namespace henge::consensus::testing {
namespace {

constexpr uint64_t kStates = 15'000;
constexpr uint64_t kSeeds = 4;

struct Noticed {
  Bug bug;
  std::string transcript;  // A file with a case that fails.
  bool exploration = false;
  bool simulation = false;
  bool disk_faults = false;
};

const std::vector<Noticed>& Table() {
  static const std::vector<Noticed> table = {
      {.bug = Bug::kCommitOldTerms, .transcript = "commitment"},
      {.bug = Bug::kVoteForAnyLog,
       .transcript = "elections",
       .exploration = true,
       .simulation = true},
      {.bug = Bug::kVoteTwice, .transcript = "elections", .exploration = true, .simulation = true},
      {.bug = Bug::kVoteNotKept, .transcript = "elections"},
      {.bug = Bug::kKeepConflicts,
       .transcript = "replication",
       .exploration = true,
       .simulation = true},
      {.bug = Bug::kCutMatching, .transcript = "replication"},
      {.bug = Bug::kSkipLogCheck,
       .transcript = "replication",
       .exploration = true,
       .simulation = true},
      {.bug = Bug::kCommitByHalf,
       .transcript = "commitment",
       .exploration = true,
       .simulation = true},
      {.bug = Bug::kCommitUnchecked, .transcript = "replication"},
      {.bug = Bug::kHeartbeatCommitsAll, .transcript = "replication", .simulation = true},
      {.bug = Bug::kCountUnsynced, .transcript = "commitment", .exploration = true},
      {.bug = Bug::kNoStepDown, .transcript = "elections", .simulation = true},
      {.bug = Bug::kIgnoreLease, .transcript = "quiet"},
      {.bug = Bug::kNoPreVote, .transcript = "quiet"},
      {.bug = Bug::kPreVoteTakesTerm, .transcript = "quiet"},
      {.bug = Bug::kNoCheckQuorum, .transcript = "quiet"},
      {.bug = Bug::kOverlappingChanges, .transcript = "membership"},
      {.bug = Bug::kChangeBeforeOwnTerm, .transcript = "membership"},
      {.bug = Bug::kMembershipNotUndone, .transcript = "membership"},
      {.bug = Bug::kMembershipLate,
       .transcript = "membership",
       .exploration = true,
       .simulation = true},
      {.bug = Bug::kRemovedLeaderStays, .transcript = "membership"},
      {.bug = Bug::kRemovedGivesUp, .transcript = "membership"},
      {.bug = Bug::kLearnerCounted, .transcript = "membership", .exploration = true},
      {.bug = Bug::kLearnerCampaigns, .transcript = "membership"},
      {.bug = Bug::kPromoteLagging, .transcript = "membership"},
      {.bug = Bug::kSnapshotLosesTail, .transcript = "snapshots"},
      {.bug = Bug::kSnapshotKeepsConflict, .transcript = "snapshots"},
      {.bug = Bug::kSnapshotForgetsMembers, .transcript = "snapshots"},
      {.bug = Bug::kSnapshotForgetsRequests, .transcript = "snapshots", .simulation = true},
      {.bug = Bug::kReadAtOnce, .transcript = "reads", .simulation = true},
      {.bug = Bug::kReadBeforeOwnTerm, .transcript = "reads"},
      {.bug = Bug::kTransferToLagging, .transcript = "transfer"},
      {.bug = Bug::kProposeWhileTransferring, .transcript = "transfer"},
      {.bug = Bug::kNoLedger, .transcript = "proposals", .simulation = true},
      {.bug = Bug::kForwardLosesRequest, .transcript = "proposals", .simulation = true},
      {.bug = Bug::kNoFlowControl, .transcript = "replication"},
      {.bug = Bug::kNoHints, .transcript = "replication"},
      {.bug = Bug::kWalNoSync, .disk_faults = true},
      {.bug = Bug::kWalNoDirectorySync, .disk_faults = true},
      {.bug = Bug::kWalNoCheck, .disk_faults = true},
      {.bug = Bug::kWalDamageIsTorn, .disk_faults = true},
      {.bug = Bug::kWalRemovesFirst, .disk_faults = true},
  };
  return table;
}

std::vector<std::string> FailingTranscripts() {
  static const auto files = TranscriptFiles();
  std::vector<std::string> failing;
  for (const auto& [name, text] : files) {
    if (!RunTranscript(text).failure.empty()) failing.push_back(name);
  }
  return failing;
}

std::string ExploreAll(uint64_t states) {
  for (const Scope& scope : SmallScopes()) {
    const ExplorationResult result = Explore(scope, states);
    if (!result.violation.empty()) return scope.name + ": " + result.violation;
  }
  return "";
}

std::string SimulateSome(uint64_t seeds) {
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    for (const Scenario& scenario : Scenarios()) {
      const SimulationResult result = Simulation(scenario, seed).Run();
      if (!result.violation.empty()) return scenario.name + ": " + result.violation;
    }
  }
  return "";
}

std::string FailDisks() {
  const std::string lost = FailPowerEverywhere(6);
  return lost.empty() ? FlipEveryBit() : lost;
}

class Planting {
 public:
  explicit Planting(Bug bug) { planted_bug = bug; }
  ~Planting() { planted_bug = Bug::kNone; }
};

TEST(Mutation, EveryBugIsInTheTable) {
  for (size_t i = 1; i < kBugNames.size(); ++i) {
    const auto at = std::ranges::find(Table(), static_cast<Bug>(i), &Noticed::bug);
    ASSERT_NE(at, Table().end()) << kBugNames[i];
    EXPECT_FALSE(at->transcript.empty() && !at->exploration && !at->simulation && !at->disk_faults)
        << kBugNames[i];
  }
}

TEST(Mutation, NothingIsNoticedWithoutABug) {
  EXPECT_TRUE(FailingTranscripts().empty());
  EXPECT_EQ(ExploreAll(2'000), "");
  EXPECT_EQ(SimulateSome(2), "");
  EXPECT_EQ(FailDisks(), "");
}

TEST(Mutation, EachBugIsNoticedByItsTranscript) {
  for (const Noticed& row : Table()) {
    if (row.transcript.empty()) continue;
    const Planting planted(row.bug);
    const std::vector<std::string> failing = FailingTranscripts();
    EXPECT_NE(std::ranges::find(failing, row.transcript), failing.end())
        << kBugNames[static_cast<size_t>(row.bug)] << " is not noticed by " << row.transcript;
  }
}

TEST(Mutation, BugsAreNoticedByExploration) {
  for (const Noticed& row : Table()) {
    if (!row.exploration) continue;
    const Planting planted(row.bug);
    EXPECT_NE(ExploreAll(kStates), "") << kBugNames[static_cast<size_t>(row.bug)];
  }
}

TEST(Mutation, BugsAreNoticedBySimulation) {
  for (const Noticed& row : Table()) {
    if (!row.simulation) continue;
    const Planting planted(row.bug);
    EXPECT_NE(SimulateSome(kSeeds), "") << kBugNames[static_cast<size_t>(row.bug)];
  }
}

TEST(Mutation, BugsAreNoticedByDiskFaults) {
  for (const Noticed& row : Table()) {
    if (!row.disk_faults) continue;
    const Planting planted(row.bug);
    EXPECT_NE(FailDisks(), "") << kBugNames[static_cast<size_t>(row.bug)];
  }
}

TEST(Mutation, DISABLED_PrintsTable) {
  for (size_t i = 1; i < kBugNames.size(); ++i) {
    const Planting planted(static_cast<Bug>(i));
    std::string names;
    for (const std::string& name : FailingTranscripts()) names += (names.empty() ? "" : ",") + name;
    const std::string explored = ExploreAll(kStates);
    const std::string simulated = SimulateSome(kSeeds);
    printf("%s|%s|%s|%s|%s\n", kBugNames[i].data(), names.c_str(), explored.c_str(),
           simulated.c_str(), FailDisks().c_str());
    fflush(stdout);
  }
}

}  // namespace
}  // namespace henge::consensus::testing
