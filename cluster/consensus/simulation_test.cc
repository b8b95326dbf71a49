// SPDX-License-Identifier: Apache-2.0
// Clusters under seeds. HENGE_SIMULATION_SEEDS=n runs n of each scenario; a seed that fails is
// named and runs again alone with HENGE_SIMULATION_SEED=s.
#include "cluster/consensus/testing/simulation.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/numbers.h"

namespace henge::consensus::testing {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return ParseUint64(text == nullptr ? "" : text).value_or(otherwise);
}

TEST(Simulation, NothingIsLostAndAllIsWellInTheEnd) {
  const uint64_t only = FromEnvironment("HENGE_SIMULATION_SEED", 0);
  const uint64_t seeds = FromEnvironment("HENGE_SIMULATION_SEEDS", 25);
  SimulationResult sum;
  for (const Scenario& scenario : Scenarios()) {
    for (uint64_t seed = 1; seed <= seeds; ++seed) {
      const uint64_t used = only != 0 ? only : seed;
      const SimulationResult result = Simulation(scenario, used).Run();
      ASSERT_EQ(result.violation, "") << scenario.name << ", seed " << used;
      sum.commands += result.commands;
      sum.reads += result.reads;
      sum.leaders += result.leaders;
      sum.changes += result.changes;
      sum.crashes += result.crashes;
      if (only != 0) break;
    }
  }
  printf("%lu commands, %lu reads, %lu leaders, %lu changes of members, %lu crashes\n",
         sum.commands, sum.reads, sum.leaders, sum.changes, sum.crashes);
  EXPECT_GT(sum.commands, seeds * 100);
  EXPECT_GT(sum.reads, seeds * 50);
}

TEST(Simulation, ASeedRunsTheSameAgain) {
  const Scenario scenario = Scenarios()[3];
  EXPECT_EQ(Simulation(scenario, 7).Run().fingerprint, Simulation(scenario, 7).Run().fingerprint);
  EXPECT_NE(Simulation(scenario, 7).Run().fingerprint, Simulation(scenario, 8).Run().fingerprint);
}

}  // namespace
}  // namespace henge::consensus::testing
