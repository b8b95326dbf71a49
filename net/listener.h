// SPDX-License-Identifier: Apache-2.0
// Listening sockets and the acceptor that spreads connections over the workers: each new one goes
// to the worker with the fewest.
#pragma once

#include <absl/status/status.h>

#include <memory>
#include <string>
#include <vector>

#include "base/counter.h"
#include "net/handler.h"
#include "net/worker.h"

namespace henge::net {

struct ListenOptions {
  std::vector<std::string> bind;  // Redis's notation: "127.0.0.1", "-::1" (may fail), "*".
  int port = 0;                   // 0: none.
  int backlog = 511;
  std::string unix_path;        // Empty: none.
  int unix_permissions = 0;     // Octal value, 0: leave.
  int keepalive_seconds = 300;  // 0: off.
};

class Acceptor {
 public:
  Acceptor(std::vector<std::unique_ptr<Worker>>& workers, HandlerFactory& factory)
      : workers_(workers), factory_(factory) {}
  ~Acceptor();

  // Opens the sockets. Call before the workers start.
  absl::Status Listen(const ListenOptions& options);
  // Starts accepting on the first worker. REQUIRES: its thread has not started, or this is it.
  void Start();
  void Stop();  // Closes the sockets. REQUIRES: the first worker has stopped.

  uint64_t accepted() const { return accepted_.get(); }
  uint64_t rejected() const { return rejected_.get(); }

 private:
  struct Socket {
    int fd;
    bool unix_socket;
  };
  absl::Status ListenTcp(const std::string& address, bool optional);
  absl::Status ListenUnix();
  void AcceptFrom(const Socket& socket);
  void Hand(int fd, std::string address, std::string local_address, bool unix_socket);

  std::vector<std::unique_ptr<Worker>>& workers_;
  HandlerFactory& factory_;
  ListenOptions options_;
  std::vector<Socket> sockets_;
  Counter accepted_;
  Counter rejected_;
};

}  // namespace henge::net
