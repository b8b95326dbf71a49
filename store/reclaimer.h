// SPDX-License-Identifier: Apache-2.0
// Reclaimer: a thread that frees what is large, so that no command waits for it.
//
// Whatever is submitted must already be out of everybody's reach. Thread-safe; Submit is cheap
// enough to call under a shard's lock. The thread starts with the first submission. The destructor
// frees what is still queued.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace henge::store {

class Reclaimer {
 public:
  Reclaimer() = default;
  ~Reclaimer();
  Reclaimer(const Reclaimer&) = delete;
  Reclaimer& operator=(const Reclaimer&) = delete;

  // Runs `free`, which frees `objects` values, on the reclaimer's thread.
  void Submit(std::function<void()> free, uint64_t objects);

  // Values still to be freed, and freed since the last reset (INFO lazyfree_*).
  uint64_t pending() const { return pending_.load(std::memory_order_relaxed); }
  uint64_t freed() const { return freed_.load(std::memory_order_relaxed); }
  void ResetFreed() { freed_.store(0, std::memory_order_relaxed); }

  // Returns when all that was submitted before is freed.
  void Drain();

 private:
  struct Job {
    std::function<void()> free;
    uint64_t objects;
  };
  void Run();

  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool busy_ = false;
  bool stopping_ = false;
  std::thread thread_;
  std::atomic<uint64_t> pending_{0};
  std::atomic<uint64_t> freed_{0};
};

}  // namespace henge::store
