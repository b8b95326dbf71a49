// SPDX-License-Identifier: Apache-2.0
// Every schedule of a small scope: a few nodes, a few elections, proposals and crashes, and all
// orders in which messages may arrive (or never arrive), with an Oracle that looks at each state.
// Equal states are looked at once. Nothing is random. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/consensus/testing/oracle.h"

namespace henge::consensus::testing {

// How often each may happen, anywhere in a schedule.
struct Scope {
  std::string name;
  std::string members = "1 2 3";
  std::string joining = {};                // Nodes that know of nobody yet.
  std::vector<PeerId> campaigns = {1, 2};  // In this order. (Others are the same by other names.)
  int proposals = 1;
  int crashes = 0;
  int doubles = 0;  // A message arrives and may arrive again.
  int heartbeats = 0;
  int compactions = 0;
  std::vector<MembershipChange> changes = {};  // In this order, by any leader.
  bool slow_disks = false;                     // What a disk is at is a state of its own.
  bool pre_vote = false;
  bool one_by_one = false;  // One entry in a message.
  bool large = false;       // Too large to be explored completely each time.
  // What the disks have in the beginning, by node: as in `disk` of a transcript.
  struct Start {
    PeerId id = kNobody;
    HardState hard = {};
    std::string log = {};
  };
  std::vector<Start> disks = {};
};

struct ExplorationResult {
  std::string violation;           // Empty if there is none.
  std::vector<std::string> steps;  // That lead to it.
  uint64_t states = 0;
  bool complete = false;  // Nothing was left when it ended.
};

ExplorationResult Explore(const Scope& scope, uint64_t max_states);

// The scopes that are explored completely in a test; together some ten thousand states.
std::vector<Scope> SmallScopes();

}  // namespace henge::consensus::testing
