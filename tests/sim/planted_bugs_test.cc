// SPDX-License-Identifier: Apache-2.0
// Each checker finds what it is there for: errors that are planted in the simulation itself, one at
// a time.
#include <gtest/gtest.h>

#include <string>

#include "tests/sim/run.h"

namespace henge::sim {
namespace {

constexpr uint64_t kSeeds = 1500;

struct Planted {
  Bug bug;
  const char* name;
  const char* found_by;      // Which checker; with | between several.
  const char* in = nullptr;  // The scenario in which it shows; else all of them.
  uint64_t from = 1;  // Rare ones need more luck than a test has time for: seeds from here on.
};

bool Names(std::string_view found_by, std::string_view violation) {
  for (size_t at = 0; at != std::string_view::npos;) {
    const size_t end = found_by.find('|', at);
    if (violation.starts_with(found_by.substr(at, end - at))) return true;
    at = end == std::string_view::npos ? end : end + 1;
  }
  return false;
}

class PlantedBugs : public ::testing::TestWithParam<Planted> {};

const Scenario& ScenarioFor(const char* name, uint64_t seed) {
  return name == nullptr ? ScenarioOf(seed) : ScenarioNamed(name);
}

TEST_P(PlantedBugs, AreFound) {
  if (kSanitized) GTEST_SKIP() << "sanitizers have nothing to find here that other runs lack";
  const uint64_t from = GetParam().from;
  for (uint64_t seed = from; seed < from + kSeeds; ++seed) {
    const Outcome outcome = RunScenario(ScenarioFor(GetParam().in, seed), seed, GetParam().bug);
    if (outcome.violation.empty()) continue;
    EXPECT_TRUE(Names(GetParam().found_by, outcome.violation)) << outcome.violation;
    fmt::print("seed {}: {}\n", seed, outcome.violation);
    return;
  }
  FAIL() << "no seed finds it";
}

INSTANTIATE_TEST_SUITE_P(
    Simulation, PlantedBugs,
    ::testing::Values(Planted{Bug::kLeaseFromAnswer, "LeaseFromAnswer", "one leader"},
                      Planted{Bug::kNoOfficeWait, "NoOfficeWait", "one leader",
                              "judges come and go"},
                      Planted{Bug::kNoBarrier, "NoBarrier", "one leader"},
                      Planted{Bug::kWildClocks, "WildClocks", "one leader"},
                      Planted{Bug::kTermUnchecked, "TermUnchecked", "one leader|kept",
                              "judges come and go", 4700},
                      Planted{Bug::kJoiningNotCounted, "JoiningNotCounted", "kept"},
                      Planted{Bug::kJoinsLacking, "JoinsLacking", "kept"},
                      Planted{Bug::kForgetsDeposed, "ForgetsDeposed", "kept"},
                      Planted{Bug::kInSyncUnchecked, "InSyncUnchecked", "kept"},
                      Planted{Bug::kBelievesOldLeaders, "BelievesOldLeaders", "epoch"},
                      Planted{Bug::kServesBeforeLive, "ServesBeforeLive", "kept"},
                      Planted{Bug::kKeepsLease, "KeepsLease", "kept|one leader"},
                      Planted{Bug::kNoLeaseForAsync, "NoLeaseForAsync", "one leader"},
                      Planted{Bug::kDurableIsApplied, "DurableIsApplied", "durable"},
                      Planted{Bug::kDiscardsSilently, "DiscardsSilently", "account"}),
    [](const auto& of) { return std::string(of.param.name); });

}  // namespace
}  // namespace henge::sim
