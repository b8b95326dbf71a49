// SPDX-License-Identifier: Apache-2.0
#include "server/migrate/target_link.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <memory>

namespace henge::server {
namespace {

constexpr size_t kChunk = 64 * 1024;

absl::Status Broken() { return absl::UnavailableError("the connection broke"); }

}  // namespace

void TargetLink::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  db = -1;
  read_.clear();
}

absl::Status TargetLink::Await(int16_t events, int64_t timeout_ms) {
  pollfd waits[] = {{fd_, events, 0}, {stop_fd_, POLLIN, 0}};
  const int64_t limit = std::min<int64_t>(timeout_ms, INT_MAX);
  const int ready = poll(waits, 2, static_cast<int>(limit));
  if (ready == 0) return absl::DeadlineExceededError("no progress");
  if (ready < 0 && errno == EINTR) return absl::OkStatus();  // The caller tries, and waits again.
  if (ready < 0 || waits[1].revents != 0) return Broken();
  return absl::OkStatus();
}

absl::Status TargetLink::Connect(const void* address, unsigned length, int family,
                                 int64_t timeout_ms) {
  fd_ = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return Broken();
  if (connect(fd_, static_cast<const sockaddr*>(address), length) != 0) {
    if (errno != EINPROGRESS) return Broken();
    if (absl::Status status = Await(POLLOUT, timeout_ms); !status.ok()) return status;
  }
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) return Broken();
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return absl::OkStatus();
}

absl::Status TargetLink::Open(const std::string& host, const std::string& port,
                              int64_t timeout_ms) {
  Close();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) {
    return absl::NotFoundError("no such host");
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, freeaddrinfo);
  absl::Status status = Broken();
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    status = Connect(at->ai_addr, at->ai_addrlen, at->ai_family, timeout_ms);
    if (status.ok()) return status;
    Close();
  }
  return status;
}

absl::Status TargetLink::Write(std::string_view bytes, int64_t timeout_ms) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd_, bytes.data(), std::min(bytes.size(), kChunk), MSG_NOSIGNAL);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
      continue;
    }
    absl::Status status = Broken();
    if (errno == EAGAIN || errno == EINTR) status = Await(POLLOUT, timeout_ms);
    if (status.ok()) continue;
    Close();
    return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> TargetLink::ReadLine(int64_t timeout_ms) {
  size_t searched = 0;
  while (true) {
    if (const size_t end = read_.find('\n', searched); end != std::string::npos) {
      std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      line.resize(std::min(line.size(), kMaxLine));
      return line;
    }
    searched = read_.size();
    absl::Status status = Broken();
    if (searched <= kChunk) {  // Else it is no line at all.
      char buffer[4096];
      const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
      if (n > 0) {
        read_.append(buffer, static_cast<size_t>(n));
        continue;
      }
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) status = Await(POLLIN, timeout_ms);
    }
    if (status.ok()) continue;
    Close();
    return status;
  }
}

}  // namespace henge::server
