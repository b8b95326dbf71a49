// SPDX-License-Identifier: Apache-2.0
// How long a group has no leader after the last one was killed, in simulated time, at the default
// node timeout.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/sim/run.h"

namespace henge::sim {
namespace {

constexpr size_t kRuns = kSanitized ? 20 : 300;

struct Distribution {
  std::vector<int64_t> ms;
  int64_t At(size_t percent) const {
    return ms[std::min(ms.size() * percent / 100, ms.size() - 1)];
  }
};

Distribution Times(std::string_view what, size_t runs,
                   const std::function<std::optional<int64_t>(uint64_t seed)>& outage_of) {
  Distribution found;
  for (uint64_t seed = 1; found.ms.size() < runs && seed < 20 * runs; ++seed) {
    const std::optional<int64_t> outage = outage_of(seed);
    if (outage) found.ms.push_back(*outage);
  }
  std::sort(found.ms.begin(), found.ms.end());
  fmt::print("{} {}: shortest {} ms, median {}, 90 % {}, 99 % {}, longest {}\n", found.ms.size(),
             what, found.ms.front(), found.At(50), found.At(90), found.At(99), found.ms.back());
  return found;
}

// Until there is another leader; and from there until it has acknowledged a write `insync`. Clients
// write each 50 ms, two of three with that concern.
std::pair<Distribution, Distribution> OutagesOf(bool judge, size_t runs) {
  std::vector<int64_t> further;
  const auto until_lease = [&](uint64_t seed) -> std::optional<int64_t> {
    const std::optional<OutageMs> outage = Outage(seed, judge);
    if (!outage) return std::nullopt;
    further.push_back(outage->until_write - outage->until_lease);
    return outage->until_lease;
  };
  const char* what = judge ? "kills of a leader that judges" : "kills of a leader";
  const Distribution outages = Times(what, runs, until_lease);
  size_t next = 0;
  const auto from_lease = [&](uint64_t) { return std::optional(further[next++]); };
  return {outages, Times("further, until a write is acknowledged", further.size(), from_lease)};
}

TEST(FailoverTime, IsBoundedWhenALeaderIsKilled) {
  const auto [outages, writes] = OutagesOf(false, kRuns);
  ASSERT_EQ(outages.ms.size(), kRuns);
  EXPECT_LT(outages.At(50), 2000);
  EXPECT_LT(writes.At(50), 200);
  EXPECT_LT(outages.ms.back(), 3000);
}

// The coordinator must elect, and who takes office waits out the leases of before.
TEST(FailoverTime, IsBoundedWhenTheJudgeDiesWithIt) {
  const auto [outages, writes] = OutagesOf(true, kRuns);
  ASSERT_EQ(outages.ms.size(), kRuns);
  EXPECT_LT(outages.At(50), 3500);
  EXPECT_LT(outages.ms.back(), 6000);
}

// What is counted is what is left to do when the network is whole: an election at most, since those
// who were cut off are heard again and nobody must be promoted.
TEST(FailoverTime, IsBoundedAfterAJudgeWasCutOffAgainAndAgain) {
  const Distribution outages = Times("judges cut off four times", kRuns / 3, OutageAfterFlaps);
  ASSERT_EQ(outages.ms.size(), kRuns / 3);
  EXPECT_LT(outages.At(50), 500);
  EXPECT_LT(outages.ms.back(), 2000);
}

}  // namespace
}  // namespace henge::sim
