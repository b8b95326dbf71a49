// SPDX-License-Identifier: Apache-2.0
#include "replication/insync.h"

#include <algorithm>

namespace henge::replication {

void InSync::SetRules(const Rules& rules) {
  rules_ = rules;
  Advance();
}

bool InSync::Acknowledge(Follower follower, Lsn lsn) {
  const auto member = members_.find(follower);
  if (member != members_.end()) {
    member->second = std::max(member->second, lsn);
    Advance();
    return false;
  }
  if (lsn < std::max(committed_, latest_)) return false;
  members_.emplace(follower, lsn);
  Advance();
  return true;
}

bool InSync::Leave(Follower follower) {
  if (members_.erase(follower) == 0) return false;
  Advance();
  return true;
}

size_t InSync::Tick(int64_t now_ms, Lsn end) {
  latest_ = std::max(latest_, end);
  samples_.push_back({now_ms, latest_});
  while (samples_.size() > 1 && samples_[1].at_ms <= now_ms - rules_.max_lag_ms) {
    samples_.pop_front();
  }
  if (samples_.front().at_ms > now_ms - rules_.max_lag_ms) return 0;
  const Lsn due = samples_.front().end;
  const size_t left = std::erase_if(members_, [due](const auto& m) { return m.second < due; });
  if (left > 0) Advance();
  return left;
}

void InSync::Advance() {
  if (members_.empty() || !enough()) return;
  Lsn least = kEverything;
  for (const auto& [follower, lsn] : members_) least = std::min(least, lsn);
  committed_ = std::max(committed_, least);
}

}  // namespace henge::replication
