// SPDX-License-Identifier: Apache-2.0
#include "server/replication/leader_link.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/strings.h"
#include "persistence/rdb/rdb_format.h"
#include "server/node.h"

namespace henge::server {
namespace {

constexpr int64_t kStalledMs = 20;
constexpr int64_t kRetryMs = 1000;
constexpr int64_t kRetryStreamMs = 100;
constexpr int64_t kLoadingMs = 20;
constexpr int64_t kDurableMs = 5;
// For so long Redis's protocol is spoken where streams did not work.
constexpr int64_t kNoStreamMs = 60'000;
constexpr int64_t kAcknowledgeMs = 1000;
constexpr size_t kRead = 64 * 1024;

UnixMillis Now() { return SystemClock().NowMillis(); }

}  // namespace

LeaderLink::LeaderLink(Node& node, uint64_t number, std::string host, int port, const Terms& terms)
    : node_(node),
      number_(number),
      host_(std::move(host)),
      port_(port),
      failover_(terms.failover),
      streams_only_(terms.streams_only) {
  status_.down_since.store(Now());
}

LeaderLink::~LeaderLink() {
  Stop();
  if (thread_.joinable()) thread_.join();
}

void LeaderLink::Start() {
  thread_ = std::thread([this] { Run(); });
}

void LeaderLink::Stop() {
  stop_.store(true);
  bell_.Ring();
  const std::lock_guard lock(mu_);
  if (stream_ != nullptr) stream_->Cancel();
}

void LeaderLink::Break() {
  broken_.store(true);
  bell_.Ring();
  const std::lock_guard lock(mu_);
  if (stream_ != nullptr) stream_->Cancel();
}

void LeaderLink::Run() {
  const ThreadMemory memory;
  while (!stop_.load() && node_.loader().loading()) bell_.Wait(kLoadingMs);
  while (!stop_.load()) {
    while (node_.IsStalled() && !stop_.load()) bell_.Wait(kStalledMs);
    const absl::Status status = Follow();
    if (failover_ && absl::IsPermissionDenied(status)) {
      node_.replication().failover().OnRefused(Std(status.message()));
    }
    CloseSocket();
    const bool was_up = up();
    sends_ack_ = false;
    status_.state.store(LinkStatus::State::kConnect);
    if (was_up) status_.down_since.store(Now());
    if (stop_.load()) break;
    // A member of a cluster asks ten times a second.
    const std::string why(Std(status.message()));
    if (was_up || !streams_only_ || why != last_why_) {
      LogWarning(was_up ? "Connection with master lost" : "Can't follow the master",
                 {{"master", host_}, {"port", port_}, {"why", why}});
    }
    last_why_ = why;
    bell_.Wait(streams_only_ ? kRetryStreamMs : kRetryMs);
  }
  ended_.store(true, std::memory_order_release);
}

void LeaderLink::CloseSocket() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  file_.reset();
  receiving_.reset();
}

absl::Status LeaderLink::Follow() {
  if (last_why_.empty() || !streams_only_) {
    LogNotice("Connecting to MASTER", {{"host", host_}, {"port", port_}});
  }
  status_.state.store(LinkStatus::State::kConnecting);
  if (broken_.exchange(false)) bell_.Wait(0);  // Heard.
  if (stop_.load()) return absl::CancelledError("it is not followed any more");
  if (absl::Status status = Connect(); !status.ok()) return status;
  status_.state.store(LinkStatus::State::kHandshake);
  const Settings& settings = node_.parameters();
  replication::FollowerIntroduction me;
  me.user = settings.masteruser.load();
  me.password = settings.masterauth.load();
  const auto announced = static_cast<int>(settings.replica_announce_port.load());
  me.port = announced != 0 ? announced : node_.options().listen.port;
  me.address = settings.replica_announce_ip.load();
  me.stream_only = streams_only_;
  me.wants_stream =
      streams_only_ || (settings.repl_grpc.load() && Now() >= no_stream_until_ && !failover_);
  me.failover = failover_;
  node_.replication().Introduce(me);
  history_id_ = me.history_id;
  protocol_ = std::make_unique<replication::FollowerProtocol>(std::move(me));
  intake_ = std::make_unique<UnitIntake>(node_, number_);
  status_.streams.store(false);
  status_.payload_bytes.store(0);
  status_.payload_total.store(-1);
  status_.last_heard.store(Now());
  const absl::Status status = Exchange();
  if (protocol_->phase() != replication::FollowerProtocol::Phase::kInvited) return status;
  CloseSocket();
  return FollowStream(protocol_->invitation());
}

absl::Status LeaderLink::FollowStream(const replication::FollowerProtocol::Invitation& invitation) {
  replication::FollowerIntroduction me;
  node_.replication().Introduce(me);
  const auto [group, node] = node_.replication().names();
  const Settings& settings = node_.parameters();
  const auto announced = static_cast<int>(settings.replica_announce_port.load());
  status_.streams.store(true);
  StreamLink stream(node_, number_, host_, invitation.port,
                    {.token = invitation.token,
                     .group = group,
                     .epoch = node_.replication().epochs().newest,
                     .history_id = me.history_id,
                     .next_offset = me.next_offset,
                     .earlier = me.earlier,
                     .rdb_version = persistence::kRdbNewestVersion,
                     .port = announced != 0 ? announced : node_.options().listen.port,
                     .address = settings.replica_announce_ip.load(),
                     .node = node},
                    status_);
  {
    const std::lock_guard lock(mu_);
    if (stop_.load()) return absl::CancelledError("it is not followed any more");
    stream_ = &stream;
  }
  const absl::Status status = stream.Run();
  {
    const std::lock_guard lock(mu_);
    stream_ = nullptr;
  }
  if (!stream.answered() && !stop_.load()) no_stream_until_ = Now() + kNoStreamMs;
  return status;
}

void LeaderLink::CheckTimeout(UnixMillis now) {
  const int64_t timeout_ms = node_.parameters().repl_timeout.load() * 1000;
  const std::lock_guard lock(mu_);
  if (stream_ != nullptr) stream_->CheckTimeout(now, timeout_ms);
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
      pollfd waiting[] = {{fd_, POLLOUT, 0}, {bell_.fd(), POLLIN, 0}};
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
  acknowledged_at_ = 0;
  durable_wanted_ = -1;
  while (!stop_.load() && protocol_->phase() != replication::FollowerProtocol::Phase::kInvited) {
    if (absl::Status status = Send(protocol_->TakeOutput()); !status.ok()) return status;
    const UnixMillis now = Now();
    const int64_t wait_ms = UntilAcknowledgement(now);
    if (wait_ms == 0) SendAcknowledgement();
    if (now - status_.last_heard.load() > node_.parameters().repl_timeout.load() * 1000) {
      return TimedOut();
    }
    pollfd waiting[] = {{fd_, POLLIN, 0}, {bell_.fd(), POLLIN, 0}};
    if (poll(waiting, 2, static_cast<int>(wait_ms == 0 ? kDurableMs : wait_ms)) <= 0) continue;
    if (broken_.load()) return absl::CancelledError("the link was killed");
    if (waiting[0].revents == 0) continue;
    const ssize_t n = recv(fd_, buffer.data(), buffer.size(), 0);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return absl::ErrnoToStatus(errno, "recv");
    if (n == 0) return absl::UnavailableError("it closed the connection");
    status_.last_heard.store(Now());
    node_.replication().CountReceived(static_cast<size_t>(n));
    const absl::Status status = protocol_->Receive({buffer.data(), static_cast<size_t>(n)}, *this);
    if (!status.ok()) return status;
  }
  return absl::CancelledError("it is not followed any more");
}

absl::Status LeaderLink::TimedOut() const {
  switch (status_.state.load()) {
    case LinkStatus::State::kConnected:
      return absl::DeadlineExceededError("MASTER timeout: no data nor PING received...");
    case LinkStatus::State::kSync:
      return absl::DeadlineExceededError(
          "Timeout receiving bulk data from MASTER... If the problem persists try to set the "
          "'repl-timeout' parameter to a larger value.");
    default:
      return absl::DeadlineExceededError("Timeout connecting to the MASTER...");
  }
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
    pollfd waiting[] = {{fd_, POLLOUT, 0}, {bell_.fd(), POLLIN, 0}};
    poll(waiting, 2, static_cast<int>(kAcknowledgeMs));
    if (stop_.load()) return absl::CancelledError("it is not followed any more");
  }
  return absl::OkStatus();
}

int64_t LeaderLink::UntilAcknowledgement(UnixMillis now) const {
  if (!sends_ack_) return kAcknowledgeMs;
  if (acknowledge_now_) return 0;
  const int64_t left_ms = std::max<int64_t>(0, acknowledged_at_ + kAcknowledgeMs - now);
  if (durable_wanted_ < 0) return left_ms;
  if (node_.replication().AppliedOffsets().second >= durable_wanted_) return 0;
  return std::min(left_ms, kDurableMs);
}

void LeaderLink::SendAcknowledgement() {
  const auto [offset, durable] = node_.replication().AppliedOffsets();
  if (acknowledge_now_ && durable >= 0 && durable < offset) durable_wanted_ = offset;
  if (durable >= durable_wanted_) durable_wanted_ = -1;
  acknowledged_at_ = Now();
  acknowledge_now_ = false;
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
  status_.state.store(LinkStatus::State::kSync);
  LogNotice("Full resync from master", {{"history", history_id}, {"offset", offset}});
  receiving_.reset();
  receiving_ = std::make_unique<Receiving>(node_, history_id);
  file_ = std::make_unique<TemporaryFile>("temp-payload");
  return file_->Open();
}

absl::Status LeaderLink::OnPayload(std::string_view bytes, int64_t total) {
  status_.payload_total.store(total);
  status_.payload_bytes.fetch_add(static_cast<int64_t>(bytes.size()));
  return file_->Append(bytes);
}

absl::Status LeaderLink::OnPayloadEnd() {
  LogNotice("MASTER <-> REPLICA sync: Loading DB in memory",
            {{"bytes", status_.payload_bytes.load()}});
  absl::Status status = node_.replication().Load(number_, file_->path(), history_id_, offset_);
  file_.reset();
  receiving_.reset();
  if (!status.ok()) {
    LogWarning("Failed trying to load the MASTER synchronization DB from disk",
               {{"error", Std(status.message())}});
    return status;
  }
  LogNotice("MASTER <-> REPLICA sync: Finished with success", {{"offset", offset_}});
  GoUp();
  return absl::OkStatus();
}

void LeaderLink::GoUp() {
  sends_ack_ = acknowledge_now_ = true;
  status_.last_heard.store(Now());
  status_.state.store(LinkStatus::State::kConnected);
  if (std::exchange(failover_, false)) node_.replication().failover().OnAccepted();
}

absl::Status LeaderLink::OnContinue(std::string_view history_id) {
  if (!node_.replication().Continue(number_, history_id)) {
    return absl::CancelledError("it is not followed any more");
  }
  LogNotice("MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.",
            {{"history", history_id}});
  GoUp();
  return absl::OkStatus();
}

absl::Status LeaderLink::OnStream(std::string_view bytes) {
  const absl::Status status = intake_->Take(bytes);
  acknowledge_now_ = intake_->TakeRequest() || acknowledge_now_;
  return status;
}

}  // namespace henge::server
