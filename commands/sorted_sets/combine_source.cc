// SPDX-License-Identifier: Apache-2.0
#include "commands/sorted_sets/combine_source.h"

#include <algorithm>

#include "store/sorted_set/sorted_set.h"

namespace henge::commands {

using store::SortedSet;

bool CombineSource::Takes(const store::Entry& entry) {
  return entry.type() == store::Type::kSortedSet;
}

size_t CombineSource::size() const { return entry == nullptr ? 0 : SortedSet(*entry).size(); }

std::optional<double> CombineSource::Score(std::string_view member) const {
  return entry == nullptr ? std::nullopt : SortedSet(*entry).Score(member);
}

void CombineSource::ForEach(
    absl::FunctionRef<bool(std::string_view member, double score)> visit) const {
  constexpr size_t kAtOnce = 128;
  bool going = true;
  for (size_t rank = 0; going && rank < size(); rank += kAtOnce) {
    SortedSet(*entry).Walk({rank, std::min(rank + kAtOnce, size())}, false,
                           [&](std::string_view member, double score) {
                             if (going) going = visit(member, score);
                           });
  }
}

}  // namespace henge::commands
