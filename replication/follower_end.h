// SPDX-License-Identifier: Apache-2.0
// FollowerEnd: a stream between Henge's nodes, as the follower sees it: whether what the leader
// says may be believed, what becomes of its records, and what is acknowledged when. A state machine
// without I/O, clock or threads; bytes are somewhere else, here are their offsets.
//
//              ┌─ partial ──────────────────────────────────────────────┐
//   hello ─────┤                                                        v
//              └─ full ─> fetches ─ the snapshot is loaded ─> drains ─> follows
//                         └─ records wait in the spool ───────────┘     └─ are applied
//
// An error ends the stream, for good. Epochs: whoever says something of a lower one than this node
// knows leads no more, and is not believed; a higher one is adopted.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "replication/stream_messages.h"

namespace henge::replication {

class FollowerEnd {
 public:
  enum class State : uint8_t { kAsks, kFetches, kDrains, kFollows };
  enum class Use : uint8_t { kApply, kSpool };
  // A piece of the spool.
  struct Piece {
    uint64_t begin = 0;
    uint64_t size = 0;
  };
  // A sign of life at least so often; what the disk has is looked for more often while it lacks
  // something.
  static constexpr int64_t kAcknowledgeMs = 1000;
  static constexpr int64_t kDurableMs = 5;

  // `hello`: what was said to the leader.
  FollowerEnd(const StreamHello& hello, int64_t now_ms);

  // --- What the leader says: that it has not forgotten who waits. Then:
  absl::Status OnAlive(const StreamAlive& alive, int64_t now_ms);
  // the data goes on under that name;
  absl::Status OnPartial(const StreamPartial& partial, int64_t now_ms);
  // a snapshot is to be fetched, by another call;
  absl::Status OnFull(const StreamFull& full, int64_t now_ms);
  // these bytes are to be applied, or put behind what is in the spool.
  absl::StatusOr<Use> OnRecords(int64_t offset, size_t bytes, uint64_t epoch, int64_t now_ms);

  // --- A full sync goes on.
  void OnSnapshotBytes(int64_t now_ms) { heard_at_ms_ = now_ms; }
  // It is all here. Whether it may take the data's place;
  absl::Status OnSnapshot() const;
  // it has.
  absl::Status OnLoaded();
  // What of the spool is to be applied now, at most so much. Empty: nothing is left, and records
  // are applied as they come.
  absl::StatusOr<Piece> NextSpooled(uint64_t most);

  // --- What is told to the leader. `applied` and `durable` are the node's: of the history, applied
  // and on the disk; durable -1: there is no file.
  std::optional<StreamAcknowledgement> Acknowledge(int64_t applied, int64_t durable,
                                                   int64_t now_ms);
  // When to ask again, if nothing happens before.
  int64_t UntilAcknowledgement(int64_t now_ms) const;
  // Whether the leader should have said something since.
  bool IsSilent(int64_t now_ms, int64_t timeout_ms) const {
    return now_ms - heard_at_ms_ > timeout_ms;
  }

  // The node has heard of this epoch from elsewhere.
  void Learn(uint64_t epoch) { newest_epoch_ = std::max(newest_epoch_, epoch); }

  State state() const { return state_; }
  // Whether the data is the leader's.
  bool up() const { return state_ == State::kFollows; }
  // Of the last that was said: whose leader the data comes from, once that is applied.
  uint64_t epoch() const { return epoch_; }
  // What the node is to remember beyond the stream, whatever becomes of that.
  uint64_t newest_epoch() const { return newest_epoch_; }
  int64_t received() const { return received_; }
  uint64_t spooled() const { return spooled_; }

 private:
  absl::Status Believe(uint64_t epoch, int64_t now_ms);
  // Whether the leader is still the newest that is known of.
  absl::Status CheckEpoch() const;

  State state_ = State::kAsks;
  int64_t next_offset_;  // That the leader was told.
  uint64_t epoch_ = 0;
  uint64_t newest_epoch_;
  int64_t received_ = 0;
  uint64_t spooled_ = 0;
  uint64_t drained_ = 0;
  int64_t heard_at_ms_;
  StreamAcknowledgement told_{-1, -1, -1};
  int64_t told_at_ms_ = 0;
};

}  // namespace henge::replication
