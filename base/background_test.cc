// SPDX-License-Identifier: Apache-2.0
#include "base/background.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>

namespace henge {
namespace {

TEST(Background, GivesWayAndReturnsWhatWasMade) {
  const int here = getpriority(PRIO_PROCESS, 0);
  const auto there = InBackground<std::unique_ptr<int>>(
      [] { return std::make_unique<int>(getpriority(PRIO_PROCESS, 0)); });
  EXPECT_EQ(*there, std::max(here, 10));
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), here) << "only that thread gives way";
}

TEST(Background, IsTheThreadsOwn) {
  EXPECT_FALSE(IsBackground());
  EXPECT_TRUE(InBackground<bool>([] { return IsBackground(); }));
  EXPECT_FALSE(InBackground<bool>([] {
    bool there = true;
    std::thread([&] { there = IsBackground(); }).join();
    return there;
  })) << "a thread that it starts";
}

struct Used {
  int64_t micros;  // Of processor time.
  int64_t turns;
};

Used UsedByThread() {
  rusage used{};
  getrusage(RUSAGE_THREAD, &used);
  const auto micros = [](const timeval& time) { return time.tv_sec * 1'000'000 + time.tv_usec; };
  return {micros(used.ru_utime) + micros(used.ru_stime), used.ru_nvcsw + used.ru_nivcsw};
}

// All on one processor, where somebody else always wants it.
TEST(Background, LetsOthersPassWhoWaitForItsProcessor) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  int first = 0;
  while (!CPU_ISSET(first, &allowed)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  std::atomic<bool> over = false;
  std::thread other([&] {
    sched_setaffinity(0, sizeof one, &one);
    while (!over) {
    }
  });
  Used before{};
  Used after{};
  std::thread([&] {
    sched_setaffinity(0, sizeof one, &one);
    TakeShortTurns();
    before = UsedByThread();
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
    while (std::chrono::steady_clock::now() < end) GiveWay();
    after = UsedByThread();
  }).join();
  over = true;
  other.join();
  EXPECT_GT((after.turns - before.turns) * 2000, after.micros - before.micros)
      << "without giving way a turn is 3 ms or more";
}

}  // namespace
}  // namespace henge
