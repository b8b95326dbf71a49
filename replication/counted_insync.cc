// SPDX-License-Identifier: Apache-2.0
#include "replication/counted_insync.h"

#include <algorithm>

namespace henge::replication {

void CountedInSync::Begin() {
  told_ = false;
  counted_.clear();
  for (auto& [node, member] : members_) member.watched_from.reset();
}

void CountedInSync::Count(std::span<const std::string> nodes) {
  Advance();
  counted_.clear();
  counted_.insert(nodes.begin(), nodes.end());
  told_ = true;
  Advance();
}

void CountedInSync::Acknowledge(std::string_view node, Lsn lsn) {
  auto at = members_.find(node);
  if (at == members_.end()) at = members_.emplace(std::string(node), Member{}).first;
  at->second.connected = true;
  at->second.lsn = std::max(at->second.lsn, lsn);
  Advance();
}

// What it had it may have no more when it comes back.
void CountedInSync::Leave(std::string_view node) {
  const auto at = members_.find(node);
  if (at == members_.end()) return;
  Advance();
  at->second.connected = false;
  at->second.lsn = 0;
}

void CountedInSync::Sample(int64_t now_ms, Lsn end) {
  samples_.push_back({now_ms, end});
  while (samples_.size() > 1 && samples_[1].at_ms <= now_ms - max_lag_ms_) samples_.pop_front();
}

void CountedInSync::Review(int64_t now_ms, Lsn end) {
  Advance();
  const bool sampled = !samples_.empty();
  const bool old = sampled && samples_.front().at_ms <= now_ms - max_lag_ms_;
  const Lsn due = old ? samples_.front().end : 0;
  for (auto& [node, member] : members_) {
    if (member.watched_from) {
      if (!member.connected || member.lsn < due) member.watched_from.reset();
    } else if (member.connected && sampled && member.lsn >= samples_.back().end) {
      member.watched_from = end;
    }
  }
  std::erase_if(members_, [](const auto& m) { return !m.second.connected; });
  Advance();
}

bool CountedInSync::Fit(std::string_view node) const {
  const auto at = members_.find(node);
  if (at == members_.end()) return false;
  const Member& member = at->second;
  return member.connected && member.watched_from && member.lsn >= *member.watched_from;
}

std::optional<Lsn> CountedInSync::Least() const {
  std::optional<Lsn> least;
  const auto wait_for = [&](Lsn lsn) { least = std::min(least.value_or(kEverything), lsn); };
  for (const std::string& node : counted_) {
    const auto at = members_.find(node);
    wait_for(at == members_.end() ? 0 : at->second.lsn);
  }
  for (const auto& [node, member] : members_) {
    if (member.watched_from) wait_for(member.lsn);
  }
  return least;
}

Lsn CountedInSync::committed() const {
  if (!told_) return floor_;
  const std::optional<Lsn> least = Least();
  return least ? std::max(floor_, *least) : kEverything;
}

void CountedInSync::Advance() {
  if (!told_) return;
  if (const std::optional<Lsn> least = Least()) floor_ = std::max(floor_, *least);
}

}  // namespace henge::replication
