// SPDX-License-Identifier: Apache-2.0
// A client that costs next to nothing, so that one core of it keeps one core of any server busy:
//
//   load_client PORT PIPELINE RANGE CONNECTIONS REQUESTS WORD…
//
// Sends one command, whose words are given, and prints requests per second. `{r}` in a word becomes
// twelve digits of a random number below RANGE, as redis-benchmark's __rand_int__. Requests are
// encoded once, and again only in their digits; of replies only the extent is looked at. An error
// ends the run.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

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
  std::vector<std::string> words;
  size_t pipeline;
  uint64_t range;
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
      uint64_t number = random_.Below(load_.range);
      for (size_t i = kDigits; i-- > 0; number /= 10) {
        requests_[at + i] = static_cast<char>('0' + number % 10);
      }
    }
    for (std::string_view rest = requests_; !rest.empty();) {
      const ssize_t n = send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (n <= 0) Fail("send");
      rest.remove_prefix(static_cast<size_t>(n));
    }
    awaited_ = load_.pipeline;
  }

  // Whether all replies of the batch have come now.
  bool Receive() {
    if (buffer_.size() < filled_ + kRead) buffer_.resize(filled_ + kRead);
    const ssize_t n = recv(fd_, buffer_.data() + filled_, kRead, 0);
    if (n <= 0) Fail("recv");
    filled_ += static_cast<size_t>(n);
    size_t at = 0;
    while (awaited_ > 0 && SkipReply(at)) --awaited_;
    filled_ -= at;
    std::memmove(buffer_.data(), buffer_.data() + at, filled_);
    return awaited_ == 0;
  }

 private:
  static constexpr size_t kDigits = 12;
  static constexpr size_t kRead = 256 * 1024;
  static constexpr std::string_view kRandom = "{r}";

  // Moves `at` behind the reply there; false if not all of it has come. What was passed of a reply
  // of many parts is remembered.
  bool SkipReply(size_t& at) {
    const std::string_view unread(buffer_.data(), filled_);
    if (parts_ == 0) parts_ = 1;
    while (parts_ > 0) {
      const size_t end = unread.find('\n', at);
      if (end == std::string::npos) return false;
      const char kind = unread[at];
      size_t next = end + 1;
      int64_t parts = 0;
      if (kind == '-') Fail(std::string(unread.substr(at, end - at)).c_str());
      if (kind == '$' || kind == '*') {
        const auto count = henge::ParseInt64(unread.substr(at + 1, end - at - 2));
        if (!count) Fail("a reply without a size");
        if (kind == '$' && *count >= 0) next += static_cast<size_t>(*count) + 2;
        if (kind == '*' && *count > 0) parts = *count;
      }
      if (next > filled_) return false;
      at = next;
      parts_ += parts - 1;
    }
    return true;
  }

  void Encode() {
    for (size_t i = 0; i < load_.pipeline; ++i) {
      requests_ += "*" + std::to_string(load_.words.size()) + "\r\n";
      for (std::string word : load_.words) {
        const size_t random = word.find(kRandom);
        if (random != std::string::npos) {
          word.replace(random, kRandom.size(), kDigits, '0');
          const size_t header = Bulk(word).size() - word.size() - 2;
          digits_.push_back(requests_.size() + header + random);
        }
        requests_ += Bulk(word);
      }
    }
  }

  const Load& load_;
  henge::Random random_;
  int fd_;
  std::string requests_;
  std::vector<size_t> digits_;  // Where random numbers are in them.
  std::string buffer_;  // Its first `filled_` bytes are replies not looked at yet.
  size_t filled_ = 0;
  int64_t parts_ = 0;  // Of the reply at the front, still to come.
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
  if (argc < 7) {
    std::fputs("load_client PORT PIPELINE RANGE CONNECTIONS REQUESTS WORD...\n", stderr);
    return 2;
  }
  const Load load{{argv + 6, argv + argc}, Number(argv[2]), Number(argv[3])};
  std::vector<Connection*> connections;
  for (uint64_t i = 0; i < Number(argv[4]); ++i) {
    connections.push_back(new Connection(static_cast<uint16_t>(Number(argv[1])), load, i + 1));
  }
  std::printf("%.0f\n", Run(connections, load.pipeline, Number(argv[5])));
  for (Connection* connection : connections) delete connection;
  return 0;
}
