// SPDX-License-Identifier: Apache-2.0
// For tests that must know a port before anybody listens there. Any thread.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <mutex>
#include <set>

#include "base/random.h"

namespace henge::cluster {

// Below those that the kernel gives to outgoing connections, which would take a port while its node
// is restarted; between those of the system tests' servers and of their buses.
inline constexpr uint16_t kFirstFreePort = 22'100, kFreePorts = 2'800;

// On loopback nobody listens there.
inline bool IsFree(uint16_t port) {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int reuse = 1;  // As servers do.
  setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
  const bool free = bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(probe);
  return free;
}

// The first of so many in a row; each is given once.
inline uint16_t FreePort(uint16_t in_a_row = 1) {
  static std::mutex mutex;
  static std::set<uint16_t> given;
  const std::lock_guard lock(mutex);
  while (true) {
    const auto port = static_cast<uint16_t>(kFirstFreePort + ThreadRandom().Below(kFreePorts));
    std::set<uint16_t> row;
    for (uint16_t next = port; next < port + in_a_row; ++next) {
      if (!given.contains(next) && IsFree(next)) row.insert(next);
    }
    if (row.size() < in_a_row) continue;
    given.merge(row);
    return port;
  }
}

}  // namespace henge::cluster
