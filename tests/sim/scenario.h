// SPDX-License-Identifier: Apache-2.0
// Scenario: what a cluster looks like and what happens to it. A plain value.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace henge::sim {

// How often each thing goes wrong, beside the others.
struct Mishaps {
  unsigned crash = 2;      // Of a node; what was not synced is lost, once in a while all its data.
  unsigned start = 5;      // Of a node that is down.
  unsigned pause = 2;      // A process stands still for up to 4 s.
  unsigned cut = 2;        // A node is cut off, in one direction or both.
  unsigned part = 1;       // Two halves can't see each other.
  unsigned weather = 2;    // Messages are lost and late, from now on.
  unsigned clear = 5;      // All that is wrong with the network ends.
  unsigned hand_over = 2;  // CLUSTER FAILOVER.
  unsigned force = 0;      // CLUSTER FAILOVER FORCE.
  unsigned shut_down = 0;  // A leader hands over, then ends.
  unsigned power = 0;      // Of all nodes at once.
  unsigned slow_disk = 0;  // A disk takes up to 400 ms for each sync; or is well again.
  unsigned transfer = 1;   // The coordinator's leader hands over.
  unsigned slots = 0;      // All slots of a group go to another, or half of them.
  unsigned split = 0;      // A follower is told to lead a group of its own.
};

struct Scenario {
  std::string_view name;
  int nodes = 3;
  int voters = 3;
  int leaders = 1;  // Groups made by hand; the other nodes follow, evenly.
  int64_t chaos_ms = 18'000;
  int64_t between_ms = 700;  // From one mishap to the next, at most.
  Mishaps mishaps = {};
  bool homes = false;  // Nodes look for another group when theirs is empty or others are orphaned.
};

std::span<const Scenario> Scenarios();
const Scenario& ScenarioNamed(std::string_view name);

}  // namespace henge::sim
