// SPDX-License-Identifier: Apache-2.0
// RaftLog: the entries a node has, from where its snapshots let it forget them. A value; one
// thread.
//
// Invariants: start <= applied <= commit <= last, stable <= last; indexes have no gap; terms never
// fall. Entries up to commit never change: what would change them is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cluster/consensus/raft_types.h"

namespace henge::consensus {

class RaftLog {
 public:
  // What was found on the disk: the entries behind a snapshot at `index`.
  RaftLog(Index index, Term term, std::vector<Entry> entries);

  Index start() const { return start_; }  // The entry before the first; only its term is known.
  Index last() const { return start_ + entries_.size(); }
  Term last_term() const { return entries_.empty() ? start_term_ : entries_.back().term; }
  Index commit() const { return commit_; }
  Index applied() const { return applied_; }  // Handed out to be applied.
  Index stable() const { return stable_; }    // On the disk.

  // Nothing for an index that is forgotten or not there.
  std::optional<Term> TermAt(Index index) const;
  bool Matches(Index index, Term term) const { return TermAt(index) == term; }
  // Whether a log that ends so has all that this one has (5.4.1).
  bool IsCoveredBy(Index last, Term last_term) const;
  // The largest index up to `limit` whose term is at most `term`; where start() is, at least.
  Index LastNotAbove(Index limit, Term term) const;

  const Entry& At(Index index) const { return entries_[index - start_ - 1]; }
  // From `first` on, at least one if there is any and then until their data exceeds the limit.
  std::span<const Entry> Slice(Index first, Index last, uint64_t max_bytes) const;

  void Append(Entry entry);  // index must be last() + 1.
  // Removes what begins at `index`; refused if that is committed.
  [[nodiscard]] bool CutFrom(Index index);
  [[nodiscard]] bool CommitTo(Index index);  // Refused if beyond last(). Never goes back.
  void AppliedTo(Index index) { applied_ = index; }
  void StableTo(Index index, Term term);  // If that entry is still there.

  void ForgetTo(Index index);            // Must be applied.
  void Restart(Index index, Term term);  // All is replaced by a snapshot.

 private:
  Index start_;
  Term start_term_;
  std::vector<Entry> entries_;
  Index commit_;
  Index applied_;
  Index stable_;
};

}  // namespace henge::consensus
