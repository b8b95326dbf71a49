// SPDX-License-Identifier: Apache-2.0
#include "store/sorted_set/large_sorted_set.h"

#include <limits>

#include "base/memory.h"

namespace henge::store {

LargeSortedSet::LargeSortedSet(Table<MemberTraits> table, std::span<Member* const> sorted)
    : members_(std::move(table)) {
  if (members_.empty()) members_.InsertAll(sorted);
  tree_.Build(sorted);
  for (const Member* member : sorted) member_bytes_ += member->MemoryBytes();
}

LargeSortedSet::~LargeSortedSet() {
  constexpr size_t kAll = std::numeric_limits<size_t>::max();
  for (auto& cut : cuts_) tree_.Reap(cut, kAll, [](Member* member) { Member::Free(member); });
  tree_.Clear([](Member* member) { Member::Free(member); });
}

size_t LargeSortedSet::MemoryBytes() const {
  return AllocationSize(sizeof(*this)) + members_.MemoryBytes() + tree_.MemoryBytes() +
         member_bytes_;
}

void LargeSortedSet::Add(Member* member, uint64_t hash) {
  // Of a dead record only the name stands in the way; the record is freed with its branch.
  if (!cuts_.empty()) members_.Erase(member->bytes(), hash);
  members_.Insert(member, hash);
  tree_.Insert(member);
  member_bytes_ += member->MemoryBytes();
}

LargeSortedSet::Outcome LargeSortedSet::Put(std::string_view member, Decide decide) {
  Sweep(kSweepPerChange);
  const uint64_t hash = HashKey(member);
  Member* found = FindLive(member, hash);
  if (found == nullptr) {
    const auto score = decide(std::nullopt);
    if (!score) return Outcome::kUnchanged;
    Add(Member::New(*score, member), hash);
    return Outcome::kAdded;
  }
  const auto score = decide(found->score());
  if (!score || *score == found->score()) return Outcome::kUnchanged;
  tree_.Rescore(found, *score);
  return Outcome::kRescored;
}

bool LargeSortedSet::Remove(std::string_view member) {
  Sweep(kSweepPerChange);
  const uint64_t hash = HashKey(member);
  Member* found = FindLive(member, hash);
  if (found == nullptr) return false;
  members_.Erase(member, hash);
  tree_.Erase(found);
  Free(found);
  return true;
}

void LargeSortedSet::RemoveRanks(size_t first, size_t last) {
  ScoreTree::Branch cut = tree_.Cut(first, last);
  if (!cut.empty()) cuts_.push_back(std::move(cut));
  Sweep(kSweepAtOnce);
}

bool LargeSortedSet::Sweep(size_t members) {
  while (!cuts_.empty() && members > 0) {
    size_t swept = 0;
    tree_.Reap(cuts_.back(), members, [&](Member* member) {
      const uint64_t hash = HashKey(member->bytes());
      // The name may belong to a newer record by now.
      if (members_.Find(member->bytes(), hash) == member) members_.Erase(member->bytes(), hash);
      Free(member);
      ++swept;
    });
    if (cuts_.back().empty()) cuts_.pop_back();
    members -= std::min(members, swept);
  }
  return !cuts_.empty();
}

}  // namespace henge::store
