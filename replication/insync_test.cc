// SPDX-License-Identifier: Apache-2.0
#include "replication/insync.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"

namespace henge::replication {
namespace {

TEST(InSync, AFollowerJoinsWithAllThereWas) {
  InSync set({.max_lag_ms = 1000, .least = 1}, 0);
  set.Tick(0, 100);
  EXPECT_FALSE(set.Acknowledge(1, 99));
  EXPECT_EQ(set.committed(), 0u);
  EXPECT_TRUE(set.Acknowledge(1, 100));
  EXPECT_EQ(set.committed(), 100u);
  EXPECT_FALSE(set.Acknowledge(1, 150)) << "it has joined before";
  EXPECT_EQ(set.committed(), 150u);
}

TEST(InSync, TheSlowestOfThoseInSyncCounts) {
  InSync set({.max_lag_ms = 1000, .least = 1}, 0);
  set.Acknowledge(1, 0);
  set.Acknowledge(2, 0);
  set.Acknowledge(1, 50);
  EXPECT_EQ(set.committed(), 0u);
  set.Acknowledge(2, 30);
  EXPECT_EQ(set.committed(), 30u);
  EXPECT_TRUE(set.Leave(2));
  EXPECT_EQ(set.committed(), 50u);
}

TEST(InSync, WhoLagsLeavesAndComesBack) {
  InSync set({.max_lag_ms = 1000, .least = 1}, 0);
  set.Acknowledge(1, 0);
  set.Acknowledge(2, 0);
  set.Tick(0, 10);
  set.Acknowledge(1, 10);
  EXPECT_EQ(set.Tick(900, 10), 0u);
  EXPECT_EQ(set.Tick(1000, 20), 1u);
  EXPECT_FALSE(set.Has(2));
  EXPECT_EQ(set.committed(), 10u);
  EXPECT_FALSE(set.Acknowledge(2, 10));
  EXPECT_TRUE(set.Acknowledge(2, 20));
  EXPECT_EQ(set.committed(), 10u) << "the other one has no more";
}

TEST(InSync, SilenceIsNoLagWhileNothingIsWritten) {
  InSync set({.max_lag_ms = 1000, .least = 1}, 7);
  set.Acknowledge(1, 7);
  for (int64_t now = 0; now < 100'000; now += 100) EXPECT_EQ(set.Tick(now, 7), 0u);
}

TEST(InSync, WithTooFewNothingIsCommitted) {
  InSync set({.max_lag_ms = 1000, .least = 2}, 0);
  set.Acknowledge(1, 0);
  set.Acknowledge(1, 10);
  EXPECT_FALSE(set.enough());
  EXPECT_EQ(set.committed(), 0u);
  set.Acknowledge(2, 5);
  EXPECT_TRUE(set.enough());
  EXPECT_EQ(set.committed(), 5u);
  set.Leave(1);
  set.Acknowledge(2, 40);
  EXPECT_EQ(set.committed(), 5u);
  set.SetRules({.max_lag_ms = 1000, .least = 1});
  EXPECT_EQ(set.committed(), 40u);
}

TEST(InSync, WhereNobodyIsNeededNobodyIsAsked) {
  InSync set({.max_lag_ms = 1000, .least = 0}, 0);
  EXPECT_EQ(set.committed(), InSync::kEverything);
  set.Tick(0, 30);
  set.Acknowledge(1, 30);
  EXPECT_EQ(set.committed(), 30u);
}

// Followers receive, acknowledge late and out of turn, stop, break and come back; whoever leads
// after the leader died has what was committed.
TEST(InSync, WhatIsCommittedIsOnEveryMember) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    Random random(seed);
    const auto rng = [&random] { return random.Next(); };
    const size_t least = 1 + rng() % 2;
    InSync set({.max_lag_ms = 500, .least = least}, 0);
    Lsn end = 0;
    Lsn committed = 0;
    int64_t now = 0;
    std::map<InSync::Follower, Lsn> has;  // What is really there.
    InSync::Follower next = 0;
    for (int step = 0; step < 2000; ++step) {
      now += rng() % 20;
      const auto pick = [&] {
        auto at = has.begin();
        std::advance(at, rng() % has.size());
        return at;
      };
      switch (rng() % 8) {
        case 0:
        case 1:
          end += rng() % 50;
          break;
        case 2:
          if (has.size() < 4) has[next++] = rng() % (end + 1);  // A reconnect is another one.
          break;
        case 3:
          if (has.empty() || rng() % 8 != 0) break;
          if (const auto gone = pick(); true) {
            set.Leave(gone->first);
            has.erase(gone);
          }
          break;
        case 4:
          set.Tick(now, end);
          break;
        default: {
          if (has.empty()) break;
          const auto at = pick();
          at->second += rng() % (end - at->second + 1);
          if (rng() % 4 != 0) at->second = end;
          set.Acknowledge(at->first, at->second - (rng() % 4 == 0 ? rng() % (at->second + 1) : 0));
        }
      }
      ASSERT_GE(set.committed(), committed) << "seed " << seed;
      committed = set.committed();
      ASSERT_LE(committed, end);
      size_t members = 0;
      for (const auto& [follower, lsn] : has) {
        if (!set.Has(follower)) continue;
        ++members;
        ASSERT_GE(lsn, committed) << "seed " << seed;
      }
      if (set.enough()) {
        ASSERT_GE(members, 1u);
      }
    }
  }
}

}  // namespace
}  // namespace henge::replication
