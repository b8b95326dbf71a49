// SPDX-License-Identifier: Apache-2.0
#include "store/sorted_set/sorted_set_builder.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace henge::store {

SortedSetBuilder::~SortedSetBuilder() {
  for (Member* member : members_) Member::Free(member);
}

Member* SortedSetBuilder::Append(std::string_view member, double score) {
  longest_ = std::max(longest_, member.size());
  bytes_ += member.size();
  members_.push_back(Member::New(score, member));
  return members_.back();
}

void SortedSetBuilder::Merge(std::string_view member, double score,
                             absl::FunctionRef<double(double)> merge) {
  const uint64_t hash = HashKey(member);
  if (Member* found = index_.Find(member, hash)) return found->set_score(merge(found->score()));
  index_.Insert(Append(member, score), hash);
}

void SortedSetBuilder::Sort() {
  const auto before = [](const Member* a, const Member* b) {
    return a->score() != b->score() ? a->score() < b->score() : a->bytes() < b->bytes();
  };
  if (!std::is_sorted(members_.begin(), members_.end(), before)) {
    std::sort(members_.begin(), members_.end(), before);
  }
}

void SortedSetBuilder::ForEach(
    absl::FunctionRef<void(std::string_view member, double score)> visit) {
  Sort();
  for (const Member* member : members_) visit(member->bytes(), member->score());
}

Entry* SortedSetBuilder::Build(std::string_view key, const SortedSetLimits& limits) {
  Entry* entry = Entry::NewCollection(key, Type::kSortedSet);
  const bool packed =
      size() <= limits.members && longest_ <= limits.member_bytes && bytes_ < Listpack::kMaxBytes;
  if (packed) {
    PackedSortedSet set(entry->object());
    ForEach([&](std::string_view member, double score) { set.Append(member, score); });
    entry->set_object(Encoding::kListpack, set.pack().block());
    return entry;
  }
  Sort();
  auto* large = new LargeSortedSet(std::move(index_), members_);
  members_.clear();
  std::free(entry->object());
  entry->set_object(Encoding::kSkiplist, large);
  return entry;
}

}  // namespace henge::store
