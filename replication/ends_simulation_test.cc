// SPDX-License-Identifier: Apache-2.0
// LeaderEnd and FollowerEnd under seeds; and that each check finds the error that it is there for.
// HENGE_ENDS_SEED=n runs one seed only, HENGE_ENDS_SEEDS=n so many.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "base/numbers.h"
#include "replication/simulated_group.h"

namespace henge::replication::simulation {
namespace {

constexpr uint64_t kSeeds = 3000;
constexpr size_t kNodes = 3;
constexpr int kSteps = 5000;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  const auto number = text == nullptr ? std::nullopt : ParseInt64(text);
  return number ? static_cast<uint64_t>(*number) : otherwise;
}

Group RunSeed(uint64_t seed, Bug bug) {
  Group group(seed, kNodes, bug);
  for (int i = 0; i < kSteps && group.violations().empty(); ++i) group.Step();
  if (group.violations().empty()) group.Settle();
  return group;
}

TEST(EndsSimulation, NothingFalseIsAppliedOrAcknowledged) {
  const uint64_t only = FromEnvironment("HENGE_ENDS_SEED", 0);
  const uint64_t first = only == 0 ? 1 : only;
  const uint64_t last = only == 0 ? FromEnvironment("HENGE_ENDS_SEEDS", kSeeds) : only;
  size_t partial = 0;
  size_t full = 0;
  size_t refused = 0;
  for (uint64_t seed = first; seed <= last; ++seed) {
    const Group group = RunSeed(seed, Bug::kNone);
    ASSERT_TRUE(group.violations().empty())
        << "HENGE_ENDS_SEED=" << seed << ": " << group.violations().front();
    partial += group.partial();
    full += group.full();
    refused += group.refused_epochs();
  }
  RecordProperty("partial", static_cast<int>(partial));
  RecordProperty("full", static_cast<int>(full));
  if (only != 0) return;
  EXPECT_GT(partial, full / 4) << "most of what is tested is in going on";
  EXPECT_GT(refused, last / 10) << "and some in not being believed";
}

struct Planted {
  Bug bug;
  const char* found_by;  // What the violation begins with.
};

class EndsSimulationBugs : public testing::TestWithParam<Planted> {};

TEST_P(EndsSimulationBugs, AreFound) {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    const Group group = RunSeed(seed, GetParam().bug);
    if (group.violations().empty()) continue;
    EXPECT_NE(group.violations().front().find(GetParam().found_by), std::string::npos)
        << "seed " << seed << ": " << group.violations().front();
    return;
  }
  FAIL() << "no seed finds it";
}

INSTANTIATE_TEST_SUITE_P(
    All, EndsSimulationBugs,
    testing::Values(Planted{Bug::kBelievesOldLeaders, "epoch:"},
                    Planted{Bug::kStampsNewestEpoch, "epoch:"},
                    Planted{Bug::kGrantsAnyOffset, "prefix:"}, Planted{Bug::kNeverPartial, "full:"},
                    Planted{Bug::kDropsSpool, "prefix:"},
                    Planted{Bug::kAcknowledgesReceived, "bytes are acknowledged, and"},
                    Planted{Bug::kDurableIsApplied, "acknowledged as durable"},
                    Planted{Bug::kKeepsOldName, "prefix:"},
                    Planted{Bug::kSharesOldSnapshot, "prefix:"},
                    Planted{Bug::kNoTimeouts, "convergence:"}));

}  // namespace
}  // namespace henge::replication::simulation
