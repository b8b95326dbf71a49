// SPDX-License-Identifier: Apache-2.0
#include "server/replication/follower_feed.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "base/background.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/node.h"

namespace henge::server {
namespace {

constexpr auto kPatience = std::chrono::milliseconds(1000);  // Between signs of life.
constexpr size_t kPiece = 256 * 1024;
constexpr int64_t kSpillLagMs = 10;
constexpr uint64_t kMostRead = 1 << 20;
// What is less than this may wait for more, until the last that was sent is so long ago: each
// message costs both ends more than a few dozen records do.
constexpr uint64_t kWorthSending = 32 * 1024;
constexpr int64_t kBetweenMicros = 100;

}  // namespace

FollowerFeed::FollowerFeed(Node& node, ClientId id, const commands::FollowerTraits& traits,
                           std::string address)
    : node_(node),
      id_(id),
      traits_(traits),
      address_(std::move(address)),
      heard_at_(SystemClock().NowMillis()) {}

FollowerFeed::~FollowerFeed() = default;

void FollowerFeed::Stop() {
  stop_.store(true);
  Wake();
}

void FollowerFeed::Acknowledge(int64_t offset, int64_t durable_offset, UnixMillis now) {
  acknowledged_.store(std::max(offset, acknowledged()), std::memory_order_relaxed);
  if (durable_offset > acknowledged_durable()) {
    durable_.store(durable_offset, std::memory_order_relaxed);
  }
  heard_at_.store(now, std::memory_order_relaxed);
}

void FollowerFeed::End() {
  reader_.reset();
  held_from_.store(kNotHeld, std::memory_order_relaxed);
  ended_.store(true, std::memory_order_release);
}

bool FollowerFeed::IsSilent(UnixMillis now, int64_t timeout_ms) const {
  return state() == State::kOnline && !plain() && now - heard_at() > timeout_ms;
}

std::unique_ptr<persistence::JournalReader> FollowerFeed::AttachReader(Lsn from) {
  const uint64_t limit = node_.limits().replica_output.hard.load(std::memory_order_relaxed);
  auto reader =
      node_.journaling().journal().Attach({.mandatory = false,
                                           .hold_bytes = limit == 0 ? ~uint64_t{0} : limit,
                                           .notify = [bell = bell_] { bell->Ring(); }},
                                          from);
  if (reader != nullptr) held_from_.store(from, std::memory_order_relaxed);
  return reader;
}

bool FollowerFeed::IsOverLimit(Lsn end, UnixMillis now) {
  const Lsn from = held_from_.load(std::memory_order_relaxed);
  const uint64_t held = from == kNotHeld || from > end ? 0 : end - from;
  const OutputLimit& limit = node_.limits().replica_output;
  // What the backlog keeps anyway costs nothing.
  const auto backlog = static_cast<uint64_t>(node_.parameters().repl_backlog_size.load());
  const auto exceeds = [&](uint64_t bytes) {
    return bytes != 0 && held > std::max(bytes, backlog);
  };
  if (exceeds(limit.hard.load(std::memory_order_relaxed))) return true;
  if (!exceeds(limit.soft.load(std::memory_order_relaxed))) {
    over_soft_since_ = 0;
    return false;
  }
  if (over_soft_since_ == 0) over_soft_since_ = now;
  return now - over_soft_since_ > limit.soft_seconds.load(std::memory_order_relaxed) * 1000;
}

absl::StatusOr<std::shared_ptr<SyncSource>> FollowerFeed::JoinSource() {
  while (!stop_.load()) {
    const std::shared_ptr<SyncSource> source = node_.replication().Source(traits_.rdb_version);
    const SyncSource::State state = source->WaitBeyond(SyncSource::State::kWaiting, kPatience);
    if (state == SyncSource::State::kFailed) return absl::UnavailableError("no snapshot");
    if (state == SyncSource::State::kWaiting) {
      // Who waits long should not take us for dead.
      if (absl::Status status = SayAlive(); !status.ok()) return status;
      continue;
    }
    const SyncSource::Position& position = source->position();
    reader_ = AttachReader(position.lsn);
    absl::Status status = absl::AbortedError("what follows the snapshot is not kept");
    if (reader_ != nullptr) {
      status = node_.replication().Look(
          [&](const replication::Holding& holding) { return OnSource(position, holding); });
    }
    if (status.ok()) {
      source->NoteJoined();
      return source;
    }
    if (!absl::IsAborted(status)) return status;
    node_.replication().DropSource(source);
  }
  return Stopped();
}

absl::Status FollowerFeed::OnSource(const SyncSource::Position& position,
                                    const replication::Holding& holding) {
  if (position.history_id == holding.history.id()) return absl::OkStatus();
  return absl::AbortedError("the snapshot is of another history");
}

absl::Status FollowerFeed::CopySnapshot(SyncSource& source,
                                        absl::FunctionRef<absl::Status(std::string_view)> send) {
  if (!node_.parameters().repl_diskless_sync.load()) {
    while (!stop_.load() && source.WaitBeyond(SyncSource::State::kWriting, kPatience) ==
                                SyncSource::State::kWriting) {
    }
  }
  set_state(State::kSending);
  return InBackground<absl::Status>([&] { return CopyWritten(source, send); });
}

absl::Status FollowerFeed::CopyWritten(SyncSource& source,
                                       absl::FunctionRef<absl::Status(std::string_view)> send) {
  std::vector<char> piece(kPiece);
  uint64_t sent = 0;
  while (true) {
    if (stop_.load()) return Stopped();
    const SyncSource::State state = source.state();
    if (state == SyncSource::State::kFailed) return absl::UnavailableError("no snapshot");
    const uint64_t there = source.WaitForBytes(sent, kPatience);
    if (there == sent) {
      if (state == SyncSource::State::kWritten) return absl::OkStatus();
      continue;
    }
    size_t read = 0;
    const size_t room = std::min<uint64_t>(piece.size(), there - sent);
    absl::Status status = source.Read(sent, piece.data(), room, read);
    if (status.ok()) status = send({piece.data(), read});
    if (!status.ok()) return status;
    sent += read;
  }
}

bool FollowerFeed::TakePlace(Lsn from) {
  reader_ = AttachReader(from);
  if (reader_ == nullptr && node_.replication().spill().Has(from)) spilled_from_ = from;
  return has_place();
}

absl::Status FollowerFeed::FollowSpill() {
  std::vector<char> piece(kPiece);
  Lsn at = *spilled_from_;
  LogNotice("The backlog on disk is sent", {{"replica", address()}, {"port", port()}});
  while (!stop_.load()) {
    reader_ = AttachReader(at);
    if (reader_ != nullptr) return absl::OkStatus();
    const absl::StatusOr<size_t> size = node_.replication().spill().Read(at, piece.data(), kPiece);
    if (!size.ok()) return size.status();
    if (*size == 0) Sleep(kSpillLagMs);
    if (absl::Status status = SendJournal(at, {piece.data(), *size}); !status.ok()) return status;
    at += *size;
  }
  return Stopped();
}

absl::Status FollowerFeed::FollowJournal() {
  if (reader_ == nullptr) {
    if (absl::Status status = FollowSpill(); !status.ok()) return status;
  }
  int64_t sent_at = 0;
  bool small = false;
  while (!stop_.load()) {
    if (small) {
      const int64_t since = SystemClock().MonotonicMicros() - sent_at;
      if (since < kBetweenMicros) {
        std::this_thread::sleep_for(std::chrono::microseconds(kBetweenMicros - since));
      }
    }
    const persistence::JournalBatch& batch = reader_->Read(kMostRead);
    if (batch.lost()) {
      return absl::ResourceExhaustedError(
          "scheduled to be closed ASAP for overcoming of output buffer limits");
    }
    if (batch.empty()) {
      if (reader_->Arm()) Sleep(kPatience.count());
      continue;
    }
    small = batch.end() - batch.begin() < kWorthSending;
    if (small) sent_at = SystemClock().MonotonicMicros();
    for (const persistence::Slice& slice : batch.slices()) {
      if (absl::Status status = SendJournal(slice.begin(), slice.bytes()); !status.ok()) {
        return status;
      }
    }
    reader_->Release(batch.end());
    held_from_.store(batch.end(), std::memory_order_relaxed);
    reader_->DropBatch();
  }
  return Stopped();
}

}  // namespace henge::server
