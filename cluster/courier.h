// SPDX-License-Identifier: Apache-2.0
// Courier: a thread that does what others have no time for, in the order in which it was told.
// Any thread may call; a call costs a small lock and, if the thread rests, its wake-up.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace henge::cluster {

class Courier {
 public:
  // `round` is called at the start and each period, besides.
  Courier(std::chrono::milliseconds period, std::function<void()> round)
      : period_(period), round_(std::move(round)), thread_([this] { Run(); }) {}
  ~Courier() { Stop(); }
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  void Call(std::function<void()> errand);
  // Another period from now on. On the thread itself: by a round or an errand.
  void Pace(std::chrono::milliseconds period);
  // What is not done yet is not done any more. Not on the thread itself; may be called twice.
  void Stop();

 private:
  void Run();

  std::chrono::milliseconds period_;                       // The thread's own,
  std::chrono::steady_clock::time_point next_round_ = {};  // as this.
  const std::function<void()> round_;
  std::mutex mutex_;
  std::condition_variable told_;
  std::vector<std::function<void()>> errands_;  // Guarded by mutex_.
  bool resting_ = false;                        // Guarded by mutex_.
  bool stopping_ = false;                       // Guarded by mutex_.
  std::thread thread_;                          // Last: it starts at once.
};

}  // namespace henge::cluster
