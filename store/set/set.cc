// SPDX-License-Identifier: Apache-2.0
#include "store/set/set.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>

#include "base/prefetch.h"

namespace henge::store {

// --- Reading
// --------------------------------------------------------------------------------------

size_t SetView::size() const {
  switch (encoding()) {
    case Encoding::kIntset:
      return intset().size();
    case Encoding::kListpack:
      return listpack().size();
    default:
      return large().size();
  }
}

bool SetView::Contains(std::string_view text) const {
  switch (encoding()) {
    case Encoding::kIntset: {
      const auto integer = ParseInt64(text);
      return integer && intset().Contains(*integer);
    }
    case Encoding::kListpack:
      return listpack().Find(text, Listpack::kHeader) != Listpack::kNone;
    default:
      return large().Contains(text);
  }
}

bool SetView::Contains(const SetElement& element) const {
  if (element.is_integer() && encoding() == Encoding::kIntset) {
    return intset().Contains(element.integer);
  }
  SetElement::Digits digits;
  return Contains(element.Text(digits));
}

// --- Drawing lots
// ---------------------------------------------------------------------------------

SetElement SetView::Random(henge::Random& random) const {
  switch (encoding()) {
    case Encoding::kIntset:
      return ElementOf(intset().Get(static_cast<uint32_t>(random.Below(intset().size()))));
    case Encoding::kListpack: {
      const Listpack pack = listpack();
      return pack.Get(pack.Seek(static_cast<int64_t>(random.Below(pack.size()))));
    }
    default:
      return ElementOf(large().members().RandomItem(random));
  }
}

// Selection sampling (Knuth 3.4.2, algorithm S): each in turn is taken with the probability that
// leaves the rest to chance.
std::vector<uint32_t> SetView::SamplePlaces(size_t count, size_t size, henge::Random& random) {
  std::vector<uint32_t> places;
  places.reserve(count);
  for (uint32_t i = 0; places.size() < count; ++i) {
    if (random.Below(size - i) < count - places.size()) places.push_back(i);
  }
  return places;
}

std::vector<Listpack::At> SetView::SampleListpack(size_t count, henge::Random& random) const {
  const Listpack pack = listpack();
  std::vector<Listpack::At> chosen;
  chosen.reserve(count);
  Listpack::At at = pack.First();
  for (size_t left = pack.size(); chosen.size() < count; --left, at = pack.Next(at)) {
    if (random.Below(left) < count - chosen.size()) chosen.push_back(at);
  }
  return chosen;
}

std::vector<SetMember*> SetView::SampleMembers(size_t count, henge::Random& random) const {
  const LargeSet::MemberTable& members = large().members();
  std::vector<SetMember*> chosen;
  chosen.reserve(count);
  size_t left = members.size();
  if (count * 3 > left) {
    members.ForEach([&](SetMember* member) {
      if (random.Below(left--) < count - chosen.size()) chosen.push_back(member);
    });
    return chosen;
  }
  absl::flat_hash_set<const SetMember*> seen;
  seen.reserve(count);
  while (chosen.size() < count) {
    SetMember* member = members.RandomItem(random);
    if (seen.insert(member).second) chosen.push_back(member);
  }
  return chosen;
}

// --- Encodings
// ------------------------------------------------------------------------------------

namespace {

size_t Limit(const std::atomic<int64_t>& limit) {
  return static_cast<size_t>(std::max<int64_t>(0, limit.load(std::memory_order_relaxed)));
}
size_t MaxIntsetEntries(const EncodingLimits& limits) {
  return std::min(Limit(limits.set_max_intset_entries), size_t{1} << 30);
}
size_t DigitsOf(int64_t value) {
  SetElement::Digits digits;
  return FormatInt64(value, digits);
}
Listpack ListpackOf(const Intset& set) {
  Listpack pack = Listpack::New();
  for (uint32_t i = 0; i < set.size(); ++i) pack.Append(set.Get(i));
  return pack;
}

}  // namespace

void Set::BecomeListpack() {
  void* old = entry().object();
  Keep(ListpackOf(intset()));
  std::free(old);
}

void Set::ToLarge() {
  auto* set = new LargeSet;
  ForEach([&](const SetElement& element) {
    SetElement::Digits digits;
    set->Add(element.Text(digits));
  });
  std::free(entry().object());
  Keep(set);
}

void Set::Expect(std::string_view first, size_t count) {
  if (encoding() == Encoding::kHashtable) return;
  const size_t listpack_limit = Limit(limits_.set_max_listpack_entries);
  if (encoding() == Encoding::kListpack) {
    if (count > listpack_limit) ToLarge();
    return;
  }
  const bool fits_intset = count <= Limit(limits_.set_max_intset_entries);
  if (intset().empty() && (!fits_intset || !ParseInt64(first))) {
    count <= listpack_limit ? BecomeListpack() : ToLarge();
  } else if (!fits_intset) {
    ToLarge();
  }
}

void Set::ExpectDistinct(size_t count) {
  if (count <= MaxIntsetEntries(limits_) || count <= Limit(limits_.set_max_listpack_entries)) {
    return;
  }
  ToLarge();
  large().Reserve(count);
}

void Set::BecomeIntset() {
  if (encoding() == Encoding::kIntset || size() > MaxIntsetEntries(limits_)) return;
  std::vector<int64_t> all;
  all.reserve(size());
  ForEach([&](const SetElement& element) { all.push_back(IntegerOf(element).value_or(0)); });
  std::sort(all.begin(), all.end());
  kSetOperations.free(encoding(), entry().object());
  Keep(Intset::FromSorted(all));
}

// --- Changing
// -------------------------------------------------------------------------------------

bool Set::AddInteger(int64_t value) {
  Intset set = intset();
  if (!set.Add(value)) return false;
  Keep(set);
  if (set.size() > MaxIntsetEntries(limits_)) ToLarge();
  return true;
}

// Whether all integers, each taken to be as long as the longest, make a listpack with the text.
bool Set::IntsetFitsListpack(std::string_view text) const {
  const Intset set = intset();
  const size_t longest = set.empty() ? 0 : std::max(DigitsOf(set.Min()), DigitsOf(set.Max()));
  const size_t value_limit = Limit(limits_.set_max_listpack_value);
  return set.size() < Limit(limits_.set_max_listpack_entries) && text.size() <= value_limit &&
         longest <= value_limit;
}

void Set::AddText(std::string_view text) {
  if (!IntsetFitsListpack(text)) {
    ToLarge();
    large().Add(text);
    return;
  }
  BecomeListpack();
  Listpack pack = listpack();
  pack.Append(text);
  Keep(pack);
}

bool Set::AddToListpack(std::string_view text) {
  Listpack pack = listpack();
  if (pack.Find(text, Listpack::kHeader) != Listpack::kNone) return false;
  if (pack.size() < Limit(limits_.set_max_listpack_entries) &&
      text.size() <= Limit(limits_.set_max_listpack_value) && pack.HasRoomFor(text.size())) {
    pack.Append(text);
    Keep(pack);
    return true;
  }
  ToLarge();
  large().Add(text);
  return true;
}

bool Set::Add(std::string_view text) {
  if (encoding() == Encoding::kHashtable) return large().Add(text);
  if (encoding() == Encoding::kListpack) return AddToListpack(text);
  if (const auto integer = ParseInt64(text)) return AddInteger(*integer);
  AddText(text);
  return true;
}

bool Set::Add(const SetElement& element) {
  if (element.is_integer() && encoding() == Encoding::kIntset) return AddInteger(element.integer);
  SetElement::Digits digits;
  return Add(element.Text(digits));
}

void Set::AddAll(std::span<const SetElement> elements) {
  constexpr size_t kAhead = 16;
  for (size_t i = 0; i < elements.size(); ++i) {
    if (i + kAhead < elements.size()) PrefetchLine(elements[i + kAhead].data);
    Add(elements[i]);
  }
}

bool Set::Remove(std::string_view text) {
  if (encoding() == Encoding::kHashtable) return large().Remove(text);
  if (encoding() == Encoding::kListpack) {
    Listpack pack = listpack();
    const auto at = pack.Find(text, Listpack::kHeader);
    if (at == Listpack::kNone) return false;
    pack.Erase(at);
    Keep(pack);
    return true;
  }
  const auto integer = ParseInt64(text);
  return integer && Remove(ElementOf(*integer));
}

bool Set::Remove(const SetElement& element) {
  if (element.is_integer() && encoding() == Encoding::kIntset) {
    Intset set = intset();
    if (!set.Remove(element.integer)) return false;
    Keep(set);
    return true;
  }
  SetElement::Digits digits;
  return Remove(element.Text(digits));
}

std::unique_ptr<LargeSet> Set::Retain(const std::vector<SetMember*>& members) {
  std::unique_ptr<LargeSet> old(&large());
  Keep(Listpack::New());
  if (members.size() > Limit(limits_.set_max_listpack_entries)) {
    ToLarge();
    large().Reserve(members.size());
  }
  for (SetMember* member : members) {
    const std::string_view bytes = member->bytes();
    old->Take(bytes);
    if (encoding() == Encoding::kHashtable) {
      large().Insert(member, HashKey(bytes));
    } else {
      Add(bytes);
      SetMember::Free(member);
    }
  }
  return old;
}

// --- What the entry needs
// -------------------------------------------------------------------------

namespace {

LargeSet* Large(const void* object) { return static_cast<LargeSet*>(const_cast<void*>(object)); }

void* MakeSet() { return Intset::New().block(); }

void FreeSet(Encoding encoding, void* object) {
  encoding == Encoding::kHashtable ? delete Large(object) : std::free(object);
}

size_t SetMemory(Encoding encoding, const void* object) {
  if (encoding == Encoding::kHashtable) return Large(object)->MemoryBytes();
  void* block = const_cast<void*>(object);
  return encoding == Encoding::kIntset ? Intset(block).MemoryBytes()
                                       : Listpack(block).MemoryBytes();
}

size_t SetEffort(Encoding encoding, const void* object) {
  return encoding == Encoding::kHashtable ? Large(object)->size() : 1;
}

void* CopySet(Encoding encoding, const void* object) {
  if (encoding == Encoding::kHashtable) return Large(object)->Clone();
  void* block = const_cast<void*>(object);
  return encoding == Encoding::kIntset ? Intset::Copy(Intset(block).view()).block()
                                       : Listpack::Copy(Listpack(block).view()).block();
}

bool SetIsEmpty(Encoding encoding, const void* object) {
  if (encoding == Encoding::kHashtable) return Large(object)->size() == 0;
  void* block = const_cast<void*>(object);
  return encoding == Encoding::kIntset ? Intset(block).empty() : Listpack(block).empty();
}

void PrefetchBucket(Encoding, const void* object, uint64_t hash) {
  Large(object)->members().Prefetch(hash);
}
void PrefetchMember(Encoding, const void* object, uint64_t hash) {
  Large(object)->members().PrefetchItem(hash);
}

}  // namespace

const ValueOperations kSetOperations = {MakeSet,    Encoding::kIntset, FreeSet,
                                        SetMemory,  SetEffort,         CopySet,
                                        SetIsEmpty, PrefetchBucket,    PrefetchMember};

}  // namespace henge::store
