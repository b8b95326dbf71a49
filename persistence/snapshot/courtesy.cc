// SPDX-License-Identifier: Apache-2.0
#include "persistence/snapshot/courtesy.h"

#include <sys/resource.h>

#include <algorithm>
#include <thread>
#include <utility>

namespace henge::persistence {
namespace {

// How often another thread was given this one's processor.
int64_t InvoluntarySwitches() {
  rusage used{};
  getrusage(RUSAGE_THREAD, &used);
  return used.ru_nivcsw;
}

}  // namespace

Courtesy::Courtesy() : began_(Clock::now()), gave_way_(InvoluntarySwitches()) {}

void Courtesy::AfterStep(uint64_t saved_early) {
  const int64_t switches = InvoluntarySwitches();
  const bool met = std::exchange(saved_early_, saved_early) != saved_early ||
                   std::exchange(gave_way_, switches) != switches;
  if (met) pauses_left_ = kRemembered;
  if (pauses_left_ > 0) {
    --pauses_left_;
    std::this_thread::sleep_for(std::min<Clock::duration>(Clock::now() - began_, kLongest));
  }
  began_ = Clock::now();
}

}  // namespace henge::persistence
