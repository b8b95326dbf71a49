// SPDX-License-Identifier: Apache-2.0
#include "server/replication/stream_link.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "base/background.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/strings.h"
#include "server/node.h"
#include "server/replication/temporary_file.h"

namespace henge::server {

using replication::StreamFull;
using replication::StreamPartial;
using replication::StreamRecords;

namespace {

constexpr auto kAcknowledgePeriod = std::chrono::milliseconds(1000);
// What the disk has is looked for more often, while it lacks something.
constexpr auto kDurablePeriod = std::chrono::milliseconds(5);
constexpr int kQuietPeriods = kAcknowledgePeriod / kDurablePeriod;
constexpr int64_t kBetweenMicros = 100;  // As for records: FollowerFeed.
constexpr size_t kPiece = 256 * 1024;

}  // namespace

StreamLink::StreamLink(Node& node, uint64_t link, std::string host, int port, LinkStatus& status)
    : node_(node), link_(link), status_(status), client_(host, port), intake_(node, link) {}

StreamLink::~StreamLink() {
  if (spool_fd_ >= 0) close(spool_fd_);
}

void StreamLink::Cancel() { client_.Cancel(); }

absl::Status StreamLink::Run(const replication::StreamHello& hello) {
  token_ = hello.token;
  if (absl::Status status = client_.Open(hello); !status.ok()) return status;
  absl::StatusOr<replication::LeaderSaid> first = client_.Read();
  if (!first.ok()) return first.status();
  answered_ = true;
  status_.last_heard.store(SystemClock().NowMillis());
  std::thread snapshot;
  std::thread acknowledgements([this] { Acknowledge(); });
  absl::Status status;
  if (const auto* partial = std::get_if<StreamPartial>(&*first)) {
    has_data_ = true;
    if (node_.replication().Continue(link_, partial->history_id)) {
      LogNotice("MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.",
                {{"history", partial->history_id}});
      received_.store(node_.replication().offset());
      GoUp();
    } else {
      status = absl::CancelledError("it is not followed any more");
    }
  } else if (auto* full = std::get_if<StreamFull>(&*first)) {
    received_.store(full->offset);
    snapshot = std::thread([this, full = *full] { FetchSnapshot(full); });
  }
  if (status.ok()) status = Follow();
  client_.Cancel();
  if (snapshot.joinable()) snapshot.join();
  {
    const std::lock_guard lock(mu_);
    over_ = true;
    changed_.notify_all();
    if (!failure_.ok()) status = failure_;
  }
  acknowledgements.join();
  return status;
}

absl::Status StreamLink::Follow() {
  while (true) {
    absl::StatusOr<replication::LeaderSaid> said = client_.Read();
    if (!said.ok()) return said.status();
    status_.last_heard.store(SystemClock().NowMillis());
    const auto* records = std::get_if<StreamRecords>(&*said);
    if (records == nullptr) continue;
    received_.fetch_add(static_cast<int64_t>(records->data.size()));
    if (absl::Status status = OnRecords(records->data); !status.ok()) return status;
  }
}

absl::Status StreamLink::OnRecords(std::string_view bytes) {
  {
    const std::lock_guard lock(mu_);
    if (!has_data_) {
      if (spool_fd_ < 0) {
        auto file = OpenUnnamedFile("temp-spool");
        if (!file.ok()) return file.status();
        spool_fd_ = *file;
      }
      spooled_ += bytes.size();
      return WriteAll(spool_fd_, bytes);
    }
  }
  if (absl::Status status = intake_.Take(bytes); !status.ok()) return status;
  NotifyApplied();
  return absl::OkStatus();
}

void StreamLink::GoUp() {
  up_.store(true);
  status_.state.store(LinkStatus::State::kConnected);
  NotifyApplied();
}

void StreamLink::NotifyApplied() {
  const std::lock_guard lock(mu_);
  applied_more_ = true;
  changed_.notify_all();
}

void StreamLink::Acknowledge() {
  int64_t told = -1;
  int64_t sent_at = 0;
  bool disk_lags = false;
  for (int quiet = 0;; ++quiet) {
    {
      std::unique_lock lock(mu_);
      changed_.wait_for(lock, disk_lags ? kDurablePeriod : kAcknowledgePeriod,
                        [this] { return applied_more_ || over_; });
      if (std::exchange(applied_more_, false) || !disk_lags) quiet = 0;
      if (over_) return;
    }
    if (!up_.load()) continue;
    if (const int64_t since = SystemClock().MonotonicMicros() - sent_at; since < kBetweenMicros) {
      std::this_thread::sleep_for(std::chrono::microseconds(kBetweenMicros - since));
    }
    const auto [applied, durable] = node_.replication().AppliedOffsets();
    disk_lags = durable >= 0 && durable < applied;
    if (quiet % kQuietPeriods != 0 && durable == told) continue;  // There is nothing new.
    told = durable;
    sent_at = SystemClock().MonotonicMicros();
    if (!client_.Send({.received = received_.load(), .applied = applied, .durable = durable})) {
      return;
    }
  }
}

void StreamLink::FetchSnapshot(const StreamFull& full) {
  const ThreadMemory memory;
  absl::Status status = InBackground<absl::Status>([&] { return LoadSnapshot(full); });
  if (status.ok()) status = DrainSpool();
  if (status.ok()) return;
  {
    const std::lock_guard lock(mu_);
    failure_ = std::move(status);
  }
  client_.Cancel();
}

absl::Status StreamLink::LoadSnapshot(const StreamFull& full) {
  LogNotice("Full resync from master", {{"history", full.history_id}, {"offset", full.offset}});
  status_.state.store(LinkStatus::State::kSync);
  TemporaryFile file("temp-stream");
  if (absl::Status status = file.Open(); !status.ok()) return status;
  absl::Status status = client_.ReadSnapshot(full.snapshot, token_, [&](std::string_view bytes) {
    status_.payload_bytes.fetch_add(static_cast<int64_t>(bytes.size()));
    status_.last_heard.store(SystemClock().NowMillis());
    return file.Append(bytes);
  });
  if (!status.ok()) return status;
  LogNotice("MASTER <-> REPLICA sync: Loading DB in memory",
            {{"bytes", status_.payload_bytes.load()}});
  return node_.replication().Load(link_, file.path(), full.history_id, full.offset);
}

// What came while the data was loaded; then records go straight in.
absl::Status StreamLink::DrainSpool() {
  std::vector<char> piece(kPiece);
  uint64_t taken = 0;
  while (true) {
    uint64_t there;
    {
      const std::lock_guard lock(mu_);
      there = spooled_;
      has_data_ = taken == there;
      if (has_data_) break;
    }
    const size_t room = std::min<uint64_t>(piece.size(), there - taken);
    const ssize_t n = pread(spool_fd_, piece.data(), room, static_cast<off_t>(taken));
    if (n <= 0) return absl::ErrnoToStatus(errno, "the spool");
    taken += static_cast<uint64_t>(n);
    const absl::Status status = intake_.Take({piece.data(), static_cast<size_t>(n)});
    if (!status.ok()) return status;
  }
  LogNotice("MASTER <-> REPLICA sync: Finished with success", {{"records_meanwhile", taken}});
  GoUp();
  return absl::OkStatus();
}

}  // namespace henge::server
