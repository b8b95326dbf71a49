// SPDX-License-Identifier: Apache-2.0
// Shutdown: from the wish that the server ends to the moment when it may: clients that write are
// held, and the data is saved where that was asked for. If it can't be, or somebody aborts it, the
// server goes on.
//
// Wait: the main thread. All else: any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/types.h"
#include "server/config/choices.h"

namespace henge::server {

class Node;

struct ShutdownRequest {
  std::string reason;              // For the log.
  int64_t wishes = 0;              // Bits of ShutdownSignal.
  std::optional<ClientId> client;  // Who waits to be told that it failed.
  bool by_signal = false;
  int exit_code = 0;
};

class Shutdown {
 public:
  explicit Shutdown(Node& node) : node_(node) {}
  Shutdown(const Shutdown&) = delete;
  Shutdown& operator=(const Shutdown&) = delete;

  // Another one under way stays as it is, and its end is told to both clients; then false.
  bool Request(ShutdownRequest request);
  // The server goes on. False if no shutdown is under way, or it is too late.
  bool Abort();
  // Ends the process here and now, without its unfinished file.
  [[noreturn]] void Insist();
  // Returns the exit code once the server may end.
  int Wait();
  bool under_way() const { return under_way_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;
  ShutdownRequest Next();
  // Whether the server may end.
  bool Prepare(const ShutdownRequest& request);
  bool MayLeaveAppendOnlyFile(bool force);
  void HandOver();
  void AwaitFollowerInSync(Clock::time_point until);
  bool MayWait(Clock::time_point until);
  void AwaitFollowers();
  bool Save();
  void HoldClients();
  void GoOn();
  bool aborted();

  Node& node_;
  std::mutex mu_;
  std::condition_variable changed_;
  std::optional<ShutdownRequest> request_;
  std::vector<ClientId> clients_;  // Who waits.
  bool aborted_ = false;
  bool decided_ = false;  // Too late to abort.
  std::atomic<bool> under_way_{false};
};

}  // namespace henge::server
