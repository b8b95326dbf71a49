// SPDX-License-Identifier: Apache-2.0
#include "replication/follower_end.h"

#include <fmt/format.h>

#include <algorithm>

namespace henge::replication {
namespace {

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(fmt::format("the stream is damaged: {}", what));
}

}  // namespace

FollowerEnd::FollowerEnd(const StreamHello& hello, int64_t now_ms)
    : next_offset_(hello.next_offset), newest_epoch_(hello.epoch), heard_at_ms_(now_ms) {}

absl::Status FollowerEnd::CheckEpoch() const {
  if (epoch_ >= newest_epoch_) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("the leader is of epoch {}, and there is an epoch {}", epoch_, newest_epoch_));
}

absl::Status FollowerEnd::Believe(uint64_t epoch, int64_t now_ms) {
  if (epoch < epoch_) return Damaged(fmt::format("epoch {} behind {}", epoch, epoch_));
  epoch_ = epoch;
  if (absl::Status status = CheckEpoch(); !status.ok()) return status;
  newest_epoch_ = epoch;
  heard_at_ms_ = now_ms;
  return absl::OkStatus();
}

absl::Status FollowerEnd::OnAlive(const StreamAlive& alive, int64_t now_ms) {
  if (state_ != State::kAsks) return Damaged("words in a wrong order");
  return Believe(alive.epoch, now_ms);
}

absl::Status FollowerEnd::OnPartial(const StreamPartial& partial, int64_t now_ms) {
  if (state_ != State::kAsks) return Damaged("words in a wrong order");
  if (next_offset_ < 1) return Damaged("it goes on from nowhere");
  if (absl::Status status = Believe(partial.epoch, now_ms); !status.ok()) return status;
  received_ = next_offset_ - 1;
  state_ = State::kFollows;
  return absl::OkStatus();
}

absl::Status FollowerEnd::OnFull(const StreamFull& full, int64_t now_ms) {
  if (state_ != State::kAsks) return Damaged("words in a wrong order");
  if (full.offset < 0) return Damaged("an offset below zero");
  if (absl::Status status = Believe(full.epoch, now_ms); !status.ok()) return status;
  received_ = full.offset;
  state_ = State::kFetches;
  return absl::OkStatus();
}

absl::StatusOr<FollowerEnd::Use> FollowerEnd::OnRecords(int64_t offset, size_t bytes,
                                                        uint64_t epoch, int64_t now_ms) {
  if (state_ == State::kAsks) return Damaged("words in a wrong order");
  if (offset != received_) {
    return Damaged(fmt::format("bytes at {} instead of {}", offset, received_));
  }
  if (absl::Status status = Believe(epoch, now_ms); !status.ok()) return status;
  received_ += static_cast<int64_t>(bytes);
  if (state_ == State::kFollows) return Use::kApply;
  spooled_ += bytes;
  return Use::kSpool;
}

absl::Status FollowerEnd::OnSnapshot() const {
  if (state_ != State::kFetches) return absl::InternalError("a snapshot out of turn");
  return CheckEpoch();
}

absl::Status FollowerEnd::OnLoaded() {
  if (state_ != State::kFetches) return absl::InternalError("a snapshot out of turn");
  state_ = State::kDrains;
  return CheckEpoch();
}

absl::StatusOr<FollowerEnd::Piece> FollowerEnd::NextSpooled(uint64_t most) {
  if (state_ != State::kDrains) return absl::InternalError("the spool out of turn");
  if (absl::Status status = CheckEpoch(); !status.ok()) return status;
  const Piece piece{drained_, std::min(most, spooled_ - drained_)};
  drained_ += piece.size;
  if (piece.size == 0) state_ = State::kFollows;
  return piece;
}

std::optional<StreamAcknowledgement> FollowerEnd::Acknowledge(int64_t applied, int64_t durable,
                                                              int64_t now_ms) {
  // Before, what the node has applied is of another history.
  if (!up()) return std::nullopt;
  // More than the leader said is not of its making.
  applied = std::min(applied, received_);
  durable = std::min(durable, applied);
  const bool news = applied != told_.applied || durable != told_.durable;
  if (!news && now_ms - told_at_ms_ < kAcknowledgeMs) return std::nullopt;
  told_ = {.received = received_, .applied = applied, .durable = durable};
  told_at_ms_ = now_ms;
  return told_;
}

int64_t FollowerEnd::UntilAcknowledgement(int64_t now_ms) const {
  if (!up()) return kAcknowledgeMs;
  if (told_.durable >= 0 && told_.durable < told_.applied) return kDurableMs;
  return std::clamp<int64_t>(told_at_ms_ + kAcknowledgeMs - now_ms, 1, kAcknowledgeMs);
}

}  // namespace henge::replication
