// SPDX-License-Identifier: Apache-2.0
// For tests with threads and sockets of loopback: free ports, waiting for a condition, and for an
// answer. Any thread.
#pragma once

#include <absl/status/status.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "cluster/testing/free_port.h"

namespace henge::cluster {

// At the port; -1 if it is in use.
inline int ListeningSocket(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const int reuse = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
      listen(fd, 64) == 0) {
    return fd;
  }
  close(fd);
  return -1;
}

inline bool Eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 3000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class Outcome {
 public:
  std::function<void(const absl::Status&)> told() {
    return [state = state_](const absl::Status& status) {
      const std::lock_guard lock(state->mutex);
      state->status = status;
      state->told.notify_all();
    };
  }
  absl::Status Await() {
    std::unique_lock lock(state_->mutex);
    state_->told.wait(lock, [this] { return state_->status.has_value(); });
    return *state_->status;
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable told;
    std::optional<absl::Status> status;  // Guarded by mutex.
  };
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace henge::cluster
