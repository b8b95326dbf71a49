// SPDX-License-Identifier: Apache-2.0
// Snapshots: taken here, sent, and received. Cutting them into pieces is the transport's.
#include <algorithm>
#include <utility>

#include "cluster/consensus/planted_bugs.h"
#include "cluster/consensus/raft.h"

namespace henge::consensus {

SnapshotPtr Raft::Compact(std::string state, uint64_t keep) {
  const Index index = log_.applied();
  if (!Ensure(!outstanding_, "a snapshot in the middle of a Ready")) return snapshot_;
  if (index <= snapshot_->index) return snapshot_;
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->index = index;
  snapshot->term = *log_.TermAt(index);
  if (!Planted(Bug::kSnapshotForgetsMembers)) snapshot->members = MembershipAt(index);
  if (!Planted(Bug::kSnapshotForgetsRequests)) snapshot->ledger = ledger_;
  snapshot->state = std::move(state);
  snapshot_ = std::move(snapshot);
  log_.ForgetTo(index - std::min(index, keep));
  // The one that holds at the snapshot stays, as the first.
  auto first = memberships_.begin();
  while (std::next(first) != memberships_.end() && std::next(first)->first <= index) ++first;
  memberships_.erase(memberships_.begin(), first);
  return snapshot_;
}

bool Raft::SendSnapshot(PeerId to) {
  Progress& progress = progress_.at(to);
  if (!progress.active) return false;  // It is not there; a heartbeat's answer will tell.
  Send({.kind = MessageKind::kSnapshot, .to = to, .term = term_, .snapshot = snapshot_});
  progress.SentSnapshot(snapshot_->index);
  return true;
}

void Raft::HandleSnapshot(const Message& message) {
  if (!Ensure(message.snapshot != nullptr, "a snapshot without content")) return;
  const Snapshot& snapshot = *message.snapshot;
  const bool known =
      log_.Matches(snapshot.index, snapshot.term) && !Planted(Bug::kSnapshotLosesTail);
  if (snapshot.index <= log_.commit() && !Planted(Bug::kSnapshotLosesTail)) {
    // An old one.
  } else if (known || (Planted(Bug::kSnapshotKeepsConflict) && snapshot.index <= log_.last())) {
    CommitTo(snapshot.index);  // It has these entries, and maybe more behind them: they stay.
  } else {
    RestartFrom(message.snapshot);
  }
  Send({.kind = MessageKind::kAppendReply,
        .to = message.from,
        .term = term_,
        .index = log_.commit()});
}

void Raft::RestartFrom(SnapshotPtr snapshot) {
  log_.Restart(snapshot->index, snapshot->term);
  memberships_.assign(1, {snapshot->index, snapshot->members});
  ledger_ = snapshot->ledger;
  snapshot_ = snapshot;
  arrived_snapshot_ = std::move(snapshot);
}

void Raft::ReportLost(PeerId peer) {
  const auto at = progress_.find(peer);
  if (at != progress_.end()) at->second.Lost();
}

void Raft::ReportSnapshot(PeerId peer) {
  const auto at = progress_.find(peer);
  if (at != progress_.end()) at->second.SnapshotEnded();
}

}  // namespace henge::consensus
