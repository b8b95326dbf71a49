// SPDX-License-Identifier: Apache-2.0
#include "commands/server/latency_report.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace henge::commands {
namespace {

TEST(LatencyGraph, ShowsEachSampleAsABarWithItsAge) {
  const LatencySeries series{
      .event = "command", .max_ms = 900, .samples = {{1000, 100}, {1400, 210}, {4800, 430}}};
  EXPECT_EQ(LatencyGraphText(series, 5000),
            "command - high 430 ms, low 100 ms (all time high 900 ms)\n" + std::string(80, '-') +
                "\n"
                "  #\n"
                "  |\n"
                " _|\n"
                "_||\n"
                "\n"
                "113\n"
                "hhm\n");
}

TEST(LatencyGraph, BreaksIntoStripsOfEighty) {
  LatencySeries series{.event = "fork"};
  for (int i = 0; i < 100; ++i) series.samples.push_back({i, 5});
  const std::string text = LatencyGraphText(series, 100);
  // Header and rule, then per strip four lines of bars, an empty one and three of ages.
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2 + 8 + 8);
  EXPECT_NE(text.find(std::string(80, '_') + "\n"), std::string::npos);
}

TEST(LatencySpread, AveragesAndMeasuresTheDistance) {
  const LatencySeries series{.event = "x", .max_ms = 40, .samples = {{100, 10}, {110, 40}}};
  const LatencySpread spread = SpreadOf(series, 120);
  EXPECT_EQ(spread.average_ms, 25);
  EXPECT_EQ(spread.mean_deviation_ms, 15);
  EXPECT_DOUBLE_EQ(spread.period_seconds, 10.0);
  EXPECT_EQ(SpreadOf({}, 5).average_ms, 0);
}

TEST(LatencyDoctor, SaysWhenItIsOffOrFindsNothing) {
  EXPECT_NE(LatencyDoctorText({}, 0).find("latency-monitor-threshold"), std::string::npos);
  EXPECT_NE(LatencyDoctorText({.threshold_ms = 5}, 0).find("Nothing"), std::string::npos);
}

TEST(LatencyDoctor, PointsToTheSlowlogWhenThatHidesCommands) {
  LatencyPicture picture{.threshold_ms = 10, .slowlog_us = 20'000};
  picture.series.push_back({.event = "command", .max_ms = 15, .samples = {{100, 15}}});
  EXPECT_NE(LatencyDoctorText(picture, 101).find("slowlog-log-slower-than 10000"),
            std::string::npos);
  picture.slowlog_us = -1;
  EXPECT_NE(LatencyDoctorText(picture, 101).find("slow log is off"), std::string::npos);
  picture.slowlog_us = 5'000;
  EXPECT_EQ(LatencyDoctorText(picture, 101).find("slowlog-log-slower-than"), std::string::npos);
  EXPECT_NE(LatencyDoctorText(picture, 101).find("1. command: 1 latency spikes"),
            std::string::npos);
}

}  // namespace
}  // namespace henge::commands
