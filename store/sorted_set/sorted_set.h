// SPDX-License-Identifier: Apache-2.0
// SortedSet: the sorted set of an entry, whatever its encoding: packed in a listpack while it is
// small, else a LargeSortedSet. See docs/formats/sorted_set.md.
//
// A handle over the entry; changes may replace the entry's object. A set in large form never
// becomes packed again by itself. Not thread-safe; the shard's lock is held around every use.
#pragma once

#include <absl/functional/function_ref.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "store/entry.h"
#include "store/sorted_set/large_sorted_set.h"
#include "store/sorted_set/packed_sorted_set.h"
#include "store/sorted_set/sorted_set_ranges.h"
#include "store/store.h"
#include "store/value.h"

namespace henge::store {

// Up to where a sorted set is packed.
struct SortedSetLimits {
  size_t members = 128;
  size_t member_bytes = 64;

  static SortedSetLimits Of(const StoreSettings& settings);
};

class SortedSet {
 public:
  // REQUIRES: an entry of type kSortedSet.
  explicit SortedSet(Entry& entry) : entry_(entry) {}
  // For reading.
  explicit SortedSet(const Entry& entry) : entry_(const_cast<Entry&>(entry)) {}

  bool is_packed() const { return entry_.encoding() == Encoding::kListpack; }
  size_t size() const;

  // --- Reading ----------------------------------------------------------------------------------
  struct Place {
    size_t rank;
    double score;
  };
  std::optional<double> Score(std::string_view member) const;
  std::optional<Place> Find(std::string_view member) const;
  RankRange RanksOf(const ScoreRange& range) const;
  RankRange RanksOf(const NameRange& range) const;

  using Visit = absl::FunctionRef<void(std::string_view member, double score)>;
  // The members of these ranks, from the lowest or from the highest. REQUIRES: they exist.
  void Walk(RankRange ranks, bool reverse, Visit visit) const;
  void ForEach(Visit visit) const { Walk({0, size()}, false, visit); }
  // One step of an iteration with Redis's guarantee: every member that is there throughout is seen.
  // Returns the next cursor, 0 at the end.
  uint64_t Scan(uint64_t cursor, Visit visit) const;

  // --- Changing ---------------------------------------------------------------------------------
  // Before `members` are put in, the first of `member_bytes`: takes the large form at once where
  // they won't be packed.
  void Expect(size_t members, size_t member_bytes, const SortedSetLimits& limits);
  using Outcome = LargeSortedSet::Outcome;
  using Decide = LargeSortedSet::Decide;
  // Gives `member` the score that `decide` returns when it is told the present one (none: absent);
  // nothing changes when it returns none.
  Outcome Put(std::string_view member, const SortedSetLimits& limits, Decide decide);
  Outcome Put(std::string_view member, double score, const SortedSetLimits& limits) {
    return Put(member, limits, [=](std::optional<double>) { return score; });
  }
  bool Remove(std::string_view member);
  void RemoveRanks(RankRange ranks);  // REQUIRES: they exist.
  // Frees what a removal left to be freed, some of it; whether there is more. See sweep.h.
  bool Sweep(size_t members) { return !is_packed() && large().Sweep(members); }
  bool swept() const { return is_packed() || large().swept(); }

  static const ValueOperations kOperations;

 private:
  PackedSortedSet packed() const { return PackedSortedSet(entry_.object()); }
  LargeSortedSet& large() const { return *static_cast<LargeSortedSet*>(entry_.object()); }
  void Keep(const PackedSortedSet& packed) {
    entry_.set_object(Encoding::kListpack, packed.pack().block());
  }
  void Unpack();
  std::optional<Outcome> PutPacked(std::string_view member, const SortedSetLimits& limits,
                                   Decide decide);

  Entry& entry_;
};

}  // namespace henge::store
