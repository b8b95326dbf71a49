// SPDX-License-Identifier: Apache-2.0
// WakeBell: one thread sleeps in poll, any thread wakes it. Shared with whoever may ring late: a
// journal's reader may be told of more while it is being taken away.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace henge::server {

class WakeBell {
 public:
  WakeBell() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~WakeBell() { close(fd_); }
  WakeBell(const WakeBell&) = delete;
  WakeBell& operator=(const WakeBell&) = delete;

  int fd() const { return fd_; }  // To be polled for readability.
  void Ring() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = write(fd_, &one, sizeof one);
  }
  // Until it rings, or for so long; takes the ringing.
  void Wait(int64_t ms) {
    pollfd waiting{fd_, POLLIN, 0};
    if (poll(&waiting, 1, static_cast<int>(ms)) > 0) {
      uint64_t count;
      [[maybe_unused]] const ssize_t n = read(fd_, &count, sizeof count);
    }
  }

 private:
  const int fd_;
};

}  // namespace henge::server
