// SPDX-License-Identifier: Apache-2.0
// Small scopes, completely. HENGE_EXPLORE_STATES=n explores larger ones up to n states each.
#include "cluster/consensus/testing/exploration.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "base/numbers.h"

namespace henge::consensus::testing {
namespace {

std::string Steps(const ExplorationResult& result) {
  std::string out;
  for (const std::string& step : result.steps) out += "\n  " + step;
  return out;
}

TEST(Exploration, NothingGoesWrongInAnyOrder) {
  const char* wanted = std::getenv("HENGE_EXPLORE_STATES");
  const uint64_t limit = ParseUint64(wanted == nullptr ? "" : wanted).value_or(20'000);
  uint64_t states = 0;
  for (const Scope& scope : SmallScopes()) {
    const ExplorationResult result = Explore(scope, scope.large ? limit : UINT64_MAX);
    EXPECT_EQ(result.violation, "") << scope.name << Steps(result);
    EXPECT_TRUE(result.complete || scope.large) << scope.name;
    states += result.states;
  }
  EXPECT_GT(states, 10'000u);
}

}  // namespace
}  // namespace henge::consensus::testing
