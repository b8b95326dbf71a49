// SPDX-License-Identifier: Apache-2.0
// MomentGate: between those who look at the whole store at once, with every shard locked, and one
// who changes it in steps that belong together although he holds no shard from the first to the
// last: a follower that applies its leader's records on several threads.
//
//   who locks every shard:  Enter ─ all shards ─ … ─ Leave      (LockSet does that)
//   who works in steps:     Work ── its threads lock a shard, change, unlock; again ──╮
//                           └──────── joins them, notes what was done ──── ~Work <────╯
//
// So what is seen under all locks is a state between two works. Comes before every shard: nobody
// enters while holding one. Commands of a few keys never come here.
#pragma once

#include <atomic>

#include "base/mutex.h"

namespace henge::store {

class MomentGate {
 public:
  MomentGate() = default;
  MomentGate(const MomentGate&) = delete;
  MomentGate& operator=(const MomentGate&) = delete;

  enum class Entry : uint8_t {
    kEntered,  // To be left.
    kWithin,   // This thread is part of the work under way, which holds the gate.
    kGaveUp,   // `give_up` was set meanwhile.
  };
  Entry Enter(const std::atomic<bool>* give_up);
  void Leave() { mu_.unlock(); }

  // While it exists, this thread holds the gate. Who waits to enter goes first.
  class Work {
   public:
    explicit Work(MomentGate& gate);
    ~Work();
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;

   private:
    MomentGate& gate_;
  };
  // While it exists, this thread does a part of the work of another, who waits for it.
  class Part {
   public:
    explicit Part(const MomentGate& gate) { within_ = &gate; }
    ~Part() { within_ = nullptr; }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
  };

 private:
  inline static thread_local const MomentGate* within_ = nullptr;

  SpinFutexMutex mu_;
  std::atomic<int> waiting_{0};  // To enter.
};

}  // namespace henge::store
