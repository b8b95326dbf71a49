// SPDX-License-Identifier: Apache-2.0
#include "store/sorted_set/sorted_set.h"

#include <cstdlib>
#include <vector>

namespace henge::store {
namespace {

using Bound = ScoreTree::Bound;

// The rank before which a name range begins or ends.
size_t RankOf(const ScoreTree& tree, const NameEnd& end, bool after) {
  switch (end.kind) {
    case NameEnd::Kind::kLowest:
      return 0;
    case NameEnd::Kind::kHighest:
      return tree.size();
    case NameEnd::Kind::kMember:
      break;
  }
  return tree.RankOf(after ? Bound::AfterName(end.member) : Bound::AtName(end.member));
}

// Where, in a packed set, the members that are in no sense below the range and not above it stand.
template <class IsBelow, class IsAbove>
RankRange FindPacked(const PackedSortedSet& set, IsBelow is_below, IsAbove is_above) {
  RankRange ranks;
  auto at = set.First();
  for (; at != Listpack::kNone && is_below(at); at = set.Next(at)) ++ranks.first;
  ranks.last = ranks.first;
  for (; at != Listpack::kNone && !is_above(at); at = set.Next(at)) ++ranks.last;
  return ranks;
}

}  // namespace

SortedSetLimits SortedSetLimits::Of(const StoreSettings& settings) {
  const auto load = [](const std::atomic<int64_t>& value) {
    return static_cast<size_t>(value.load(std::memory_order_relaxed));
  };
  return {.members = load(settings.encodings.zset_max_listpack_entries),
          .member_bytes = load(settings.encodings.zset_max_listpack_value)};
}

size_t SortedSet::size() const { return is_packed() ? packed().size() : large().size(); }

// --- Reading ------------------------------------------------------------------------------------

std::optional<double> SortedSet::Score(std::string_view member) const {
  if (is_packed()) {
    const PackedSortedSet set = packed();
    const auto at = set.Find(member);
    if (at == Listpack::kNone) return std::nullopt;
    return set.ScoreAt(at);
  }
  const Member* found = large().Find(member);
  if (found == nullptr) return std::nullopt;
  return found->score();
}

std::optional<SortedSet::Place> SortedSet::Find(std::string_view member) const {
  if (is_packed()) {
    const PackedSortedSet set = packed();
    size_t rank = 0;
    for (auto at = set.First(); at != Listpack::kNone; at = set.Next(at), ++rank) {
      if (set.pack().Equals(at, member)) return Place{rank, set.ScoreAt(at)};
    }
    return std::nullopt;
  }
  const Member* found = large().Find(member);
  if (found == nullptr) return std::nullopt;
  return Place{large().tree().RankOf(Bound::AtMember(found->score(), member)), found->score()};
}

RankRange SortedSet::RanksOf(const ScoreRange& range) const {
  if (is_packed()) {
    const PackedSortedSet set = packed();
    return FindPacked(
        set, [&](auto at) { return range.IsBelow(set.ScoreAt(at)); },
        [&](auto at) { return range.IsAbove(set.ScoreAt(at)); });
  }
  const ScoreTree& tree = large().tree();
  return {tree.RankOf(range.min_open ? Bound::AfterScore(range.min) : Bound::AtScore(range.min)),
          tree.RankOf(range.max_open ? Bound::AtScore(range.max) : Bound::AfterScore(range.max))};
}

RankRange SortedSet::RanksOf(const NameRange& range) const {
  if (is_packed()) {
    const PackedSortedSet set = packed();
    ListpackElement::Digits digits;
    return FindPacked(
        set, [&](auto at) { return range.IsBelow(set.MemberAt(at).Text(digits)); },
        [&](auto at) { return range.IsAbove(set.MemberAt(at).Text(digits)); });
  }
  const ScoreTree& tree = large().tree();
  return {RankOf(tree, range.min, range.min.open), RankOf(tree, range.max, !range.max.open)};
}

void SortedSet::Walk(RankRange ranks, bool reverse, Visit visit) const {
  size_t left = ranks.size();
  if (left == 0) return;
  if (is_packed()) {
    const PackedSortedSet set = packed();
    ListpackElement::Digits digits;
    auto at = set.Seek(reverse ? ranks.last - 1 : ranks.first);
    for (; left > 0; --left) {
      visit(set.MemberAt(at).Text(digits), set.ScoreAt(at));
      at = reverse ? set.Previous(at) : set.Next(at);
    }
    return;
  }
  auto at = large().tree().At(reverse ? ranks.last - 1 : ranks.first);
  for (; left > 0; --left) {
    visit((*at)->bytes(), (*at)->score());
    reverse ? at.Previous() : at.Next();
  }
}

uint64_t SortedSet::Scan(uint64_t cursor, Visit visit) const {
  if (!is_packed()) {
    return large().Scan(cursor, [&](const Member* m) { visit(m->bytes(), m->score()); });
  }
  ForEach(visit);
  return 0;
}

// --- Changing -----------------------------------------------------------------------------------

void SortedSet::Unpack() {
  auto* large = new LargeSortedSet;
  ForEach([&](std::string_view member, double score) { large->Add(Member::New(score, member)); });
  std::free(entry_.object());
  entry_.set_object(Encoding::kSkiplist, large);
}

void SortedSet::Expect(size_t members, size_t member_bytes, const SortedSetLimits& limits) {
  if (!is_packed()) return;
  const bool is_new = packed().pack().empty();
  if (members > limits.members || (is_new && member_bytes > limits.member_bytes)) Unpack();
}

// None: the member is new and too much for a listpack.
std::optional<SortedSet::Outcome> SortedSet::PutPacked(std::string_view member,
                                                       const SortedSetLimits& limits,
                                                       Decide decide) {
  PackedSortedSet set = packed();
  const auto at = set.Find(member);
  if (at == Listpack::kNone) {
    const bool fits = set.size() + 1 <= limits.members && member.size() <= limits.member_bytes &&
                      set.pack().HasRoomFor(member.size());
    if (!fits) return std::nullopt;
    const auto score = decide(std::nullopt);
    if (!score) return Outcome::kUnchanged;
    set.Insert(member, *score);
    Keep(set);
    return Outcome::kAdded;
  }
  const double present = set.ScoreAt(at);
  const auto score = decide(present);
  if (!score || *score == present) return Outcome::kUnchanged;
  set.Erase(at);
  set.Insert(member, *score);
  Keep(set);
  return Outcome::kRescored;
}

SortedSet::Outcome SortedSet::Put(std::string_view member, const SortedSetLimits& limits,
                                  Decide decide) {
  if (is_packed()) {
    if (const auto outcome = PutPacked(member, limits, decide)) return *outcome;
    if (!decide(std::nullopt)) return Outcome::kUnchanged;
    Unpack();
  }
  return large().Put(member, decide);
}

bool SortedSet::Remove(std::string_view member) {
  if (!is_packed()) return large().Remove(member);
  PackedSortedSet set = packed();
  const auto at = set.Find(member);
  if (at == Listpack::kNone) return false;
  set.Erase(at);
  Keep(set);
  return true;
}

void SortedSet::RemoveRanks(RankRange ranks) {
  if (ranks.empty()) return;
  if (!is_packed()) return large().RemoveRanks(ranks.first, ranks.last);
  PackedSortedSet set = packed();
  set.Erase(set.Seek(ranks.first), ranks.size());
  Keep(set);
}

// --- As a value ---------------------------------------------------------------------------------

namespace {

const LargeSortedSet& Large(const void* object) {
  return *static_cast<const LargeSortedSet*>(object);
}
Listpack Packed(const void* object) { return Listpack(const_cast<void*>(object)); }

void* Copy(Encoding encoding, const void* object) {
  if (encoding == Encoding::kListpack) return Listpack::Copy(Packed(object).view()).block();
  std::vector<Member*> members;
  members.reserve(Large(object).size());
  for (auto at = Large(object).tree().First(); at; at.Next()) {
    members.push_back(Member::New((*at)->score(), (*at)->bytes()));
  }
  return new LargeSortedSet({}, members);
}

}  // namespace

const ValueOperations SortedSet::kOperations = {
    .make = [] { return static_cast<void*>(Listpack::New().block()); },
    .smallest = Encoding::kListpack,
    .free =
        [](Encoding encoding, void* object) {
          if (encoding == Encoding::kListpack) return std::free(object);
          delete static_cast<LargeSortedSet*>(object);
        },
    .memory =
        [](Encoding encoding, const void* object) {
          return encoding == Encoding::kListpack ? Packed(object).MemoryBytes()
                                                 : Large(object).MemoryBytes();
        },
    .free_effort =
        [](Encoding encoding, const void* object) {
          return encoding == Encoding::kListpack ? size_t{1} : Large(object).FreeEffort();
        },
    .copy = Copy,
    .empty =
        [](Encoding encoding, const void* object) {
          return encoding == Encoding::kListpack ? Packed(object).empty()
                                                 : Large(object).size() == 0;
        },
    .prefetch_bucket = [](Encoding, const void* object,
                          uint64_t hash) { Large(object).PrefetchBucket(hash); },
    .prefetch_record = [](Encoding, const void* object,
                          uint64_t hash) { Large(object).PrefetchRecord(hash); },
};

}  // namespace henge::store
