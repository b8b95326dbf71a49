// SPDX-License-Identifier: Apache-2.0
// One run of the simulation: a scenario and a seed give the same run, event by event.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/sim/bugs.h"
#include "tests/sim/kept_writes.h"
#include "tests/sim/scenario.h"
#include "tests/sim/world.h"

namespace henge::sim {

struct Outcome {
  std::string violation;  // Empty: none.
  uint64_t trace = 0;     // Of all that happened.
  uint64_t steps = 0;
  int64_t healed_ms = 0;  // After the last mishap, until all was well.
  LossAccount account;
  World::Counts counts;
};

// Sanitizers make a run ten times as long: tests do less then.
#ifdef HENGE_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

// Mishaps, then none until all is well.
Outcome RunScenario(const Scenario& scenario, uint64_t seed, Bug bug = Bug::kNone);
// The scenario is the seed's, too.
Outcome RunSeed(uint64_t seed);
const Scenario& ScenarioOf(uint64_t seed);

// A calm cluster, whose leader is killed: milliseconds until another may acknowledge, and until it
// has acknowledged a write with concern `insync`. `judge`: the judge's node is the leader's, too,
// so that the coordinator must elect first; else it is not. Nothing if the seed made it otherwise.
struct OutageMs {
  int64_t until_lease;
  int64_t until_write;
};
std::optional<OutageMs> Outage(uint64_t seed, bool judge);

// A calm cluster of three groups, whose judge is cut off four times, for up to two seconds each and
// five the last, with less than a second between: milliseconds from the last end until every group
// has had somebody who may acknowledge. Nothing if the seed made it otherwise.
std::optional<int64_t> OutageAfterFlaps(uint64_t seed);

}  // namespace henge::sim
