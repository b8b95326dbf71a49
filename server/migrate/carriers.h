// SPDX-License-Identifier: Apache-2.0
// Carriers: threads that talk to other servers on behalf of commands, so that no worker waits for
// one. One thread and one connection for each target; both end when nothing was asked of them for
// ten seconds, as Redis closes the connections that MIGRATE keeps.
//
// Any thread may submit; Stop ends waits and threads, and drops what is queued.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/migrate/target_link.h"

namespace henge::server {

class Carriers {
 public:
  using Job = std::function<void(TargetLink&)>;

  Carriers();
  ~Carriers();
  Carriers(const Carriers&) = delete;
  Carriers& operator=(const Carriers&) = delete;

  // Runs the job on the target's thread, behind those before it. False if there are too many
  // targets, or it is stopped: the job is not run.
  bool Submit(const std::string& target, Job job);
  void Stop();

  size_t targets() const;

 private:
  static constexpr size_t kMaxTargets = 64;
  static constexpr int64_t kIdleMs = 10'000;

  struct Carrier {
    std::deque<Job> jobs;
    std::condition_variable wake;
    std::thread thread;
  };

  void Run(const std::string& target, Carrier& carrier);
  void JoinEnded();

  const int stop_fd_;
  mutable std::mutex mutex_;
  bool stopped_ = false;
  std::map<std::string, std::unique_ptr<Carrier>> carriers_;
  std::vector<std::unique_ptr<Carrier>> ended_;  // To be joined.
};

}  // namespace henge::server
