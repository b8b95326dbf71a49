// SPDX-License-Identifier: Apache-2.0
#include "replication/leader_end.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace henge::replication {
namespace {

absl::Status Implausible(std::string_view what, int64_t offset) {
  return absl::DataLossError(fmt::format("the follower acknowledges {}: {}", what, offset));
}

// Whether who has this may serve others.
absl::Status CheckServes(const Epochs& epochs) {
  if (epochs.newest <= epochs.data) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "the data here is of epoch {}, and there is an epoch {}", epochs.data, epochs.newest));
}

}  // namespace

Resync ChooseResync(const Holding& holding, std::string_view history_id, int64_t next_offset) {
  const bool kept = holding.keeps && next_offset > holding.begin;
  return kept && holding.history.Includes(history_id, next_offset, holding.end) ? Resync::kPartial
                                                                                : Resync::kFull;
}

int64_t CommonBytes(const Holding& holding, const StreamHello& hello) {
  if (hello.next_offset < 1) return -1;
  const auto names = [](std::string_view id, int64_t end, const std::vector<EarlierName>& earlier) {
    std::vector<EarlierName> all{{std::string(id), end}};
    all.insert(all.end(), earlier.begin(), earlier.end());
    return all;
  };
  int64_t common = -1;
  for (const auto& theirs : names(hello.history_id, hello.next_offset - 1, hello.earlier)) {
    for (const auto& ours : names(holding.history.id(), holding.end, holding.history.earlier())) {
      if (theirs.id == ours.id) common = std::max(common, std::min(theirs.end, ours.end));
    }
  }
  return std::min({common, hello.next_offset - 1, holding.end});
}

absl::StatusOr<Resync> LeaderEnd::OnHello(const StreamHello& hello, const Holding& holding,
                                          int64_t now_ms) {
  heard_at_ms_ = now_ms;
  heard_epoch_ = hello.epoch;
  if (hello.version != kStreamVersion) {
    return absl::UnimplementedError("another version of the protocol");
  }
  if (hello.epoch > holding.epochs.data) {
    return absl::FailedPreconditionError(
        fmt::format("the follower knows of epoch {}, and the data here is of {}", hello.epoch,
                    holding.epochs.data));
  }
  if (absl::Status status = CheckServes(holding.epochs); !status.ok()) return status;
  const Resync resync = ChooseResync(holding, hello.history_id, hello.next_offset);
  common_ = CommonBytes(holding, hello);
  if (resync == Resync::kFull) {
    OnPlaceLost();
  } else {
    state_ = State::kOnline;
    begin_ = sent_ = hello.next_offset - 1;
  }
  return resync;
}

StreamPartial LeaderEnd::Greeting(const Holding& holding) const {
  return {.history_id = holding.history.id(),
          .epoch = holding.epochs.data,
          .end = holding.end,
          .earlier = holding.history.earlier()};
}

void LeaderEnd::OnPlaceLost() { state_ = State::kAwaitsSnapshot; }

absl::StatusOr<StreamFull> LeaderEnd::OnSnapshot(std::string_view history_id, int64_t offset,
                                                 uint64_t snapshot, const Holding& holding) {
  if (state_ != State::kAwaitsSnapshot) return absl::InternalError("a snapshot out of turn");
  if (absl::Status status = CheckServes(holding.epochs); !status.ok()) return status;
  // Whoever believed the old name would go on under it behind the point where names part.
  if (history_id != holding.history.id()) {
    return absl::AbortedError("the snapshot is of another history");
  }
  state_ = State::kSyncs;
  begin_ = sent_ = offset;
  return StreamFull{.history_id = std::string(history_id),
                    .offset = offset,
                    .snapshot = snapshot,
                    .epoch = holding.epochs.data,
                    .common = common_,
                    .earlier = holding.history.earlier()};
}

absl::StatusOr<uint64_t> LeaderEnd::OnRecords(int64_t offset, size_t bytes, const Epochs& epochs) {
  if (state_ != State::kSyncs && state_ != State::kOnline) {
    return absl::InternalError("records out of turn");
  }
  if (offset != sent_) {
    return absl::InternalError(fmt::format("bytes at {} go out instead of {}", offset, sent_));
  }
  if (absl::Status status = CheckServes(epochs); !status.ok()) return status;
  sent_ += static_cast<int64_t>(bytes);
  return epochs.data;
}

absl::Status LeaderEnd::OnAcknowledgement(const StreamAcknowledgement& said, int64_t now_ms) {
  if (state_ != State::kSyncs && state_ != State::kOnline) {
    return absl::DataLossError("the follower acknowledges before anything was said");
  }
  if (said.applied > sent_) return Implausible("what was not sent", said.applied);
  if (said.applied < begin_) return Implausible("less than it began with", said.applied);
  if (said.durable > said.applied) return Implausible("more on its disk than it has", said.durable);
  heard_at_ms_ = now_ms;
  state_ = State::kOnline;
  acknowledged_ = std::max(acknowledged_, said.applied);
  durable_ = std::max(durable_, said.durable);
  return absl::OkStatus();
}

// One that loads a snapshot says nothing.
bool LeaderEnd::IsSilent(int64_t now_ms, int64_t timeout_ms) const {
  return state_ == State::kOnline && now_ms - heard_at_ms_ > timeout_ms;
}

}  // namespace henge::replication
