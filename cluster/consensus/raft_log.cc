// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/raft_log.h"

#include <algorithm>
#include <utility>

namespace henge::consensus {

RaftLog::RaftLog(Index index, Term term, std::vector<Entry> entries)
    : start_(index),
      start_term_(term),
      entries_(std::move(entries)),
      commit_(index),
      applied_(index),
      stable_(index + entries_.size()) {}

std::optional<Term> RaftLog::TermAt(Index index) const {
  if (index == start_) return start_term_;
  if (index < start_ || index > last()) return std::nullopt;
  return At(index).term;
}

bool RaftLog::IsCoveredBy(Index last_index, Term term) const {
  return term > last_term() || (term == last_term() && last_index >= last());
}

Index RaftLog::LastNotAbove(Index limit, Term term) const {
  Index index = std::min(limit, last());
  while (index > start_ && At(index).term > term) --index;
  return index;
}

std::span<const Entry> RaftLog::Slice(Index first, Index last_index, uint64_t max_bytes) const {
  last_index = std::min(last_index, last());
  if (first > last_index) return {};
  const std::span<const Entry> all = std::span(entries_).subspan(first - start_ - 1);
  size_t count = 0;
  uint64_t bytes = 0;
  while (first + count <= last_index) {
    bytes += all[count].data.size();
    if (count > 0 && bytes > max_bytes) break;
    ++count;
  }
  return all.first(count);
}

void RaftLog::Append(Entry entry) { entries_.push_back(std::move(entry)); }

bool RaftLog::CutFrom(Index index) {
  if (index <= commit_) return false;
  entries_.resize(std::min<size_t>(entries_.size(), index - start_ - 1));
  stable_ = std::min(stable_, last());
  return true;
}

bool RaftLog::CommitTo(Index index) {
  if (index > last()) return false;
  commit_ = std::max(commit_, index);
  return true;
}

void RaftLog::StableTo(Index index, Term term) {
  if (index > stable_ && Matches(index, term)) stable_ = index;
}

void RaftLog::ForgetTo(Index index) {
  if (index <= start_) return;
  start_term_ = At(index).term;
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(index - start_));
  start_ = index;
}

void RaftLog::Restart(Index index, Term term) {
  start_ = commit_ = applied_ = stable_ = index;
  start_term_ = term;
  entries_.clear();
}

}  // namespace henge::consensus
