// SPDX-License-Identifier: Apache-2.0
#include "server/latency_monitor.h"

#include <gtest/gtest.h>

namespace henge::server {
namespace {

TEST(LatencyMonitor, IsOffUntilAThresholdIsSet) {
  Number threshold;
  LatencyMonitor monitor(threshold);
  EXPECT_FALSE(monitor.IsSlow(1'000'000'000));
  threshold.Store(20);
  EXPECT_FALSE(monitor.IsSlow(19'999));
  EXPECT_TRUE(monitor.IsSlow(20'000));
}

TEST(LatencyMonitor, KeepsTheWorstOfASecond) {
  Number threshold;
  LatencyMonitor monitor(threshold);
  monitor.Add("command", 30'000, 100);
  monitor.Add("command", 50'000, 100);
  monitor.Add("command", 40'000, 100);
  monitor.Add("command", 20'000, 101);
  const auto all = monitor.All();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].event, "command");
  EXPECT_EQ(all[0].max_ms, 50);
  ASSERT_EQ(all[0].samples.size(), 2u);
  EXPECT_EQ(all[0].samples[0].ms, 50);
  EXPECT_EQ(all[0].samples[1].unix_seconds, 101);
}

TEST(LatencyMonitor, ForgetsTheOldestOf160AndRemembersTheWorst) {
  Number threshold;
  LatencyMonitor monitor(threshold);
  monitor.Add("fork", 900'000, 1);
  for (int second = 2; second <= 200; ++second) monitor.Add("fork", 10'000, second);
  const auto all = monitor.All();
  ASSERT_EQ(all[0].samples.size(), 160u);
  EXPECT_EQ(all[0].samples.front().unix_seconds, 41);
  EXPECT_EQ(all[0].samples.back().unix_seconds, 200);
  EXPECT_EQ(all[0].max_ms, 900);
}

TEST(LatencyMonitor, ResetsByNameInAnyCaseOrAll) {
  Number threshold;
  LatencyMonitor monitor(threshold);
  monitor.Add("command", 10'000, 1);
  monitor.Add("expire-cycle", 10'000, 1);
  EXPECT_EQ(monitor.Reset("nosuch"), 0);
  EXPECT_EQ(monitor.Reset("COMMAND"), 1);
  monitor.Add("command", 10'000, 2);
  EXPECT_EQ(monitor.Reset(""), 2);
  EXPECT_TRUE(monitor.All().empty());
}

}  // namespace
}  // namespace henge::server
