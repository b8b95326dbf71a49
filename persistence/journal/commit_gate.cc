// SPDX-License-Identifier: Apache-2.0
#include "persistence/journal/commit_gate.h"

#include <utility>

namespace henge::persistence {

CommitGate::CommitGate(Lsn start) {
  for (auto& mark : marks_) mark.store(start);
}

Lsn CommitGate::Passed(CommitNeed need) const {
  Lsn passed = kEverything;
  for (size_t i = 0; i < kCommitMarks; ++i) {
    if (need.Has(i)) passed = std::min(passed, marks_[i].load(std::memory_order_seq_cst));
  }
  return passed;
}

void CommitGate::Publish(CommitMark mark, Lsn lsn) {
  auto& value = marks_[static_cast<size_t>(mark)];
  Lsn before = value.load(std::memory_order_relaxed);
  while (before < lsn) {
    if (value.compare_exchange_weak(before, lsn, std::memory_order_seq_cst)) return WakeQueues();
  }
}

void CommitGate::Reset(CommitMark mark, Lsn lsn) {
  marks_[static_cast<size_t>(mark)].store(lsn, std::memory_order_seq_cst);
  WakeQueues();
}

// Publisher: store the mark, then look who waits. Worker: store what it waits for, then look at the
// mark. In the one order of all of these, one of the two sees the other.
void CommitGate::WakeQueues() {
  const std::lock_guard lock(mutex_);
  for (CommitQueue* queue : queues_) {
    Lsn awaited = queue->awaited_.load(std::memory_order_seq_cst);
    if (awaited == CommitQueue::kNobody || awaited > Passed(queue->need_)) continue;
    if (queue->awaited_.compare_exchange_strong(awaited, CommitQueue::kNobody)) queue->waker_();
  }
}

CommitQueue::CommitQueue(CommitGate& gate, CommitNeed need, std::function<void()> waker)
    : gate_(gate), need_(need), waker_(std::move(waker)) {
  const std::lock_guard lock(gate_.mutex_);
  gate_.queues_.push_back(this);
}

CommitQueue::~CommitQueue() {
  const std::lock_guard lock(gate_.mutex_);
  std::erase(gate_.queues_, this);
}

void CommitQueue::SetNeed(CommitNeed need) {
  const std::lock_guard lock(gate_.mutex_);
  need_ = need;
}

void CommitQueue::Hold(Lsn lsn, uint64_t token) {
  if (!held_.empty()) lsn = std::max(lsn, held_.back().lsn);
  held_.push_back({lsn, token, Ticks()});
  if (held_.size() > 1 || Await()) return;
  // It has passed already: the waker is called all the same, as Release is somebody else's call.
  waker_();
}

bool CommitQueue::Await() {
  if (held_.empty()) return true;
  const Lsn lsn = held_.front().lsn;
  awaited_.store(lsn, std::memory_order_seq_cst);
  if (gate_.Passed(need_) < lsn) return true;
  // Whoever takes it away does what follows: if a publisher has, its wake-up is on the way.
  Lsn expected = lsn;
  return !awaited_.compare_exchange_strong(expected, kNobody);
}

}  // namespace henge::persistence
