// SPDX-License-Identifier: Apache-2.0
#include "server/replication/leader_link.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/strings.h"
#include "server/node.h"

namespace henge::server {
namespace {

constexpr int64_t kRetryMs = 1000;
constexpr int64_t kAcknowledgeMs = 1000;
constexpr size_t kRead = 64 * 1024;

UnixMillis Now() { return SystemClock().NowMillis(); }

}  // namespace

LeaderLink::LeaderLink(Node& node, uint64_t number, std::string host, int port)
    : node_(node),
      number_(number),
      host_(std::move(host)),
      port_(port),
      wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  down_since_.store(Now());
}

LeaderLink::~LeaderLink() {
  Stop();
  if (thread_.joinable()) thread_.join();
  close(wake_fd_);
}

void LeaderLink::Start() {
  thread_ = std::thread([this] { Run(); });
}

void LeaderLink::Stop() {
  stop_.store(true);
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(wake_fd_, &one, sizeof one);
}

void LeaderLink::Wait(int64_t ms) {
  pollfd waiting{wake_fd_, POLLIN, 0};
  poll(&waiting, 1, static_cast<int>(ms));
}

void LeaderLink::Run() {
  const ThreadMemory memory;
  while (!stop_.load()) {
    const absl::Status status = Follow();
    CloseSocket();
    const bool was_up = std::exchange(sends_ack_, false);
    state_.store(State::kConnect);
    if (was_up) down_since_.store(Now());
    if (stop_.load()) break;
    LogWarning(was_up ? "Connection with master lost" : "Can't follow the master",
               {{"master", host_}, {"port", port_}, {"why", Std(status.message())}});
    Wait(kRetryMs);
  }
  ended_.store(true, std::memory_order_release);
}

void LeaderLink::CloseSocket() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  if (file_fd_ >= 0) {
    close(std::exchange(file_fd_, -1));
    unlink(file_.c_str());
  }
}

absl::Status LeaderLink::Follow() {
  LogNotice("Connecting to MASTER", {{"host", host_}, {"port", port_}});
  state_.store(State::kConnecting);
  if (absl::Status status = Connect(); !status.ok()) return status;
  state_.store(State::kHandshake);
  const Settings& settings = node_.parameters();
  replication::FollowerIntroduction me;
  me.user = settings.masteruser.load();
  me.password = settings.masterauth.load();
  const auto announced = static_cast<int>(settings.replica_announce_port.load());
  me.port = announced != 0 ? announced : node_.options().listen.port;
  me.address = settings.replica_announce_ip.load();
  node_.replication().Introduce(me);
  history_id_ = me.history_id;
  protocol_ = std::make_unique<replication::FollowerProtocol>(std::move(me));
  units_ = std::make_unique<replication::UnitReader>(settings.proto_max_bulk_len.load());
  payload_bytes_.store(0);
  payload_total_.store(-1);
  last_heard_.store(Now());
  return Exchange();
}

absl::Status LeaderLink::Connect() {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(port_);
  if (const int error = getaddrinfo(host_.c_str(), port.c_str(), &hints, &found); error != 0) {
    return absl::UnavailableError(gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
  absl::Status status = absl::UnavailableError("no address");
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    fd_ = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) continue;
    int error = 0;
    if (connect(fd_, at->ai_addr, at->ai_addrlen) != 0) {
      pollfd waiting[] = {{fd_, POLLOUT, 0}, {wake_fd_, POLLIN, 0}};
      const auto timeout_ms = static_cast<int>(node_.parameters().repl_timeout.load() * 1000);
      socklen_t size = sizeof error;
      if (errno != EINPROGRESS) {
        error = errno;
      } else if (poll(waiting, 2, timeout_ms) <= 0 || waiting[0].revents == 0) {
        error = ETIMEDOUT;
      } else {
        getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
      }
    }
    if (error == 0) {
      const int on = 1;
      setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return absl::OkStatus();
    }
    status = absl::ErrnoToStatus(error, "connect");
    close(std::exchange(fd_, -1));
  }
  return status;
}

absl::Status LeaderLink::Exchange() {
  std::vector<char> buffer(kRead);
  int64_t acknowledged_at = 0;
  while (!stop_.load()) {
    if (absl::Status status = Send(protocol_->TakeOutput()); !status.ok()) return status;
    const UnixMillis now = Now();
    if (sends_ack_ && (acknowledge_now_ || now - acknowledged_at >= kAcknowledgeMs)) {
      SendAcknowledgement();
      acknowledged_at = now;
      acknowledge_now_ = false;
    }
    if (now - last_heard() > node_.parameters().repl_timeout.load() * 1000) {
      return absl::DeadlineExceededError("nothing was heard of it for repl-timeout");
    }
    pollfd waiting[] = {{fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    if (poll(waiting, 2, static_cast<int>(kAcknowledgeMs)) <= 0) continue;
    if (waiting[0].revents == 0) continue;
    const ssize_t n = recv(fd_, buffer.data(), buffer.size(), 0);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return absl::ErrnoToStatus(errno, "recv");
    if (n == 0) return absl::UnavailableError("it closed the connection");
    last_heard_.store(Now());
    const absl::Status status = protocol_->Receive({buffer.data(), static_cast<size_t>(n)}, *this);
    if (!status.ok()) return status;
  }
  return absl::CancelledError("it is not followed any more");
}

absl::Status LeaderLink::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return absl::ErrnoToStatus(errno, "send");
    pollfd waiting[] = {{fd_, POLLOUT, 0}, {wake_fd_, POLLIN, 0}};
    poll(waiting, 2, static_cast<int>(kAcknowledgeMs));
    if (stop_.load()) return absl::CancelledError("it is not followed any more");
  }
  return absl::OkStatus();
}

void LeaderLink::SendAcknowledgement() {
  const auto [offset, durable] = node_.replication().AppliedOffsets();
  const std::string number = std::to_string(offset);
  std::string out;
  if (durable < 0) {
    out = fmt::format("*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n${}\r\n{}\r\n", number.size(), number);
  } else {
    const std::string file = std::to_string(durable);
    out =
        fmt::format("*5\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n${}\r\n{}\r\n$4\r\nFACK\r\n${}\r\n{}\r\n",
                    number.size(), number, file.size(), file);
  }
  Send(out).IgnoreError();  // A broken link is noticed by the next read.
}

absl::Status LeaderLink::OnFullSync(std::string_view history_id, int64_t offset) {
  history_id_ = history_id;
  offset_ = offset;
  state_.store(State::kSync);
  LogNotice("Full resync from master", {{"history", history_id}, {"offset", offset}});
  file_ = fmt::format("temp-{}.{}.rdb", getpid(), Now());
  file_fd_ = open(file_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  return file_fd_ < 0 ? absl::ErrnoToStatus(errno, file_) : absl::OkStatus();
}

absl::Status LeaderLink::OnPayload(std::string_view bytes, int64_t total) {
  payload_total_.store(total);
  payload_bytes_.fetch_add(static_cast<int64_t>(bytes.size()));
  while (!bytes.empty()) {
    const ssize_t n = write(file_fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return absl::ErrnoToStatus(errno, file_);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::Status LeaderLink::OnPayloadEnd() {
  LogNotice("MASTER <-> REPLICA sync: Loading DB in memory", {{"bytes", payload_bytes()}});
  absl::Status status = node_.replication().Load(*this, file_, history_id_, offset_);
  close(std::exchange(file_fd_, -1));
  unlink(file_.c_str());
  if (!status.ok()) {
    LogWarning("Failed trying to load the MASTER synchronization DB from disk",
               {{"error", Std(status.message())}});
    return status;
  }
  LogNotice("MASTER <-> REPLICA sync: Finished with success", {{"offset", offset_}});
  sends_ack_ = acknowledge_now_ = true;
  last_heard_.store(Now());
  state_.store(State::kConnected);
  return absl::OkStatus();
}

absl::Status LeaderLink::OnContinue(std::string_view history_id) {
  if (!node_.replication().Continue(*this, history_id)) {
    return absl::CancelledError("it is not followed any more");
  }
  LogNotice("MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.",
            {{"history", history_id}});
  sends_ack_ = acknowledge_now_ = true;
  state_.store(State::kConnected);
  return absl::OkStatus();
}

absl::Status LeaderLink::OnStream(std::string_view bytes) {
  units_->Add(bytes);
  size_t count = 0;
  while (true) {
    if (batch_.size() == count) batch_.emplace_back();
    const absl::StatusOr<bool> more = units_->Next(batch_[count]);
    if (!more.ok()) return more.status();
    if (!*more) break;
    const replication::StreamUnit& unit = batch_[count++];
    acknowledge_now_ = acknowledge_now_ ||
                       (unit.commands.size() == 1 && EqualsIgnoreCase(unit.words[0], "REPLCONF"));
  }
  return count == 0 ? absl::OkStatus() : ApplyUnits(count);
}

absl::Status LeaderLink::ApplyUnits(size_t count) {
  std::mutex mu;
  std::condition_variable changed;
  bool done = false;
  absl::Status result;
  node_.workers()[0]->Post([&] {
    Dispatcher& dispatcher = *node_.dispatchers()[0];
    for (const replication::StreamUnit& unit : std::span(batch_).first(count)) {
      const UnitApplier::Outcome outcome = dispatcher.applier().Apply(unit, number_);
      if (!outcome.current) {
        result = absl::CancelledError("it is not followed any more");
        break;
      }
      if (!outcome.status.ok()) node_.replication().NoteRefused(outcome.status);
    }
    dispatcher.ServeWaiters();
    const std::lock_guard lock(mu);
    done = true;
    changed.notify_one();
  });
  std::unique_lock lock(mu);
  changed.wait(lock, [&] { return done; });
  return result;
}

}  // namespace henge::server
