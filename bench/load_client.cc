// SPDX-License-Identifier: Apache-2.0
// A client that costs next to nothing, so that one core of it keeps one core of any server busy:
//
//   load_client PORT set|get|incr PIPELINE VALUE_BYTES KEYS CONNECTIONS REQUESTS
//
// Prints requests per second. Keys are random ones of `key:` (for INCR `counter:`) and twelve
// digits, as redis-benchmark's are, and must exist. Requests are encoded once, and again only in
// their digits; of replies only the size is looked at, or how many lines there are.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/numbers.h"
#include "base/random.h"

namespace {

struct Load {
  std::string command;
  size_t pipeline;
  size_t value_bytes;
  uint64_t keys;
};

[[noreturn]] void Fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::string Bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

class Connection {
 public:
  Connection(uint16_t port, const Load& load, uint64_t seed) : load_(load), random_(seed) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0 || connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      Fail("connect");
    }
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    Encode();
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return fd_; }

  void SendBatch() {
    for (const size_t at : digits_) {
      uint64_t number = random_.Below(load_.keys);
      for (size_t i = kDigits; i-- > 0; number /= 10) {
        requests_[at + i] = static_cast<char>('0' + number % 10);
      }
    }
    for (std::string_view rest = requests_; !rest.empty();) {
      const ssize_t n = send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (n <= 0) Fail("send");
      rest.remove_prefix(static_cast<size_t>(n));
    }
    awaited_ = expected_;
  }

  // Whether all replies of the batch have come now.
  bool Receive() {
    char buffer[256 * 1024];
    const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
    if (n <= 0) Fail("recv");
    if (buffer[0] == '-') Fail(std::string(buffer, static_cast<size_t>(n)).c_str());
    const auto got = counts_lines_ ? static_cast<size_t>(std::count(buffer, buffer + n, '\n'))
                                   : static_cast<size_t>(n);
    awaited_ -= std::min(awaited_, got);
    return awaited_ == 0;
  }

 private:
  static constexpr size_t kDigits = 12;

  void Encode() {
    const bool has_value = load_.command == "set";
    const std::string prefix = load_.command == "incr" ? "counter:" : "key:";
    for (size_t i = 0; i < load_.pipeline; ++i) {
      requests_ += (has_value ? "*3\r\n" : "*2\r\n") + Bulk(load_.command);
      requests_ += Bulk(prefix + std::string(kDigits, '0'));
      digits_.push_back(requests_.size() - 2 - kDigits);
      if (has_value) requests_ += Bulk(std::string(load_.value_bytes, 'x'));
    }
    counts_lines_ = load_.command == "incr";
    size_t reply = 1;  // A line.
    if (load_.command == "set") reply = std::string_view("+OK\r\n").size();
    if (load_.command == "get") reply = Bulk(std::string(load_.value_bytes, 'x')).size();
    expected_ = reply * load_.pipeline;
  }

  const Load& load_;
  henge::Random random_;
  int fd_;
  std::string requests_;
  std::vector<size_t> digits_;  // Where each key's digits are in them.
  bool counts_lines_ = false;
  size_t expected_ = 0;  // Bytes, or lines.
  size_t awaited_ = 0;
};

// Requests per second.
double Run(std::vector<Connection*>& connections, size_t pipeline, uint64_t requests) {
  const int poller = epoll_create1(EPOLL_CLOEXEC);
  for (Connection* connection : connections) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = connection;
    if (epoll_ctl(poller, EPOLL_CTL_ADD, connection->fd(), &event) != 0) Fail("epoll_ctl");
  }
  const auto begin = std::chrono::steady_clock::now();
  uint64_t sent = 0;
  uint64_t answered = 0;
  for (Connection* connection : connections) {
    connection->SendBatch();
    sent += pipeline;
  }
  while (answered < sent) {
    epoll_event events[64];
    const int n = epoll_wait(poller, events, 64, -1);
    for (int i = 0; i < n; ++i) {
      auto* connection = static_cast<Connection*>(events[i].data.ptr);
      if (!connection->Receive()) continue;
      answered += pipeline;
      if (sent >= requests) continue;
      connection->SendBatch();
      sent += pipeline;
    }
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  close(poller);
  return static_cast<double>(answered) / seconds.count();
}

uint64_t Number(const char* text) {
  const auto number = henge::ParseUint64(text);
  if (!number) Fail(text);
  return *number;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) {
    std::fputs("load_client PORT set|get|incr PIPELINE VALUE_BYTES KEYS CONNECTIONS REQUESTS\n",
               stderr);
    return 2;
  }
  const Load load{argv[2], Number(argv[3]), Number(argv[4]), Number(argv[5])};
  std::vector<Connection*> connections;
  for (uint64_t i = 0; i < Number(argv[6]); ++i) {
    connections.push_back(new Connection(static_cast<uint16_t>(Number(argv[1])), load, i + 1));
  }
  std::printf("%.0f\n", Run(connections, load.pipeline, Number(argv[7])));
  for (Connection* connection : connections) delete connection;
  return 0;
}
