// SPDX-License-Identifier: Apache-2.0
// Shutdown: from the wish that the server ends to the moment when it may: clients are held, and the
// data is saved where that was asked for. If it can't be, the server goes on.
//
// Request: any thread. Wait: the main thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>

#include "base/types.h"
#include "server/config/choices.h"

namespace henge::server {

class Node;

struct ShutdownRequest {
  std::string reason;              // For the log.
  int64_t wishes = 0;              // Bits of ShutdownSignal.
  std::optional<ClientId> client;  // Who waits to be told that it failed.
  int exit_code = 0;
};

class Shutdown {
 public:
  explicit Shutdown(Node& node) : node_(node) {}
  Shutdown(const Shutdown&) = delete;
  Shutdown& operator=(const Shutdown&) = delete;

  // Another one under way stays as it is; then false.
  bool Request(ShutdownRequest request);
  // Returns the exit code once the server may end.
  int Wait();
  bool under_way() const { return under_way_.load(std::memory_order_relaxed); }

 private:
  bool Prepare(const ShutdownRequest& request);
  bool Save();
  void HoldClients();

  Node& node_;
  std::mutex mu_;
  std::condition_variable requested_;
  std::optional<ShutdownRequest> request_;
  std::atomic<bool> under_way_{false};
};

}  // namespace henge::server
