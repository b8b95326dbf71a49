// SPDX-License-Identifier: Apache-2.0
// Progress: what a leader knows of one peer's log, and how much it may send without an answer. A
// value; one thread.
//
//            append acknowledged                      match reached, or given up
//   probe ───────────────────────> replicate          snapshot ─────────> probe
//     ^ <───────────────────────────── │                  ^
//     │     refused, unreachable       └── entries gone ──┘
//
// Probing sends one append and waits for its answer (or the next heartbeat's); replicating sends on
// ahead up to a number of appends; a peer that is sent a snapshot gets nothing else.
#pragma once

#include <cstdint>
#include <deque>

#include "cluster/consensus/raft_types.h"

namespace henge::consensus {

class Progress {
 public:
  enum class Mode : uint8_t { kProbe, kReplicate, kSnapshot };

  Progress() = default;
  Progress(Index next, size_t max_inflight) : next_(next), max_inflight_(max_inflight) {}

  Mode mode() const { return mode_; }
  Index match() const { return match_; }
  Index next() const { return next_; }  // Match below next, always.
  size_t inflight() const { return inflight_.size(); }
  bool Paused() const;

  void SentAppend(Index last, bool has_entries);
  void SentSnapshot(Index index);
  // The peer has everything up to `index`; whether that is news.
  bool Acknowledged(Index index);
  // The peer lacks `index`, and can have what stands up to `hint`; false if that is old news.
  bool Refused(Index index, Index hint);
  // The peer is there: what may have been lost is worth another try.
  void Heard();
  void Lost();           // The connection; what was on its way probably is too.
  void SnapshotEnded();  // Given up or delivered.

  bool active = false;      // Heard since the last check of the quorum.
  uint64_t read_round = 0;  // The newest it confirmed.
  Index told_commit = 0;    // As far as no message was lost.
  int snapshot_ticks = 0;   // Since the snapshot was sent.
  Index leaving_at = 0;     // Not 0: removed by that entry, and about to be told.
  int leaving_ticks = 0;

 private:
  Mode mode_ = Mode::kProbe;
  Index match_ = 0;
  Index next_ = 1;
  Index snapshot_ = 0;
  bool probe_sent_ = false;
  size_t max_inflight_ = 1;
  std::deque<Index> inflight_;  // The last index of each append without an answer.
};

}  // namespace henge::consensus
