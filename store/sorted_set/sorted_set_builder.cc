// SPDX-License-Identifier: Apache-2.0
#include "store/sorted_set/sorted_set_builder.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace henge::store {

SortedSetBuilder::~SortedSetBuilder() {
  Settle();
  for (Member* member : members_) Member::Free(member);
}

void SortedSetBuilder::Expect(size_t members) {
  members_.reserve(members);
  index_.Reserve(members);
}

void SortedSetBuilder::Append(Member* member) {
  longest_ = std::max(longest_, member->bytes().size());
  bytes_ += member->bytes().size();
  members_.push_back(member);
}

void SortedSetBuilder::Merge(std::string_view member, double score, Combine combine) {
  combine_ = combine;
  const uint64_t hash = HashKey(member);
  index_.Prefetch(hash);
  if (coming_count_ - merged_ == kAhead) MergeNext();
  coming_[coming_count_++ % kAhead] = {Member::New(score, member), hash};
  if (coming_count_ - merged_ > kAhead / 2) {
    index_.PrefetchItem(coming_[(coming_count_ - kAhead / 2) % kAhead].hash);
  }
}

void SortedSetBuilder::MergeNext() {
  const Coming next = coming_[merged_++ % kAhead];
  Member* found = index_.Find(next.member->bytes(), next.hash);
  if (found == nullptr) {
    Append(next.member);
    return index_.Insert(next.member, next.hash);
  }
  found->set_score(combine_(found->score(), next.member->score()));
  Member::Free(next.member);
}

void SortedSetBuilder::Sort() {
  Settle();
  const auto before = [](const Member* a, const Member* b) {
    return a->score() != b->score() ? a->score() < b->score() : a->bytes() < b->bytes();
  };
  if (std::is_sorted(members_.begin(), members_.end(), before)) return;
  // By scores that stand side by side, not all over memory.
  struct Scored {
    double score;
    Member* member;
  };
  std::vector<Scored> scored;
  scored.reserve(members_.size());
  for (Member* member : members_) scored.push_back({member->score(), member});
  std::sort(scored.begin(), scored.end(), [](const Scored& a, const Scored& b) {
    return a.score != b.score ? a.score < b.score : a.member->bytes() < b.member->bytes();
  });
  for (size_t i = 0; i < scored.size(); ++i) members_[i] = scored[i].member;
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
