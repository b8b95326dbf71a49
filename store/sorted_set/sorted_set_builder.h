// SPDX-License-Identifier: Apache-2.0
// SortedSetBuilder: collects members for a new sorted set, in any order, and orders them once. For
// results that are computed: ZUNIONSTORE and its kin, GEOSEARCHSTORE.
//
// Owns what it collects until it is built. Not thread-safe.
#pragma once

#include <absl/functional/function_ref.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "store/entry.h"
#include "store/sorted_set/large_sorted_set.h"
#include "store/sorted_set/sorted_set.h"
#include "store/table.h"

namespace henge::store {

class SortedSetBuilder {
 public:
  SortedSetBuilder() = default;
  ~SortedSetBuilder();
  SortedSetBuilder(const SortedSetBuilder&) = delete;
  SortedSetBuilder& operator=(const SortedSetBuilder&) = delete;

  size_t size() { return Settle(), members_.size(); }
  // So many members will be merged, or more; makes room for them. REQUIRES: there is none yet.
  void Expect(size_t members);
  // REQUIRES: absent. Not to be mixed with Merge.
  void Add(std::string_view member, double score) { Append(Member::New(score, member)); }
  // Adds the member or, where it is already, makes its score combine(its score, this one). Calls of
  // one builder all have the same `combine`.
  using Combine = double (*)(double have, double more);
  void Merge(std::string_view member, double score, Combine combine);

  // Visits all in order.
  void ForEach(absl::FunctionRef<void(std::string_view member, double score)> visit);
  // The entry, packed if it is small enough. Empties the builder.
  Entry* Build(std::string_view key, const SortedSetLimits& limits);

 private:
  // Members that are to be merged wait for a while, so that their places come from memory in time.
  static constexpr size_t kAhead = 16;
  struct Coming {
    Member* member;
    uint64_t hash;
  };

  void Append(Member* member);
  void MergeNext();
  void Settle() {
    while (merged_ < coming_count_) MergeNext();
  }
  void Sort();

  std::vector<Member*> members_;
  Table<MemberTraits> index_;  // Made by Merge.
  Coming coming_[kAhead];      // The last of all that came; `merged_` of them were merged.
  size_t coming_count_ = 0;
  size_t merged_ = 0;
  Combine combine_ = nullptr;
  size_t longest_ = 0;  // Bytes of the longest member, and of all.
  size_t bytes_ = 0;
};

}  // namespace henge::store
