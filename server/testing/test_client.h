// SPDX-License-Identifier: Apache-2.0
// TestClient: a client of a node within the same process, over a socket pair; on the worker that it
// names. What it waits for comes, or the test fails after a minute.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "server/node.h"

namespace henge::server {

class TestClient {
 public:
  explicit TestClient(Node& node, size_t worker = 0) {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    node.workers()[worker]->Adopt(fds[1], "test:0", "test:0", true);
    fd_ = fds[0];
  }
  ~TestClient() { close(fd_); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  // Inline requests, or whole ones.
  void Send(const std::string& bytes) {
    EXPECT_EQ(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // So many bytes.
  std::string Read(size_t size) {
    while (buffer_.size() < size) {
      if (const std::string why = Receive(); !why.empty()) return why;
    }
    const std::string reply = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return reply;
  }
  void Expect(const std::string& reply) { EXPECT_EQ(Read(reply.size()), reply); }

  // So many lines, without their ends.
  std::vector<std::string> ReadLines(size_t lines) {
    std::vector<std::string> found;
    while (found.size() < lines) {
      if (const size_t end = buffer_.find("\r\n"); end != std::string::npos) {
        found.push_back(buffer_.substr(0, end));
        buffer_.erase(0, end + 2);
      } else if (const std::string why = Receive(); !why.empty()) {
        return {why};
      }
    }
    return found;
  }
  std::vector<std::string> Ask(const std::string& request, size_t lines) {
    Send(request);
    return ReadLines(lines);
  }
  // The one line that answers an inline request.
  std::string Ask(const std::string& line) { return Ask(line + "\r\n", 1).front(); }
  // Whether anything has come by now.
  bool HasInput() const {
    pollfd poller{fd_, POLLIN, 0};
    return !buffer_.empty() || poll(&poller, 1, 0) > 0;
  }

 private:
  // Why nothing came; empty: something did.
  std::string Receive() {
    pollfd poller{fd_, POLLIN, 0};
    if (poll(&poller, 1, 60'000) <= 0) return "no reply";
    char bytes[4096];
    const ssize_t n = read(fd_, bytes, sizeof(bytes));
    if (n <= 0) return "closed";
    buffer_.append(bytes, static_cast<size_t>(n));
    return {};
  }

  int fd_ = -1;
  std::string buffer_;
};

}  // namespace henge::server
