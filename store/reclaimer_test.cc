// SPDX-License-Identifier: Apache-2.0
#include "store/reclaimer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace henge::store {
namespace {

TEST(Reclaimer, CountsWhatIsPendingAndWhatIsDone) {
  Reclaimer reclaimer;
  std::promise<void> gate;
  reclaimer.Submit([&] { gate.get_future().wait(); }, 3);
  reclaimer.Submit([] {}, 2);
  EXPECT_EQ(reclaimer.pending(), 5u);
  EXPECT_EQ(reclaimer.freed(), 0u);
  gate.set_value();
  reclaimer.Drain();
  EXPECT_EQ(reclaimer.pending(), 0u);
  EXPECT_EQ(reclaimer.freed(), 5u);
  reclaimer.ResetFreed();
  EXPECT_EQ(reclaimer.freed(), 0u);
}

TEST(Reclaimer, FreesWhatIsQueuedBeforeItDies) {
  std::atomic<int> freed{0};
  {
    Reclaimer reclaimer;
    for (int i = 0; i < 100; ++i) reclaimer.Submit([&] { ++freed; }, 1);
  }
  EXPECT_EQ(freed, 100);
}

TEST(Reclaimer, DrainsAtOnceWhenNothingWasSubmitted) {
  Reclaimer reclaimer;
  reclaimer.Drain();
}

}  // namespace
}  // namespace henge::store
