// SPDX-License-Identifier: Apache-2.0
// LifeReport: what a node knows of the cluster's health by its beats, for CLUSTER INFO, NODES and
// the state of the cluster. Which nodes have failed is in the topology (Node::failed).
//
// Written by the life's thread, read by any.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "cluster/life/role_plan.h"

namespace henge::cluster {

struct LifeFacts {
  uint64_t beats_sent = 0;
  uint64_t answers_heard = 0;
  uint64_t beats_heard = 0;  // As the judge.
  uint64_t answers_sent = 0;
  NodeId judge = {};    // Whom this node's beats go to; zero: nobody is known.
  uint64_t term = 0;    // Of the answer heard last.
  uint64_t judges = 0;  // The term in which this node judges; 0: it does not.
  Role role = {};
  // As a leader, also while it hands over; on the monotonic clock.
  int64_t lease_until = INT64_MIN;
};

class LifeReport {
 public:
  LifeFacts facts() const {
    const std::lock_guard lock(mutex_);
    return facts_;
  }
  template <class Change>
  void Update(Change change) {
    const std::lock_guard lock(mutex_);
    change(facts_);
  }

  // For a node timeout of the judge's after the beat was sent that it answered last, on the
  // monotonic clock: it was in office then, so this node is on the side of the majority. INT64_MIN:
  // it has answered none.
  int64_t in_touch_until() const { return in_touch_until_.load(std::memory_order_relaxed); }
  void set_in_touch_until(int64_t until) {
    in_touch_until_.store(until, std::memory_order_relaxed);
  }

 private:
  mutable std::mutex mutex_;
  LifeFacts facts_;  // Guarded by mutex_.
  std::atomic<int64_t> in_touch_until_{INT64_MIN};
};

}  // namespace henge::cluster
