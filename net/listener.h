// SPDX-License-Identifier: Apache-2.0
// Listening sockets and the acceptor that spreads connections over the workers: each new one goes
// to the worker with the fewest.
//
// Accepting is the first worker's. Listen, Start and Stop belong to the time before and after the
// workers run; Relisten may be called in between, by one thread at a time.
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

  // Opens the sockets.
  absl::Status Listen(const ListenOptions& options);
  // Other addresses or another port: opens what is new, closes what is gone, keeps the rest and all
  // connections. On an error everything stays as it was. The Unix socket is not touched.
  absl::Status Relisten(const std::vector<std::string>& bind, int port);
  // 0: off. For connections to come; by the thread that may call Relisten.
  void SetKeepaliveSeconds(int seconds);
  // Starts accepting on the first worker. REQUIRES: its thread has not started, or this is it.
  void Start();
  void Stop();  // Closes the sockets. REQUIRES: the first worker has stopped.

  uint64_t accepted() const { return accepted_.get(); }
  uint64_t rejected() const { return rejected_.get(); }

 private:
  struct Socket {
    int fd;
    bool unix_socket;
    std::string address;  // As `bind` names it, without the dash.
    int port;
  };
  absl::Status OpenAll(const std::vector<std::string>& bind, int port,
                       std::vector<Socket>& sockets) const;
  absl::Status OpenTcp(const std::string& address, int port, bool optional,
                       std::vector<Socket>& sockets) const;
  absl::Status ListenUnix();
  void AcceptFrom(int listener, bool unix_socket);
  void Hand(int fd, std::string address, std::string local_address, bool unix_socket);

  std::vector<std::unique_ptr<Worker>>& workers_;
  HandlerFactory& factory_;
  ListenOptions options_;
  std::vector<Socket> sockets_;
  Counter accepted_;
  Counter rejected_;
};

}  // namespace henge::net
