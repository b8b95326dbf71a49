// SPDX-License-Identifier: Apache-2.0
// Monitors: the clients that MONITOR everybody's commands.
//
// Whoever executes a command appends its line to an outbox per worker that has monitors; that
// worker is woken once per filled outbox and writes it to its own clients. While there are no
// monitors all this costs one relaxed load per command.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "commands/client_state.h"

namespace henge::net {
class Worker;
}

namespace henge::server {

class Session;

// `1700000000.000001 [0 127.0.0.1:5000] "set" "k" "v\n"` as a simple string, appended to `out`.
// `source` is the client's address, or "lua".
void AppendMonitorLine(int64_t unix_us, DbIndex db, std::string_view source,
                       std::span<const std::string_view> argv, std::string& out);
// How a monitor line names a client.
std::string MonitorSource(const commands::ClientState& client);

class Monitors {
 public:
  // Any thread.
  bool active() const { return count_.load(std::memory_order_relaxed) > 0; }
  void Publish(std::string_view lines);

  // The session's worker's thread. Adding twice, or removing what is not there, does nothing.
  void Add(Session& session);
  void Remove(Session& session);

 private:
  struct Outbox {
    net::Worker* worker;
    std::vector<Session*> sessions;
    std::string lines;
  };
  Outbox* Find(const net::Worker& worker);  // REQUIRES: mu_.
  void Deliver(net::Worker& worker);        // The worker's thread.

  std::atomic<int> count_{0};
  std::mutex mu_;  // A leaf.
  std::vector<Outbox> outboxes_;
};

}  // namespace henge::server
