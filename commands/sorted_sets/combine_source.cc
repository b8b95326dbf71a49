// SPDX-License-Identifier: Apache-2.0
#include "commands/sorted_sets/combine_source.h"

#include <algorithm>

#include "store/key.h"
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

void CombineSource::ForEachBatch(absl::FunctionRef<bool(std::span<const Scored>)> visit) const {
  if (entry == nullptr) return;
  if (is_plain()) return ForEachBatchOfSet(visit);
  const SortedSet set(*entry);
  bool going = true;
  if (set.is_packed()) {  // It hands members out one at a time only.
    return set.ForEach([&](std::string_view member, double score) {
      const Scored one{member, score};
      going = going && visit({&one, 1});
    });
  }
  Scored batch[kBatch];
  for (size_t rank = 0; going && rank < size(); rank += kBatch) {
    size_t n = 0;
    set.Walk({rank, std::min(rank + kBatch, size())}, false,
             [&](std::string_view member, double score) { batch[n++] = {member, score}; });
    going = visit({batch, n});
  }
}

void CombineSource::ForEachBatchOfSet(
    absl::FunctionRef<bool(std::span<const Scored>)> visit) const {
  Scored batch[kBatch];
  store::SetElement::Digits digits[kBatch];
  size_t n = 0;
  const bool went = store::SetView(*entry).ForEachWhile([&](const store::SetElement& element) {
    batch[n] = {element.Text(digits[n]), 1};
    if (++n < kBatch) return true;
    n = 0;
    return visit(batch);
  });
  if (went && n > 0) visit({batch, n});
}

void CombineSource::Prefetch(std::span<const Scored> members) const {
  if (entry == nullptr) return;
  uint64_t hashes[kBatch];
  for (size_t i = 0; i < members.size(); ++i) hashes[i] = store::HashKey(members[i].member);
  const std::span<const uint64_t> all(hashes, members.size());
  if (is_plain()) {
    const store::SetView set(*entry);
    for (const uint64_t hash : all) set.PrefetchBucket(hash);
    for (const uint64_t hash : all) set.PrefetchMember(hash);
  } else if (!SortedSet(*entry).is_packed()) {
    const auto& set = *static_cast<const store::LargeSortedSet*>(entry->object());
    for (const uint64_t hash : all) set.PrefetchBucket(hash);
    for (const uint64_t hash : all) set.PrefetchRecord(hash);
  }
}

}  // namespace henge::commands
