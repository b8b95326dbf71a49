// SPDX-License-Identifier: Apache-2.0
#include "store/reclaimer.h"

#include <utility>

#include "base/memory.h"

namespace henge::store {

Reclaimer::~Reclaimer() {
  {
    std::lock_guard lock(mu_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Reclaimer::Submit(std::function<void()> free, uint64_t objects) {
  pending_.fetch_add(objects, std::memory_order_relaxed);
  std::lock_guard lock(mu_);
  jobs_.push_back({std::move(free), objects});
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  changed_.notify_all();
}

void Reclaimer::Drain() {
  std::unique_lock lock(mu_);
  changed_.wait(lock, [this] { return jobs_.empty() && !busy_; });
}

void Reclaimer::Run() {
  const ThreadMemory memory;  // What is freed here counts at once against maxmemory.
  std::unique_lock lock(mu_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    busy_ = true;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job.free();
    job.free = nullptr;
    freed_.fetch_add(job.objects, std::memory_order_relaxed);
    pending_.fetch_sub(job.objects, std::memory_order_relaxed);
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace henge::store
