// SPDX-License-Identifier: Apache-2.0
#include "server/replication/follower_feed.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/strings.h"
#include "server/node.h"

namespace henge::server {
namespace {

constexpr auto kPatience = std::chrono::milliseconds(1000);  // Between signs of life.
constexpr size_t kPiece = 256 * 1024;
constexpr uint64_t kMostRead = 1 << 20;
constexpr size_t kMarkBytes = 40;

absl::Status Stopped() { return absl::CancelledError("the connection is closed"); }

}  // namespace

FollowerFeed::FollowerFeed(Node& node, ClientId id, int fd, const commands::FollowerTraits& traits,
                           std::string address, bool plain)
    : node_(node),
      id_(id),
      fd_(fd),
      traits_(traits),
      address_(std::move(address)),
      plain_(plain),
      wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      heard_at_(SystemClock().NowMillis()) {}

FollowerFeed::~FollowerFeed() {
  Stop();
  if (thread_.joinable()) thread_.join();
  reader_.reset();
  close(fd_);
  close(wake_fd_);
}

void FollowerFeed::StartPartial(std::string greeting,
                                std::unique_ptr<persistence::JournalReader> reader) {
  reader_ = std::move(reader);
  thread_ = std::thread([this, greeting = std::move(greeting)] { Run(greeting); });
}

void FollowerFeed::StartFull() {
  thread_ = std::thread([this] { Run({}); });
}

void FollowerFeed::Stop() {
  stop_.store(true);
  Wake();
}

void FollowerFeed::Break() { shutdown(fd_, SHUT_RDWR); }

void FollowerFeed::Wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(wake_fd_, &one, sizeof one);
}

void FollowerFeed::Sleep(int64_t ms) {
  pollfd waiting{wake_fd_, POLLIN, 0};
  if (poll(&waiting, 1, static_cast<int>(ms)) > 0) {
    uint64_t count;
    [[maybe_unused]] const ssize_t n = read(wake_fd_, &count, sizeof count);
  }
}

void FollowerFeed::Acknowledge(int64_t offset, int64_t durable_offset, UnixMillis now) {
  acknowledged_.store(std::max(offset, acknowledged()), std::memory_order_relaxed);
  if (durable_offset > acknowledged_durable()) {
    durable_.store(durable_offset, std::memory_order_relaxed);
  }
  heard_at_.store(now, std::memory_order_relaxed);
  if (!heard_.exchange(true)) Wake();  // It may wait for this.
}

std::unique_ptr<persistence::JournalReader> FollowerFeed::AttachReader(Lsn from) {
  const uint64_t limit = node_.limits().replica_output.hard.load(std::memory_order_relaxed);
  return node_.journaling().journal().Attach({.mandatory = false,
                                              .hold_bytes = limit == 0 ? ~uint64_t{0} : limit,
                                              .notify = [this] { Wake(); }},
                                             from);
}

void FollowerFeed::Run(std::string greeting) {
  const ThreadMemory memory;
  absl::Status status = greeting.empty() ? SendEverything() : Send(greeting);
  if (status.ok()) status = FollowJournal();
  source_.reset();
  if (!stop_.load()) {
    LogWarning("Connection with replica lost",
               {{"replica", address_}, {"port", traits_.port}, {"why", Std(status.message())}});
  }
  Break();  // The connection's worker closes it.
  ended_.store(true, std::memory_order_release);
}

// Waits until a snapshot has begun whose journal is still there.
absl::Status FollowerFeed::JoinSource() {
  while (!stop_.load()) {
    source_ = node_.replication().Source(traits_.rdb_version);
    const SyncSource::State state = source_->WaitBeyond(SyncSource::State::kWaiting, kPatience);
    if (state == SyncSource::State::kFailed) return absl::UnavailableError("no snapshot");
    if (state == SyncSource::State::kWaiting) {
      // Who waits long should not take us for dead.
      if (absl::Status status = Send("\n"); !status.ok()) return status;
      continue;
    }
    reader_ = AttachReader(source_->position().lsn);
    if (reader_ != nullptr) return absl::OkStatus();
    node_.replication().DropSource(source_);
  }
  return Stopped();
}

absl::Status FollowerFeed::SendEverything() {
  if (absl::Status status = JoinSource(); !status.ok()) return status;
  const SyncSource::Position& position = source_->position();
  state_.store(State::kSending, std::memory_order_relaxed);
  if (!plain_) {
    const std::string greeting =
        fmt::format("+FULLRESYNC {} {}\r\n", position.history_id, position.offset);
    if (absl::Status status = Send(greeting); !status.ok()) return status;
  }
  if (absl::Status status = SendPayload(*source_); !status.ok()) return status;
  source_.reset();
  LogNotice("Synchronization with replica succeeded",
            {{"replica", address_}, {"port", traits_.port}});
  return traits_.takes_eof && !plain_ ? AwaitFirstAcknowledgement() : absl::OkStatus();
}

absl::Status FollowerFeed::SendPayload(SyncSource& source) {
  const bool marked = traits_.takes_eof && !plain_;
  std::string mark;
  if (marked) {
    mark = RandomHex(kMarkBytes);
    if (absl::Status status = Send(fmt::format("$EOF:{}\r\n", mark)); !status.ok()) return status;
  } else {
    // Its length goes first, so it must be known.
    while (source.WaitBeyond(SyncSource::State::kWriting, kPatience) ==
           SyncSource::State::kWriting) {
      if (absl::Status status = Send("\n"); !status.ok()) return status;
    }
    if (source.state() == SyncSource::State::kFailed) return absl::UnavailableError("no snapshot");
    if (absl::Status status = Send(fmt::format("${}\r\n", source.size())); !status.ok()) {
      return status;
    }
  }
  std::vector<char> piece(kPiece);
  uint64_t sent = 0;
  while (true) {
    if (stop_.load()) return Stopped();
    const SyncSource::State state = source.state();
    if (state == SyncSource::State::kFailed) return absl::UnavailableError("no snapshot");
    const uint64_t there = source.WaitForBytes(sent, kPatience);
    if (there == sent) {
      if (state == SyncSource::State::kWritten) break;
      continue;
    }
    size_t read = 0;
    const size_t room = std::min<uint64_t>(piece.size(), there - sent);
    absl::Status status = source.Read(sent, piece.data(), room, read);
    if (status.ok()) status = Send({piece.data(), read});
    if (!status.ok()) return status;
    sent += read;
  }
  heard_.store(false);
  return Send(mark);
}

// It reads the payload up to the mark; only then may more come.
absl::Status FollowerFeed::AwaitFirstAcknowledgement() {
  while (!heard_.load() && !stop_.load()) Sleep(kPatience.count());
  return stop_.load() ? Stopped() : absl::OkStatus();
}

absl::Status FollowerFeed::FollowJournal() {
  state_.store(State::kOnline, std::memory_order_relaxed);
  while (!stop_.load()) {
    const persistence::JournalBatch& batch = reader_->Read(kMostRead);
    if (batch.lost()) {
      return absl::ResourceExhaustedError(
          "scheduled to be closed ASAP for overcoming of output buffer limits");
    }
    if (batch.empty()) {
      if (reader_->Arm()) Sleep(kPatience.count());
      continue;
    }
    for (const persistence::Slice& slice : batch.slices()) {
      if (absl::Status status = Send(slice.bytes()); !status.ok()) return status;
    }
    reader_->Release(batch.end());
    reader_->DropBatch();
  }
  return Stopped();
}

absl::Status FollowerFeed::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (stop_.load()) return Stopped();
    const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return absl::ErrnoToStatus(errno, "send");
    pollfd waiting[] = {{fd_, POLLOUT, 0}, {wake_fd_, POLLIN, 0}};
    poll(waiting, 2, static_cast<int>(kPatience.count()));
    if ((waiting[1].revents & POLLIN) != 0) {
      uint64_t count;
      [[maybe_unused]] const ssize_t ignored = read(wake_fd_, &count, sizeof count);
    }
  }
  return absl::OkStatus();
}

}  // namespace henge::server
