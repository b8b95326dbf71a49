// SPDX-License-Identifier: Apache-2.0
// Timeline: simulated time, in microseconds, and what is to happen when. What is due at one moment
// happens in the order in which it was said. One thread.
#pragma once

#include <absl/functional/any_invocable.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace henge::sim {

constexpr int64_t kMilli = 1000;
constexpr int64_t kSecond = 1000 * kMilli;

class Timeline {
 public:
  using Task = absl::AnyInvocable<void()>;

  int64_t now() const { return now_; }
  uint64_t steps() const { return steps_; }

  void At(int64_t at, Task task) {
    uint32_t place = static_cast<uint32_t>(tasks_.size());
    if (free_.empty()) {
      tasks_.push_back(std::move(task));
    } else {
      place = free_.back();
      free_.pop_back();
      tasks_[place] = std::move(task);
    }
    due_.push_back({std::max(at, now_), ++order_, place});
    std::push_heap(due_.begin(), due_.end());
  }

  // The next thing that is due by then; false: there is none.
  bool RunNext(int64_t until) {
    if (due_.empty() || due_.front().at > until) return false;
    std::pop_heap(due_.begin(), due_.end());
    const Due due = due_.back();
    due_.pop_back();
    now_ = due.at;
    ++steps_;
    Task task = std::move(tasks_[due.place]);
    free_.push_back(due.place);
    task();
    return true;
  }
  void SkipTo(int64_t at) { now_ = std::max(now_, at); }

 private:
  struct Due {
    int64_t at;
    uint64_t order;
    uint32_t place;  // In tasks_.
    bool operator<(const Due& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  int64_t now_ = 0;
  uint64_t order_ = 0;
  uint64_t steps_ = 0;
  std::vector<Due> due_;  // A heap.
  std::vector<Task> tasks_;
  std::vector<uint32_t> free_;
};

}  // namespace henge::sim
