// SPDX-License-Identifier: Apache-2.0
#include "server/migrate/carriers.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <utility>

namespace henge::server {

Carriers::Carriers() : stop_fd_(eventfd(0, EFD_CLOEXEC)) {}

Carriers::~Carriers() {
  Stop();
  close(stop_fd_);
}

bool Carriers::Submit(const std::string& target, Job job) {
  JoinEnded();
  const std::lock_guard lock(mutex_);
  if (stopped_) return false;
  auto at = carriers_.find(target);
  if (at == carriers_.end()) {
    if (carriers_.size() >= kMaxTargets) return false;
    at = carriers_.emplace(target, std::make_unique<Carrier>()).first;
    Carrier& carrier = *at->second;
    carrier.thread = std::thread([this, target, &carrier] { Run(target, carrier); });
  }
  at->second->jobs.push_back(std::move(job));
  at->second->wake.notify_one();
  return true;
}

void Carriers::Run(const std::string& target, Carrier& carrier) {
  TargetLink link(stop_fd_);
  std::unique_lock lock(mutex_);
  while (true) {
    const auto asked = [&] { return stopped_ || !carrier.jobs.empty(); };
    carrier.wake.wait_for(lock, std::chrono::milliseconds(kIdleMs), asked);
    if (stopped_) return;
    if (carrier.jobs.empty()) break;
    const Job job = std::move(carrier.jobs.front());
    carrier.jobs.pop_front();
    lock.unlock();
    job(link);
    lock.lock();
  }
  const auto at = carriers_.find(target);
  ended_.push_back(std::move(at->second));
  carriers_.erase(at);
}

void Carriers::JoinEnded() {
  std::vector<std::unique_ptr<Carrier>> ended;
  {
    const std::lock_guard lock(mutex_);
    ended = std::exchange(ended_, {});
  }
  for (const auto& carrier : ended) carrier->thread.join();
}

void Carriers::Stop() {
  std::map<std::string, std::unique_ptr<Carrier>> carriers;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    carriers = std::exchange(carriers_, {});
  }
  const uint64_t one = 1;
  (void)!write(stop_fd_, &one, sizeof(one));
  for (const auto& [target, carrier] : carriers) {
    carrier->wake.notify_one();
    carrier->thread.join();
  }
  JoinEnded();
}

size_t Carriers::targets() const {
  const std::lock_guard lock(mutex_);
  return carriers_.size();
}

}  // namespace henge::server
