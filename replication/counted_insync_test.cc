// SPDX-License-Identifier: Apache-2.0
#include "replication/counted_insync.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"

namespace henge::replication {
namespace {

using Nodes = std::vector<std::string>;

TEST(CountedInSync, CommitsNothingBeforeItIsTold) {
  CountedInSync set;
  set.Begin();
  EXPECT_EQ(set.committed(), 0u);
  set.Acknowledge("a", 100);
  EXPECT_EQ(set.committed(), 0u);
  set.Count(Nodes{"a"});
  EXPECT_EQ(set.committed(), 100u);
}

TEST(CountedInSync, WaitsForNobodyWhereNobodyCounts) {
  CountedInSync set;
  set.Begin();
  set.Count(Nodes{});
  EXPECT_EQ(set.committed(), CountedInSync::kEverything);
}

TEST(CountedInSync, HoldsEverythingWhileACountedNodeIsAway) {
  CountedInSync set;
  set.Begin();
  set.Count(Nodes{"a", "b"});
  set.Acknowledge("a", 100);
  EXPECT_EQ(set.committed(), 0u);
  set.Acknowledge("b", 70);
  EXPECT_EQ(set.committed(), 70u);
  set.Leave("b");
  set.Acknowledge("a", 200);
  EXPECT_EQ(set.committed(), 70u);
  set.Acknowledge("b", 60);  // It came back with less.
  EXPECT_EQ(set.committed(), 70u);
  set.Count(Nodes{"a"});
  EXPECT_EQ(set.committed(), 200u);
}

TEST(CountedInSync, WhoIsFitHasAllThatWasAcknowledged) {
  CountedInSync set;
  set.Begin();
  set.Count(Nodes{});
  set.Sample(0, 100);
  set.Acknowledge("a", 100);
  set.Review(50, 150);  // 50 bytes are acknowledged that it lacks.
  EXPECT_FALSE(set.Fit("a"));
  EXPECT_EQ(set.committed(), 100u) << "what comes now waits for it";
  set.Acknowledge("a", 150);
  EXPECT_TRUE(set.Fit("a"));
}

TEST(CountedInSync, WhoLagsIsWaitedForUntilTheNextReview) {
  CountedInSync set;
  set.SetMaxLag(1000);
  set.Begin();
  set.Count(Nodes{});
  set.Sample(0, 100);
  set.Acknowledge("a", 100);
  set.Review(0, 100);
  ASSERT_TRUE(set.Fit("a"));
  for (int64_t at = 100; at <= 2000; at += 100) set.Sample(at, 500);
  EXPECT_EQ(set.committed(), 100u);
  set.Leave("a");
  EXPECT_FALSE(set.Fit("a"));
  EXPECT_EQ(set.committed(), 100u);
  set.Review(2000, 500);
  EXPECT_EQ(set.committed(), CountedInSync::kEverything);
}

TEST(CountedInSync, ANewLeadershipForgetsWhoCounted) {
  CountedInSync set;
  set.Begin();
  set.Count(Nodes{});
  set.Begin();
  EXPECT_EQ(set.committed(), 0u);
}

// Followers at random places; who counts is changed as the control plane does: who was shown as fit
// is counted, and then proposed. Whoever is proposed has all that was committed before.
TEST(CountedInSync, WhoIsProposedLacksNothingThatWasCommitted) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    CountedInSync set;
    set.SetMaxLag(300);
    set.Begin();
    set.Count(Nodes{});
    Lsn end = 0;
    Lsn acknowledged = 0;
    const Nodes all = {"a", "b", "c"};
    std::vector<Lsn> has(all.size(), 0);
    for (int64_t now = 0; now < 20'000; now += 10) {
      if (random.Below(3) != 0) end += random.Below(100);
      for (size_t i = 0; i < all.size(); ++i) {
        if (random.Below(200) == 0) set.Leave(all[i]);
        if (random.Below(3) != 0) continue;
        has[i] += random.Below(end - has[i] + 1);
        set.Acknowledge(all[i], has[i]);
      }
      if (now % 100 == 0) set.Sample(now, end);
      if (random.Below(5) == 0) {
        set.Review(now, end);
        Nodes counted;
        for (const std::string& node : all) {
          if (set.Fit(node) && random.Below(2) == 0) counted.push_back(node);
        }
        end += random.Below(50);  // Between the look and the word.
        acknowledged = std::max(acknowledged, std::min(end, set.committed()));
        set.Count(counted);
        for (size_t i = 0; i < all.size(); ++i) {
          if (set.Counts(all[i])) {
            ASSERT_GE(has[i], acknowledged) << "seed " << seed;
          }
        }
      }
      acknowledged = std::max(acknowledged, std::min(end, set.committed()));
    }
    EXPECT_GT(acknowledged, 0u);
  }
}

}  // namespace
}  // namespace henge::replication
