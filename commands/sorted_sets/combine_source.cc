// SPDX-License-Identifier: Apache-2.0
#include "commands/sorted_sets/combine_source.h"

#include <algorithm>

#include "store/set/set.h"
#include "store/sorted_set/sorted_set.h"

namespace henge::commands {

using store::SortedSet;

bool CombineSource::Takes(const store::Entry& entry) {
  return entry.type() == store::Type::kSortedSet || entry.type() == store::Type::kSet;
}

size_t CombineSource::size() const {
  if (entry == nullptr) return 0;
  return is_plain() ? store::SetView(*entry).size() : SortedSet(*entry).size();
}

std::optional<double> CombineSource::Score(std::string_view member) const {
  if (entry == nullptr) return std::nullopt;
  if (!is_plain()) return SortedSet(*entry).Score(member);
  return store::SetView(*entry).Contains(member) ? std::optional(1.0) : std::nullopt;
}

void CombineSource::ForEach(
    absl::FunctionRef<bool(std::string_view member, double score)> visit) const {
  if (is_plain()) {
    store::SetView(*entry).ForEachWhile([&](const store::SetElement& element) {
      store::SetElement::Digits digits;
      return visit(element.Text(digits), 1);
    });
    return;
  }
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
