// SPDX-License-Identifier: Apache-2.0
#include "server/replication/stream_link.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "base/background.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/strings.h"
#include "server/node.h"
#include "server/replication/receiving.h"
#include "server/replication/temporary_file.h"

namespace henge::server {

using replication::StreamFull;
using replication::StreamPartial;
using replication::StreamRecords;

namespace {

constexpr int64_t kBetweenMicros = 100;  // As for records: FollowerFeed.
constexpr size_t kPiece = 32 * 1024;     // Of the spool. The processor is given up between two.

UnixMillis Now() { return SystemClock().NowMillis(); }

}  // namespace

StreamLink::StreamLink(Node& node, uint64_t link, std::string host, int port,
                       replication::StreamHello hello, LinkStatus& status)
    : node_(node),
      link_(link),
      status_(status),
      client_(host, port),
      intake_(node, link),
      hello_(std::move(hello)),
      end_(hello_, Now()) {}

StreamLink::~StreamLink() {
  if (spool_fd_ >= 0) close(spool_fd_);
}

void StreamLink::Cancel() { client_.Cancel(); }

void StreamLink::CheckTimeout(UnixMillis now, int64_t timeout_ms) {
  const std::unique_lock lock(mu_, std::try_to_lock);  // Who holds it is alive.
  if (lock.owns_lock() && end_.IsSilent(now, timeout_ms)) Cancel();
}

template <typename Said>
auto StreamLink::Hear(Said said) -> decltype(said()) {
  Replication& replication = node_.replication();
  end_.Learn(replication.epochs().newest);
  auto heard = said();
  if (end_.newest_epoch() > replication.epochs().newest) {
    replication.LearnEpoch(link_, end_.newest_epoch());
  }
  return heard;
}

void StreamLink::AdoptEpoch() {
  uint64_t epoch;
  {
    const std::lock_guard lock(mu_);
    epoch = end_.epoch();
  }
  if (epoch != node_.replication().epochs().data) node_.replication().AdoptEpoch(link_, epoch);
}

absl::Status StreamLink::Run() {
  if (absl::Status status = client_.Open(hello_); !status.ok()) return status;
  absl::StatusOr<replication::LeaderSaid> first = client_.Read();
  answered_ = first.ok() || absl::IsFailedPrecondition(first.status());
  if (!first.ok()) return first.status();
  std::thread acknowledgements([this] { Acknowledge(); });
  absl::Status status = OnFirst(*first);
  if (status.ok()) status = Follow();
  client_.Cancel();
  if (snapshot_.joinable()) snapshot_.join();
  {
    const std::lock_guard lock(mu_);
    over_ = true;
    changed_.notify_all();
    if (!failure_.ok()) status = failure_;
  }
  acknowledgements.join();
  return status;
}

absl::Status StreamLink::OnFirst(const replication::LeaderSaid& said) {
  status_.last_heard.store(Now());
  if (const auto* alive = std::get_if<replication::StreamAlive>(&said)) {
    const std::lock_guard lock(mu_);
    return Hear([&] { return end_.OnAlive(*alive, Now()); });
  }
  if (const auto* partial = std::get_if<StreamPartial>(&said)) {
    {
      // Nothing is acknowledged before the data has the leader's name: what is asked then is older.
      const std::lock_guard lock(mu_);
      absl::Status status = Hear([&] { return end_.OnPartial(*partial, Now()); });
      if (!status.ok()) return status;
    }
    if (!node_.replication().Continue(link_, partial->history_id)) {
      return absl::CancelledError("it is not followed any more");
    }
    node_.replication().Remember(link_, partial->earlier);
    LogNotice("MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.",
              {{"history", partial->history_id}});
    AdoptEpoch();
    live_from_ = partial->end;
    CheckLive();
    GoUp();
    return absl::OkStatus();
  }
  if (const auto* full = std::get_if<StreamFull>(&said)) {
    const std::lock_guard lock(mu_);
    absl::Status status = Hear([&] { return end_.OnFull(*full, Now()); });
    if (!status.ok()) return status;
    full_ = *full;
    snapshot_ = std::thread([this] { FetchSnapshot(); });
    return absl::OkStatus();
  }
  return OnRecords(std::get<StreamRecords>(said));  // Which it refuses.
}

absl::Status StreamLink::Follow() {
  while (true) {
    absl::StatusOr<replication::LeaderSaid> said = client_.Read();
    if (!said.ok()) return said.status();
    status_.last_heard.store(Now());
    const auto* records = std::get_if<StreamRecords>(&*said);
    absl::Status status = records == nullptr ? OnFirst(*said) : OnRecords(*records);
    if (!status.ok()) return status;
  }
}

absl::Status StreamLink::OnRecords(const StreamRecords& records) {
  node_.replication().CountReceived(records.data.size());
  {
    const std::lock_guard lock(mu_);
    const auto use = Hear(
        [&] { return end_.OnRecords(records.offset, records.data.size(), records.epoch, Now()); });
    if (!use.ok()) return use.status();
    if (*use == replication::FollowerEnd::Use::kSpool) {
      if (spool_fd_ < 0) {
        auto file = OpenUnnamedFile("temp-spool");
        if (!file.ok()) return file.status();
        spool_fd_ = *file;
      }
      return WriteAll(spool_fd_, records.data);
    }
  }
  if (absl::Status status = intake_.Take(records.data); !status.ok()) return status;
  AdoptEpoch();
  CheckLive();
  NotifyApplied();
  return absl::OkStatus();
}

void StreamLink::CheckLive() {
  if (live_from_ < 0 || node_.replication().offset() < live_from_) return;
  live_from_ = -1;
  node_.replication().NoteLive(link_);
}

void StreamLink::GoUp() {
  status_.state.store(LinkStatus::State::kConnected);
  NotifyApplied();
}

void StreamLink::NotifyApplied() {
  const std::lock_guard lock(mu_);
  applied_more_ = true;
  changed_.notify_all();
}

void StreamLink::Acknowledge() {
  int64_t sent_at = 0;
  while (true) {
    {
      std::unique_lock lock(mu_);
      const std::chrono::milliseconds wait(end_.UntilAcknowledgement(Now()));
      changed_.wait_for(lock, wait, [this] { return applied_more_ || over_; });
      if (over_) return;
      applied_more_ = false;
    }
    if (status_.state.load() != LinkStatus::State::kConnected) continue;
    if (const int64_t since = SystemClock().MonotonicMicros() - sent_at; since < kBetweenMicros) {
      std::this_thread::sleep_for(std::chrono::microseconds(kBetweenMicros - since));
    }
    const auto [applied, durable] = node_.replication().AppliedOffsets();
    // If not, that may be of a history of this node's own.
    if (!node_.replication().IsCurrent(link_)) return;
    std::optional<replication::StreamAcknowledgement> said;
    {
      const std::lock_guard lock(mu_);
      said = end_.Acknowledge(applied, durable, Now());
    }
    if (!said) continue;
    sent_at = SystemClock().MonotonicMicros();
    if (!client_.Send(*said)) return;
  }
}

void StreamLink::FetchSnapshot() {
  const ThreadMemory memory;
  TakeShortTurns();
  absl::Status status = InBackground<absl::Status>([&] { return LoadSnapshot(); });
  if (status.ok()) status = DrainSpool();
  if (status.ok()) return;
  {
    const std::lock_guard lock(mu_);
    failure_ = std::move(status);
  }
  client_.Cancel();
}

absl::Status StreamLink::LoadSnapshot() {
  LogNotice("Full resync from master", {{"history", full_.history_id}, {"offset", full_.offset}});
  status_.state.store(LinkStatus::State::kSync);
  const Receiving receiving(node_, full_.history_id);
  TemporaryFile file("temp-stream");
  if (absl::Status status = file.Open(); !status.ok()) return status;
  const auto take = [&](std::string_view bytes) {
    status_.payload_bytes.fetch_add(static_cast<int64_t>(bytes.size()));
    node_.replication().CountReceived(bytes.size());
    status_.last_heard.store(Now());
    {
      const std::lock_guard lock(mu_);
      end_.OnSnapshotBytes(Now());
    }
    return file.Append(bytes);
  };
  absl::Status status = client_.ReadSnapshot(full_.snapshot, hello_.token, take);
  if (status.ok()) {
    const std::lock_guard lock(mu_);
    status = Hear([&] { return end_.OnSnapshot(); });
  }
  if (!status.ok()) return status;
  LogNotice("MASTER <-> REPLICA sync: Loading DB in memory",
            {{"bytes", status_.payload_bytes.load()}});
  status =
      node_.replication().Load(link_, file.path(), full_.history_id, full_.offset, full_.common);
  if (!status.ok()) return status;
  node_.replication().Remember(link_, full_.earlier);
  AdoptEpoch();
  const std::lock_guard lock(mu_);
  return Hear([&] { return end_.OnLoaded(); });
}

// What came while the data was loaded; then records go straight in.
absl::Status StreamLink::DrainSpool() {
  std::vector<char> bytes(kPiece);
  uint64_t drained = 0;
  while (true) {
    absl::StatusOr<replication::FollowerEnd::Piece> piece;
    {
      const std::lock_guard lock(mu_);
      piece = Hear([&] { return end_.NextSpooled(bytes.size()); });
    }
    if (!piece.ok()) return piece.status();
    if (piece->size == 0) break;
    drained += piece->size;
    if (absl::Status status = ReadSpool(*piece, bytes.data()); !status.ok()) return status;
    const absl::Status status = intake_.Take({bytes.data(), piece->size});
    if (!status.ok()) return status;
    GiveWay();
  }
  LogNotice("MASTER <-> REPLICA sync: Finished with success", {{"records_meanwhile", drained}});
  node_.replication().NoteLive(link_);
  GoUp();
  return absl::OkStatus();
}

absl::Status StreamLink::ReadSpool(const replication::FollowerEnd::Piece& piece, char* to) const {
  for (uint64_t read = 0; read < piece.size;) {
    const ssize_t n =
        pread(spool_fd_, to + read, piece.size - read, static_cast<off_t>(piece.begin + read));
    if (n <= 0) return absl::ErrnoToStatus(errno, "the spool");
    read += static_cast<uint64_t>(n);
  }
  return absl::OkStatus();
}

}  // namespace henge::server
