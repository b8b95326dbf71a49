// SPDX-License-Identifier: Apache-2.0
// Courtesy: keeps a snapshot's thread from standing in the way of those that serve clients, where
// there are fewer processors than threads with something to do.
//
// A thread that always works keeps a processor for milliseconds before another gets it. One that
// sleeps after each short step has its turn at once when it wakes, and gives it back soon. So the
// thread sleeps as long as its last step took, but only while there is somebody to let pass:
// entries were saved by who was about to change them, or the thread was made to give way.
#pragma once

#include <chrono>
#include <cstdint>

namespace henge::persistence {

// Of one thread, which makes it and calls it.
class Courtesy {
 public:
  Courtesy();
  // `saved_early`: SnapshotWalk's count of entries that others saved.
  void AfterStep(uint64_t saved_early);

 private:
  static constexpr int kRemembered = 8;  // Steps after which somebody was met last.
  static constexpr std::chrono::microseconds kLongest{2000};
  using Clock = std::chrono::steady_clock;

  Clock::time_point began_;
  uint64_t saved_early_ = 0;
  int64_t gave_way_;
  int pauses_left_ = 0;
};

}  // namespace henge::persistence
