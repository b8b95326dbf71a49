// SPDX-License-Identifier: Apache-2.0
// The whole control and data plane under seeds. HENGE_SIM_SEED=n runs one seed alone,
// HENGE_SIM_SEEDS=n so many. docs/internals/simulation.md tells more.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/numbers.h"
#include "tests/sim/run.h"

namespace henge::sim {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  const auto number = text == nullptr ? std::nullopt : ParseInt64(text);
  return number ? static_cast<uint64_t>(*number) : otherwise;
}

TEST(Simulation, HoldsItsPromisesUnderEachSeed) {
  const uint64_t only = FromEnvironment("HENGE_SIM_SEED", 0);
  const uint64_t first = only == 0 ? 1 : only;
  const uint64_t last =
      only == 0 ? FromEnvironment("HENGE_SIM_SEEDS", kSanitized ? 40 : 400) : only;
  Outcome sum;
  for (uint64_t seed = first; seed <= last; ++seed) {
    const Outcome outcome = RunSeed(seed);
    ASSERT_EQ(outcome.violation, "")
        << "HENGE_SIM_SEED=" << seed << " (" << ScenarioOf(seed).name << ")";
    sum.healed_ms = std::max(sum.healed_ms, outcome.healed_ms);
    sum.steps += outcome.steps;
    sum.counts.promotions += outcome.counts.promotions;
    sum.counts.hand_overs += outcome.counts.hand_overs;
    sum.counts.revivals += outcome.counts.revivals;
    sum.counts.compactions += outcome.counts.compactions;
    sum.counts.full_syncs += outcome.counts.full_syncs;
    sum.counts.partial_syncs += outcome.counts.partial_syncs;
    sum.account.acknowledged += outcome.account.acknowledged;
    sum.account.lost_async += outcome.account.lost_async;
    sum.account.dropped += outcome.account.dropped;
    sum.account.lost_to_power += outcome.account.lost_to_power;
  }
  fmt::print(
      "events {}, acknowledged {}, lost async {} (told {}), lost to power {}, promotions {}, "
      "revivals {}, hand-overs {}, full {}, partial {}, compactions {}, longest healing {} ms\n",
      sum.steps, sum.account.acknowledged, sum.account.lost_async, sum.account.dropped,
      sum.account.lost_to_power, sum.counts.promotions, sum.counts.revivals, sum.counts.hand_overs,
      sum.counts.full_syncs, sum.counts.partial_syncs, sum.counts.compactions, sum.healed_ms);
  if (only != 0) return;
  // Much of each must happen, or little is tested.
  EXPECT_GT(sum.account.acknowledged, last * 50);
  EXPECT_GT(sum.counts.promotions, last);
  EXPECT_GT(sum.counts.hand_overs, last / 8);
}

TEST(Simulation, RunsTheSameWheneverTheSeedIs) {
  for (uint64_t seed = 1; seed <= 16; ++seed) {
    const Outcome once = RunSeed(seed);
    const Outcome again = RunSeed(seed);
    EXPECT_EQ(once.trace, again.trace) << seed;
    EXPECT_EQ(once.steps, again.steps) << seed;
    EXPECT_NE(once.trace, RunSeed(seed + Scenarios().size()).trace) << seed;
  }
}

}  // namespace
}  // namespace henge::sim
