// SPDX-License-Identifier: Apache-2.0
// CommitGate: until when the journal is safe, and who waits for that. A reply that may not go
// before its effects are durable (or replicated) is held in the CommitQueue of its worker.
//
//   AOF writer ── Publish(kDurable, lsn) ──> CommitGate ── at most one wake-up per worker ──> waker
//   worker ── Hold(lsn, token) ──> CommitQueue ── Release: tokens in order, all that may go at once
//
// Marks only grow, but for Reset. CommitGate: any thread. CommitQueue: its worker's thread only.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/types.h"
#include "persistence/journal/wait_histogram.h"

namespace henge::persistence {

enum class CommitMark : uint8_t {
  kDurable,     // On this node's disk.
  kReplicated,  // With as many followers as writes must reach.
};
inline constexpr size_t kCommitMarks = 2;

// What must have passed: a set of marks.
class CommitNeed {
 public:
  constexpr CommitNeed() = default;
  constexpr explicit CommitNeed(CommitMark mark) : bits_(1u << static_cast<unsigned>(mark)) {}
  constexpr CommitNeed operator|(CommitNeed other) const {
    other.bits_ |= bits_;
    return other;
  }
  constexpr bool Has(size_t mark) const { return (bits_ >> mark & 1) != 0; }
  constexpr bool operator==(const CommitNeed&) const = default;

 private:
  uint32_t bits_ = 0;
};

class CommitQueue;

class CommitGate {
 public:
  static constexpr Lsn kEverything = ~Lsn{0};

  // What comes before `start` is safe.
  explicit CommitGate(Lsn start = 0);
  CommitGate(const CommitGate&) = delete;
  CommitGate& operator=(const CommitGate&) = delete;

  // Everything before `lsn` has it; wakes the workers that wait for that. kEverything: nobody needs
  // to wait (the AOF was turned off). Smaller than before: nothing happens.
  void Publish(CommitMark mark, Lsn lsn);
  // Starts anew, also lower: the AOF was turned on, the leader has changed.
  void Reset(CommitMark mark, Lsn lsn);

  Lsn at(CommitMark mark) const {
    return marks_[static_cast<size_t>(mark)].load(std::memory_order_seq_cst);
  }
  // The LSN up to which all marks of the need have passed; kEverything if it has none.
  Lsn Passed(CommitNeed need) const;

 private:
  friend class CommitQueue;
  void WakeQueues();

  std::array<std::atomic<Lsn>, kCommitMarks> marks_;
  std::mutex mutex_;  // Of publishers; no worker takes it but to come and go.
  std::vector<CommitQueue*> queues_;
};

class CommitQueue {
 public:
  // `waker` is called by a publisher's thread, once, when something may be released: it makes the
  // worker call Release. It must be quick and must not destroy the queue.
  CommitQueue(CommitGate& gate, CommitNeed need, std::function<void()> waker);
  ~CommitQueue();
  CommitQueue(const CommitQueue&) = delete;
  CommitQueue& operator=(const CommitQueue&) = delete;

  // Whether nothing needs to be held for this LSN.
  bool Passed(Lsn lsn) const { return lsn <= gate_.Passed(need_); }
  // Holds the token, which Release will give back; behind all that are held already. LSNs mostly
  // grow; a lower one goes with the one before it.
  void Hold(Lsn lsn, uint64_t token);
  // Gives back all tokens whose LSN has passed, in the order of Hold. Returns how many.
  template <class F>
  size_t Release(F&& give) {
    size_t released = 0;
    do {
      const Lsn passed = gate_.Passed(need_);
      const uint64_t now = held_.empty() ? 0 : Ticks();
      for (; !held_.empty() && held_.front().lsn <= passed; ++released) {
        const uint64_t token = held_.front().token;
        waits_.Record(TicksToMicros(now - held_.front().since));
        held_.pop_front();
        give(token);
      }
    } while (!Await());
    return released;
  }
  // Also for what is held: call Release behind it.
  void SetNeed(CommitNeed need);

  bool empty() const { return held_.empty(); }
  size_t size() const { return held_.size(); }
  CommitNeed need() const { return need_; }
  // How long tokens were held. Any thread.
  const WaitHistogram& waits() const { return waits_; }

 private:
  friend class CommitGate;
  struct Held {
    Lsn lsn;
    uint64_t token;
    uint64_t since;  // In ticks.
  };
  static constexpr Lsn kNobody = ~Lsn{0};
  // Asks to be woken for the first one; false if it has passed meanwhile.
  bool Await();

  CommitGate& gate_;
  CommitNeed need_;
  const std::function<void()> waker_;
  std::deque<Held> held_;
  WaitHistogram waits_;
  // The LSN to be woken for. A publisher that sees it passed takes it away, and wakes.
  std::atomic<Lsn> awaited_{kNobody};
};

}  // namespace henge::persistence
