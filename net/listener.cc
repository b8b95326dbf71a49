// SPDX-License-Identifier: Apache-2.0
#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"

namespace henge::net {
namespace {

constexpr int kAcceptsPerRound = 1000;
constexpr int64_t kRestMs = 100;

std::string ErrnoText() { return strerror(errno); }

std::string AddressText(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  int port = 0;
  if (address.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text));
    port = ntohs(in.sin_port);
    return std::string(text) + ":" + std::to_string(port);
  }
  if (address.ss_family == AF_INET6) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof(text));
    port = ntohs(in.sin6_port);
    return "[" + std::string(text) + "]:" + std::to_string(port);
  }
  return "?:0";
}

// A listener's options are those of the sockets accepted from it, which saves as many system calls
// for each.
void SetKeepalive(int listener, int seconds) {
  const int on = seconds > 0 ? 1 : 0;
  setsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  if (seconds <= 0) return;
  setsockopt(listener, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
  const int interval = std::max(1, seconds / 3);
  setsockopt(listener, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
  const int probes = 3;
  setsockopt(listener, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

}  // namespace

Acceptor::~Acceptor() { Stop(); }

void Acceptor::Stop() {
  for (const Socket& socket : sockets_) close(socket.fd);
  if (!sockets_.empty() && !options_.unix_path.empty()) unlink(options_.unix_path.c_str());
  sockets_.clear();
}

absl::Status Acceptor::Listen(const ListenOptions& options) {
  options_ = options;
  if (absl::Status status = OpenAll(options.bind, options.port, sockets_); !status.ok()) {
    return status;
  }
  return options.unix_path.empty() ? absl::OkStatus() : ListenUnix();
}

absl::Status Acceptor::OpenAll(const std::vector<std::string>& bind, int port,
                               std::vector<Socket>& sockets) const {
  if (port == 0 || bind.empty()) return absl::OkStatus();
  for (std::string address : bind) {
    const bool optional = !address.empty() && address[0] == '-';
    if (optional) address.erase(0, 1);
    const auto open = std::find_if(sockets_.begin(), sockets_.end(), [&](const Socket& socket) {
      return !socket.unix_socket && socket.address == address && socket.port == port;
    });
    if (open != sockets_.end()) {
      sockets.push_back(*open);
    } else if (absl::Status status = OpenTcp(address, port, optional, sockets); !status.ok()) {
      return status;
    }
  }
  if (!sockets.empty()) return absl::OkStatus();
  return absl::UnavailableError("no address could be bound on port " + std::to_string(port));
}

absl::Status Acceptor::Relisten(const std::vector<std::string>& bind, int port) {
  std::vector<Socket> next;
  const absl::Status status = OpenAll(bind, port, next);
  const auto holds = [](const std::vector<Socket>& sockets, int fd) {
    return std::any_of(sockets.begin(), sockets.end(),
                       [fd](const Socket& socket) { return socket.fd == fd; });
  };
  if (!status.ok()) {
    for (const Socket& socket : next) {
      if (!holds(sockets_, socket.fd)) close(socket.fd);
    }
    return status;
  }
  Worker* worker = workers_[0].get();
  for (const Socket& socket : sockets_) {
    if (socket.unix_socket) {
      next.push_back(socket);
    } else if (!holds(next, socket.fd)) {
      shutdown(socket.fd, SHUT_RDWR);  // Refuses from now on; closed where nobody accepts from it.
      worker->Post([worker, fd = socket.fd] {
        worker->Unwatch(fd);
        close(fd);
      });
    }
  }
  for (const Socket& socket : next) {
    if (holds(sockets_, socket.fd)) continue;
    worker->Post([this, worker, fd = socket.fd] {
      worker->WatchReadable(fd, [this, fd] { AcceptFrom(fd, false); });
    });
  }
  sockets_ = std::move(next);
  return absl::OkStatus();
}

void Acceptor::SetKeepaliveSeconds(int seconds) {
  options_.keepalive_seconds = seconds;
  for (const Socket& socket : sockets_) {
    if (!socket.unix_socket) SetKeepalive(socket.fd, seconds);
  }
}

absl::Status Acceptor::OpenTcp(const std::string& address, int port, bool optional,
                               std::vector<Socket>& sockets) const {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  hints.ai_family = address.find(':') != std::string::npos || address == "::*" ? AF_INET6 : AF_INET;
  const char* host = address == "*" || address == "::*" ? nullptr : address.c_str();
  addrinfo* found = nullptr;
  const int rc = getaddrinfo(host, std::to_string(port).c_str(), &hints, &found);
  if (rc != 0) {
    if (optional) return absl::OkStatus();
    return absl::InvalidArgumentError("bind " + address + ": " + gai_strerror(rc));
  }
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0;
  if (ok && found->ai_family == AF_INET6) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  }
  if (ok) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    SetKeepalive(fd, options_.keepalive_seconds);
  }
  ok = ok && bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, options_.backlog) == 0;
  const int error = errno;
  freeaddrinfo(found);
  if (ok) {
    sockets.push_back({fd, false, address, port});
    return absl::OkStatus();
  }
  if (fd >= 0) close(fd);
  const bool absent = error == EADDRNOTAVAIL || error == EAFNOSUPPORT || error == EPROTONOSUPPORT;
  if (optional && absent) return absl::OkStatus();
  errno = error;
  return absl::UnavailableError("could not listen on " + address + ":" + std::to_string(port) +
                                ": " + ErrnoText());
}

absl::Status Acceptor::ListenUnix() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (options_.unix_path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError("unixsocket: the path is too long");
  }
  memcpy(address.sun_path, options_.unix_path.data(), options_.unix_path.size());
  unlink(options_.unix_path.c_str());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(fd, options_.backlog) != 0) {
    const std::string error = ErrnoText();
    if (fd >= 0) close(fd);
    return absl::UnavailableError("could not listen on " + options_.unix_path + ": " + error);
  }
  if (options_.unix_permissions != 0) {
    chmod(options_.unix_path.c_str(), static_cast<mode_t>(options_.unix_permissions));
  }
  sockets_.push_back({fd, true, options_.unix_path, 0});
  return absl::OkStatus();
}

void Acceptor::Start() {
  for (const Socket& socket : sockets_) {
    workers_[0]->WatchReadable(socket.fd, [this, fd = socket.fd, is_unix = socket.unix_socket] {
      AcceptFrom(fd, is_unix);
    });
  }
}

void Acceptor::AcceptFrom(int listener, bool unix_socket) {
  for (int i = 0; i < kAcceptsPerRound; ++i) {
    sockaddr_storage remote{};
    socklen_t size = sizeof(remote);
    const int fd = accept4(listener, reinterpret_cast<sockaddr*>(&remote), &size,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == ECONNABORTED || errno == EINTR) continue;
      if (errno == EAGAIN) return;
      // Out of descriptors or memory; meanwhile the listener would be readable all the time.
      LogWarning("Could not accept a connection", {{"error", ErrnoText()}});
      return workers_[0]->PauseWatch(listener, kRestMs);
    }
    if (unix_socket) {
      Hand(fd, options_.unix_path + ":0", options_.unix_path + ":0", true);
      continue;
    }
    sockaddr_storage local{};
    size = sizeof(local);
    getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size);
    Hand(fd, AddressText(remote), AddressText(local), false);
  }
}

void Acceptor::Hand(int fd, std::string address, std::string local_address, bool unix_socket) {
  size_t open = 0;
  Worker* least = workers_[0].get();
  for (const auto& worker : workers_) {
    open += worker->connections();
    if (worker->connections() < least->connections()) least = worker.get();
  }
  if (const auto refusal = factory_.Admit(address, unix_socket, open)) {
    [[maybe_unused]] const ssize_t n = write(fd, refusal->data(), refusal->size());
    close(fd);
    rejected_.Add();
    return;
  }
  accepted_.Add();
  least->Adopt(fd, std::move(address), std::move(local_address), unix_socket);
}

}  // namespace henge::net
