// SPDX-License-Identifier: Apache-2.0
#include "persistence/journal/commit_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/random.h"
#include "persistence/journal/doorbell.h"

namespace henge::persistence {
namespace {

constexpr CommitNeed kDurable(CommitMark::kDurable);
constexpr CommitNeed kBoth = kDurable | CommitNeed(CommitMark::kReplicated);

std::vector<uint64_t> Released(CommitQueue& queue) {
  std::vector<uint64_t> tokens;
  queue.Release([&](uint64_t token) { tokens.push_back(token); });
  return tokens;
}

using Tokens = std::vector<uint64_t>;

TEST(CommitGate, ReleasesInOrderWhatHasPassedWithOneWakeUp) {
  CommitGate gate;
  int wakes = 0;
  CommitQueue queue(gate, kDurable, [&] { ++wakes; });
  for (uint64_t i = 1; i <= 5; ++i) queue.Hold(i * 10, i);
  gate.Publish(CommitMark::kDurable, 9);
  EXPECT_EQ(wakes, 0);
  gate.Publish(CommitMark::kDurable, 20);
  gate.Publish(CommitMark::kDurable, 30);
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(Released(queue), (Tokens{1, 2, 3}));
  gate.Publish(CommitMark::kDurable, 25);  // Never back.
  EXPECT_EQ(gate.at(CommitMark::kDurable), 30u);
  EXPECT_EQ(Released(queue), Tokens{});
  gate.Publish(CommitMark::kDurable, 50);
  EXPECT_EQ(wakes, 2);
  EXPECT_EQ(Released(queue), (Tokens{4, 5}));
  gate.Publish(CommitMark::kDurable, 60);
  EXPECT_EQ(wakes, 2);
  EXPECT_TRUE(queue.empty());
}

TEST(CommitGate, ALowerLsnGoesWithTheOneBeforeIt) {
  CommitGate gate;
  CommitQueue queue(gate, kDurable, [] {});
  queue.Hold(10, 1);
  queue.Hold(5, 2);
  queue.Hold(20, 3);
  gate.Publish(CommitMark::kDurable, 9);
  EXPECT_EQ(Released(queue), Tokens{});
  gate.Publish(CommitMark::kDurable, 10);
  EXPECT_EQ(Released(queue), (Tokens{1, 2}));
}

TEST(CommitGate, WhatHasPassedIsTheLeastOfWhatIsNeeded) {
  CommitGate gate(100);
  int wakes = 0;
  CommitQueue queue(gate, kBoth, [&] { ++wakes; });
  EXPECT_TRUE(queue.Passed(100));
  EXPECT_FALSE(queue.Passed(101));
  queue.Hold(200, 1);
  gate.Publish(CommitMark::kDurable, 300);
  EXPECT_EQ(wakes, 0);
  gate.Publish(CommitMark::kReplicated, 199);
  EXPECT_EQ(wakes, 0);
  gate.Publish(CommitMark::kReplicated, 200);
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(Released(queue), Tokens{1});
  EXPECT_EQ(gate.Passed({}), CommitGate::kEverything);
}

TEST(CommitGate, HoldingWhatHasPassedWakesAtOnce) {
  CommitGate gate(100);
  int wakes = 0;
  CommitQueue queue(gate, kDurable, [&] { ++wakes; });
  queue.Hold(50, 7);
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(Released(queue), Tokens{7});
}

TEST(CommitGate, StartsAnewWhenReset) {
  CommitGate gate;
  CommitQueue queue(gate, kDurable, [] {});
  gate.Publish(CommitMark::kDurable, CommitGate::kEverything);
  EXPECT_TRUE(queue.Passed(12345));
  gate.Reset(CommitMark::kDurable, 10);
  EXPECT_FALSE(queue.Passed(11));
}

// A worker as a server has them: holds, sleeps, releases when woken.
struct Worker {
  Worker(CommitGate& gate, const std::atomic<Lsn>& end)
      : journal_end(end), queue(gate, kDurable, [this] { bell.Ring(); }) {}

  void Run(uint64_t seed, int count, CommitGate& gate) {
    Random random(seed);
    uint64_t next = 0;
    const auto release = [&](uint64_t token) {
      EXPECT_EQ(token, next++);
      EXPECT_LE(lsns[token], gate.at(CommitMark::kDurable));
    };
    for (int i = 0; i < count; ++i) {
      lsns.push_back(std::max(lsns.empty() ? 0 : lsns.back(), journal_end + random.Below(3)));
      queue.Hold(lsns.back(), static_cast<uint64_t>(i));
      if (random.Below(3) == 0 && bell.Wait(std::chrono::microseconds(0))) queue.Release(release);
    }
    while (!queue.empty()) {
      ASSERT_TRUE(bell.Wait(std::chrono::seconds(20))) << "a wake-up was lost";
      queue.Release(release);
    }
    EXPECT_EQ(next, static_cast<uint64_t>(count));
  }

  const std::atomic<Lsn>& journal_end;
  std::vector<Lsn> lsns;
  Doorbell bell;
  CommitQueue queue;
};

TEST(CommitGate, CountsHowLongTokensWereHeld) {
  CommitGate gate;
  CommitQueue queue(gate, kDurable, [] {});
  const auto held = [&] {
    uint64_t count = 0;
    for (size_t i = 0; i < WaitHistogram::kBuckets; ++i) count += queue.waits().count(i);
    return count;
  };
  queue.Hold(10, 1);
  queue.Hold(20, 2);
  EXPECT_EQ(held(), 0u);
  gate.Publish(CommitMark::kDurable, 10);
  Released(queue);
  EXPECT_EQ(held(), 1u);
  gate.Publish(CommitMark::kDurable, 20);
  Released(queue);
  EXPECT_EQ(held(), 2u);
}

TEST(WaitHistogram, HasABucketForEachPowerOfTwo) {
  WaitHistogram waits;
  for (const uint64_t us : {0, 1, 2, 3, 4}) waits.Record(us);
  waits.Record(uint64_t{1} << 40);
  EXPECT_EQ(waits.count(0), 1u);                            // Under 1 µs;
  EXPECT_EQ(waits.count(1), 1u);                            // 1;
  EXPECT_EQ(waits.count(2), 2u);                            // 2 and 3;
  EXPECT_EQ(waits.count(3), 1u);                            // from 4 to 7;
  EXPECT_EQ(waits.count(WaitHistogram::kBuckets - 1), 1u);  // and all that is longer.
  EXPECT_EQ(waits.sum_us(), 10 + (uint64_t{1} << 40));
}

TEST(CommitGate, LosesNoWakeUpAmongThreads) {
  CommitGate gate;
  std::atomic<Lsn> end = 0;
  std::atomic<bool> stop = false;
  Worker a(gate, end);
  Worker b(gate, end);
  std::thread publisher([&] {
    while (!stop) gate.Publish(CommitMark::kDurable, ++end);
  });
  std::thread first([&] { a.Run(1, 20000, gate); });
  std::thread second([&] { b.Run(2, 20000, gate); });
  first.join();
  second.join();
  stop = true;
  publisher.join();
}

}  // namespace
}  // namespace henge::persistence
