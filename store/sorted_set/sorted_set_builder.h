// SPDX-License-Identifier: Apache-2.0
// SortedSetBuilder: collects members for a new sorted set, in any order, and orders them once. For
// results that are computed: ZUNIONSTORE and its kin, GEOSEARCHSTORE.
//
// Owns what it collects until it is built. Not thread-safe.
#pragma once

#include <absl/functional/function_ref.h>

#include <cstddef>
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

  size_t size() const { return members_.size(); }
  // REQUIRES: absent. Not to be mixed with Merge.
  void Add(std::string_view member, double score) { Append(member, score); }
  // Adds the member, or replaces the score it has by merge(score it has).
  void Merge(std::string_view member, double score, absl::FunctionRef<double(double)> merge);

  // Visits all in order.
  void ForEach(absl::FunctionRef<void(std::string_view member, double score)> visit);
  // The entry, packed if it is small enough. Empties the builder.
  Entry* Build(std::string_view key, const SortedSetLimits& limits);

 private:
  Member* Append(std::string_view member, double score);
  void Sort();

  std::vector<Member*> members_;
  Table<MemberTraits> index_;  // Made by Merge.
  size_t longest_ = 0;         // Bytes of the longest member, and of all.
  size_t bytes_ = 0;
};

}  // namespace henge::store
