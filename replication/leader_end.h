// SPDX-License-Identifier: Apache-2.0
// LeaderEnd: one follower's stream, as the node that serves it sees it: who gets what is missing
// and who gets everything, what is sent next under which epoch, what counts as acknowledged. A
// state machine without I/O, clock or threads; bytes are somewhere else, here are their offsets.
//
//   hello ─┬─ refused                                         OnHello
//          ├─ partial ──────────────────────────────┐
//          └─ full ─ a snapshot is there ─ syncing ─┴─ online OnSnapshot, OnAcknowledgement
//                                          └── records go in either ──┘        OnRecords
//
// An error ends the stream. Epochs: what is sent carries the one that the data here is of. Who has
// heard of a newer one does not know whether its data still counts, and serves nobody.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string_view>

#include "replication/history.h"
#include "replication/stream_messages.h"

namespace henge::replication {

// The epoch of the leader whose data a node has, which may be itself, and the newest that it has
// heard of.
struct Epochs {
  uint64_t data = 0;
  uint64_t newest = 0;
};

// What a node has of its group's history, when it is asked.
struct Holding {
  const History& history;
  int64_t begin = 0;  // Bytes before the first that is kept.
  int64_t end = 0;    // Bytes in all.
  bool keeps = true;  // What is written goes to a journal at all.
  Epochs epochs;
};

enum class Resync : uint8_t { kPartial, kFull };

// Whether one who has seen `history_id` up to, and without, `next_offset` may go on from there.
// The same for either protocol.
Resync ChooseResync(const Holding& holding, std::string_view history_id, int64_t next_offset);

// How many bytes of the follower's history are this one's, too, by all the names that both
// remember; -1: they know none in common.
int64_t CommonBytes(const Holding& holding, const StreamHello& hello);

class LeaderEnd {
 public:
  enum class State : uint8_t { kNew, kAwaitsSnapshot, kSyncs, kOnline };

  // First, once. An error: the follower is refused; heard_epoch() may be news, then.
  absl::StatusOr<Resync> OnHello(const StreamHello& hello, const Holding& holding, int64_t now_ms);
  // Of a partial one: what to say.
  StreamPartial Greeting(const Holding& holding) const;
  // Where a partial one would begin is not kept any more: everything goes, instead.
  void OnPlaceLost();
  // Of a full one: a snapshot was begun, which may be shared. The error kAborted: it is of what the
  // data was called before, and another one is needed.
  absl::StatusOr<StreamFull> OnSnapshot(std::string_view history_id, int64_t offset,
                                        uint64_t snapshot, const Holding& holding);

  // These bytes are about to be sent. Returns the epoch that goes with them.
  absl::StatusOr<uint64_t> OnRecords(int64_t offset, size_t bytes, const Epochs& epochs);
  // An error: it can't be true. Of a true one acknowledged() and durable() tell.
  absl::Status OnAcknowledgement(const StreamAcknowledgement& said, int64_t now_ms);
  // Whether it should have said something since.
  bool IsSilent(int64_t now_ms, int64_t timeout_ms) const;

  State state() const { return state_; }
  int64_t next_offset() const { return sent_; }  // Of the history, that was sent.
  int64_t acknowledged() const { return acknowledged_; }
  int64_t durable() const { return durable_; }
  // The newest that the follower knew of.
  uint64_t heard_epoch() const { return heard_epoch_; }

 private:
  State state_ = State::kNew;
  int64_t begin_ = 0;    // Where records begin.
  int64_t common_ = -1;  // See CommonBytes.
  int64_t sent_ = 0;
  int64_t acknowledged_ = 0;
  int64_t durable_ = 0;
  uint64_t heard_epoch_ = 0;
  int64_t heard_at_ms_ = 0;
};

}  // namespace henge::replication
