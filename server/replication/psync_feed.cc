// SPDX-License-Identifier: Apache-2.0
#include "server/replication/psync_feed.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/strings.h"
#include "persistence/rdb/file_writer.h"
#include "persistence/snapshot/snapshot.h"
#include "server/node.h"

namespace henge::server {
namespace {

constexpr auto kPatience = std::chrono::milliseconds(1000);
constexpr size_t kMarkBytes = 40;

}  // namespace

PsyncFeed::PsyncFeed(Node& node, ClientId id, int fd, const commands::FollowerTraits& traits,
                     std::string address, bool plain)
    : FollowerFeed(node, id, traits, std::move(address)),
      fd_(fd),
      plain_(plain),
      marks_end_(traits.takes_eof && !plain && node.parameters().repl_diskless_sync.load()) {}

PsyncFeed::~PsyncFeed() {
  Stop();
  if (thread_.joinable()) thread_.join();
  close(fd_);
}

void PsyncFeed::StartPartial(std::string greeting) {
  thread_ = std::thread([this, greeting = std::move(greeting)] { Run(greeting); });
}

void PsyncFeed::StartFull() {
  thread_ = std::thread([this] { Run({}); });
}

void PsyncFeed::Break() { shutdown(fd_, SHUT_RDWR); }

void PsyncFeed::Acknowledge(int64_t offset, int64_t durable_offset, UnixMillis now) {
  FollowerFeed::Acknowledge(offset, durable_offset, now);
  if (!heard_.exchange(true)) Wake();  // It may wait for this.
}

void PsyncFeed::Run(const std::string& greeting) {
  const ThreadMemory memory;
  absl::Status status = greeting.empty() ? SendEverything() : Send(greeting);
  set_state(State::kOnline);
  if (status.ok()) status = FollowJournal();
  if (!stopping()) {
    LogWarning("Connection with replica lost",
               {{"replica", address()}, {"port", port()}, {"why", Std(status.message())}});
  }
  Break();  // The connection's worker closes it.
  End();
}

absl::Status PsyncFeed::SendEverything() {
  if (!traits_.wants_keys) return SendWithoutKeys();
  const auto source = JoinSource();
  if (!source.ok()) return source.status();
  if (absl::Status status = Greet((*source)->position()); !status.ok()) return status;
  if (absl::Status status = SendPayload(**source); !status.ok()) return status;
  LogNotice("Synchronization with replica succeeded", {{"replica", address()}, {"port", port()}});
  return marks_end_ ? AwaitFirstAcknowledgement() : absl::OkStatus();
}

absl::Status PsyncFeed::Greet(const SyncSource::Position& position) {
  if (plain_) return absl::OkStatus();
  return Send(fmt::format("+FULLRESYNC {} {}\r\n", position.history_id, position.offset));
}

absl::Status PsyncFeed::SendWithoutKeys() {
  persistence::SnapshotOptions options = node_.saver().SnapshotOptions(/*aof_base=*/false);
  options.rdb.version = std::min(options.rdb.version, traits_.rdb_version);
  std::string file;
  persistence::RdbWriter writer(file, options.rdb);
  persistence::WriteHeader(writer);
  for (const auto& [name, value] : options.aux) persistence::WriteAux(writer, name, value);
  SyncSource::Position position;
  {
    store::LockSet locks(node_.store());
    locks.AddAll();
    locks.Lock();
    const auto holder = node_.replication().BeginSync(position);
    TakePlace(position.lsn);  // The holder keeps it.
    if (traits_.wants_functions && options.libraries) {
      for (const std::string& code : options.libraries()) persistence::WriteFunction(writer, code);
    }
  }
  persistence::WriteEnd(writer);
  persistence::FileChecksum checksum;
  checksum.Add(file);
  file += checksum.Trailer(options.checksum);
  if (absl::Status status = Greet(position); !status.ok()) return status;
  set_state(State::kSending);
  if (absl::Status status = Send(fmt::format("${}\r\n", file.size())); !status.ok()) return status;
  return Send(file);
}

absl::Status PsyncFeed::SayAlive() { return node_.IsStalled() ? absl::OkStatus() : Send("\n"); }

absl::Status PsyncFeed::SendPayload(SyncSource& source) {
  std::string mark;
  if (marks_end_) {
    mark = RandomHex(kMarkBytes);
    if (absl::Status status = Send(fmt::format("$EOF:{}\r\n", mark)); !status.ok()) return status;
  } else {
    // Its length goes first, so it must be known.
    while (source.WaitBeyond(SyncSource::State::kWriting, kPatience) ==
           SyncSource::State::kWriting) {
      if (absl::Status status = SayAlive(); !status.ok()) return status;
    }
    if (source.state() == SyncSource::State::kFailed) return absl::UnavailableError("no snapshot");
    if (absl::Status status = Send(fmt::format("${}\r\n", source.size())); !status.ok()) {
      return status;
    }
  }
  const absl::Status status =
      CopySnapshot(source, [this](std::string_view bytes) { return Send(bytes); });
  if (!status.ok()) return status;
  heard_.store(false);
  return Send(mark);
}

// It reads the payload up to the mark; only then may more come.
absl::Status PsyncFeed::AwaitFirstAcknowledgement() {
  while (!heard_.load() && !stopping()) Sleep(kPatience.count());
  return stopping() ? Stopped() : absl::OkStatus();
}

absl::Status PsyncFeed::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (stopping()) return Stopped();
    const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      node_.replication().CountSent(static_cast<size_t>(n));
      bytes.remove_prefix(static_cast<size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return absl::ErrnoToStatus(errno, "send");
    pollfd waiting[] = {{fd_, POLLOUT, 0}, {bell_->fd(), POLLIN, 0}};
    poll(waiting, 2, static_cast<int>(kPatience.count()));
    if ((waiting[1].revents & POLLIN) != 0) Sleep(0);  // Takes the wake-up.
  }
  return absl::OkStatus();
}

}  // namespace henge::server
