// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/progress.h"

#include <algorithm>

#include "cluster/consensus/planted_bugs.h"

namespace henge::consensus {

bool Progress::Paused() const {
  if (Planted(Bug::kNoFlowControl)) return false;
  switch (mode_) {
    case Mode::kProbe:
      return probe_sent_;
    case Mode::kReplicate:
      return inflight_.size() >= max_inflight_;
    case Mode::kSnapshot:
      return true;
  }
  return true;
}

void Progress::SentAppend(Index last, bool has_entries) {
  if (mode_ == Mode::kProbe) probe_sent_ = true;
  if (mode_ != Mode::kReplicate || !has_entries) return;
  next_ = last + 1;
  inflight_.push_back(last);
}

void Progress::SentSnapshot(Index index) {
  mode_ = Mode::kSnapshot;
  snapshot_ = index;
  snapshot_ticks = 0;
  inflight_.clear();
}

bool Progress::Acknowledged(Index index) {
  const bool news = index > match_;
  match_ = std::max(match_, index);
  next_ = std::max(next_, match_ + 1);
  while (!inflight_.empty() && inflight_.front() <= index) inflight_.pop_front();
  if (mode_ == Mode::kSnapshot && match_ < snapshot_) return news;
  if (mode_ == Mode::kProbe && !news && index < match_) return false;
  if (mode_ != Mode::kReplicate) {
    mode_ = Mode::kReplicate;
    next_ = match_ + 1;
    inflight_.clear();
  }
  probe_sent_ = false;
  return news;
}

bool Progress::Refused(Index index, Index hint) {
  if (mode_ == Mode::kSnapshot || index <= match_) return false;
  // While probing, only an answer to the one append that is on its way counts.
  if (mode_ == Mode::kProbe && index != next_ - 1) return false;
  next_ = mode_ == Mode::kReplicate ? match_ + 1 : std::max(match_, std::min(index - 1, hint)) + 1;
  mode_ = Mode::kProbe;
  probe_sent_ = false;
  inflight_.clear();
  return true;
}

void Progress::Heard() {
  probe_sent_ = false;
  if (mode_ == Mode::kReplicate && inflight_.size() >= max_inflight_) inflight_.pop_front();
}

void Progress::Lost() {
  if (mode_ != Mode::kReplicate) return;
  mode_ = Mode::kProbe;
  next_ = match_ + 1;
  probe_sent_ = false;
  inflight_.clear();
}

void Progress::SnapshotEnded() {
  if (mode_ != Mode::kSnapshot) return;
  mode_ = Mode::kProbe;
  next_ = std::max(match_, snapshot_) + 1;
  probe_sent_ = true;  // Until its next heartbeat: it may still be busy with it.
}

}  // namespace henge::consensus
