// SPDX-License-Identifier: Apache-2.0
// Set: what an entry of type set holds, whichever of its three encodings it has.
//
//   intset      all members are integers, at most set-max-intset-entries of them
//   listpack    short members, at most set-max-listpack-entries of them
//   hashtable   the rest (LargeSet)
//
// Conversions happen inside, when and to what Redis 7.2 converts; never back. A SetView reads, a
// Set changes, too; both are handles over an Entry and hold nothing themselves. Not thread-safe:
// the shard's lock is held around every use. What a callback is given is good until the set
// changes; callbacks may not change the set.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/numbers.h"
#include "base/random.h"
#include "store/encoding/intset.h"
#include "store/encoding/listpack.h"
#include "store/entry.h"
#include "store/set/large_set.h"
#include "store/store.h"
#include "store/value.h"

namespace henge::store {

// A member as it is read: text, or an integer.
using SetElement = ListpackElement;

// The integer that a member is, however it is kept.
inline std::optional<int64_t> IntegerOf(const SetElement& element) {
  if (element.is_integer()) return element.integer;
  return ParseInt64({element.data, element.size});
}

class SetView {
 public:
  explicit SetView(const Entry& entry) : entry_(&entry) {}

  Encoding encoding() const { return entry_->encoding(); }
  const Entry& entry() const { return *entry_; }
  size_t size() const;
  bool empty() const { return size() == 0; }
  bool Contains(std::string_view text) const;
  bool Contains(const SetElement& element) const;

  // Hints that the member of this hash (HashKey) will be looked for: its bucket and, later, when
  // that may be here, itself.
  void PrefetchBucket(uint64_t hash) const {
    if (encoding() == Encoding::kHashtable) large().members().Prefetch(hash);
  }
  void PrefetchMember(uint64_t hash) const {
    if (encoding() == Encoding::kHashtable) large().members().PrefetchItem(hash);
  }

  template <class F>
  void ForEach(F fn) const;
  template <class F>
  bool ForEachWhile(F fn) const;  // Until fn returns false; whether it never did.

  // One step from `cursor` (0: the start); returns the next, 0 at the end. The small encodings
  // take one step.
  template <class F>
  uint64_t Scan(uint64_t cursor, F fn) const;

  // --- Drawing lots; REQUIRE: !empty() ----------------------------------------------------------
  SetElement Random(henge::Random& random) const;
  // `count` members, the same again and again.
  template <class F>
  void Draw(uint64_t count, henge::Random& random, F fn) const;
  // min(count, size()) different members, all choices alike, in no special order. Takes time in
  // proportion to `count`, not to the size, of a hashtable.
  template <class F>
  void Sample(size_t count, henge::Random& random, F fn) const;

 protected:
  Intset intset() const { return Intset(entry_->object()); }
  Listpack listpack() const { return Listpack(entry_->object()); }
  LargeSet& large() const { return *static_cast<LargeSet*>(entry_->object()); }
  static SetElement ElementOf(const SetMember* member) {
    const std::string_view bytes = member->bytes();
    return {.data = bytes.data(), .size = static_cast<uint32_t>(bytes.size())};
  }
  static SetElement ElementOf(int64_t integer) { return {.integer = integer}; }

  // Where sampled members stand, ascending.
  static std::vector<uint32_t> SamplePlaces(size_t count, size_t size, henge::Random& random);
  std::vector<Listpack::At> SampleListpack(size_t count, henge::Random& random) const;
  std::vector<SetMember*> SampleMembers(size_t count, henge::Random& random) const;

  const Entry* entry_;
};

class Set : public SetView {
 public:
  Set(Entry& entry, const EncodingLimits& limits) : SetView(entry), limits_(limits) {}

  // `count` members are about to be added, `first` the first of them: an empty set takes the
  // encoding for them, a small one that can't hold so many makes room at once.
  void Expect(std::string_view first, size_t count);
  // An empty set will get `count` different members or more: where that makes a table, lays it out.
  void ExpectDistinct(size_t count);
  bool Add(std::string_view text);  // Whether it is new.
  bool Add(const SetElement& element);
  // Adds members of other sets, which it fetches from memory in time.
  void AddAll(std::span<const SetElement> elements);
  bool Remove(std::string_view text);  // Whether it was there.
  bool Remove(const SetElement& element);
  void BecomeListpack();  // REQUIRES: an intset.
  // An intset, if all are integers and few enough. REQUIRES: all members are integers.
  void BecomeIntset();

  // Takes out a random member after fn(element). REQUIRES: !empty().
  template <class F>
  void Pop(henge::Random& random, F fn);
  // The same with `count` different ones. Returns what is left over to be freed, which may take
  // long. REQUIRES: count < size().
  template <class F>
  std::unique_ptr<LargeSet> PopSample(size_t count, henge::Random& random, F fn);
  // Takes out all after fn(element); what is left over as there.
  template <class F>
  std::unique_ptr<LargeSet> PopAll(F fn);

 private:
  // Redis's: when only one member in so many stays, the ones that stay are moved.
  static constexpr size_t kMoveStrategyFactor = 5;

  Entry& entry() { return *const_cast<Entry*>(entry_); }
  void Keep(const Listpack& pack) { entry().set_object(Encoding::kListpack, pack.block()); }
  void Keep(const Intset& set) { entry().set_object(Encoding::kIntset, set.block()); }
  void Keep(LargeSet* set) { entry().set_object(Encoding::kHashtable, set); }
  bool AddInteger(int64_t value);  // To an intset.
  void AddText(std::string_view);  // Not an integer, to an intset.
  bool AddToListpack(std::string_view text);
  bool IntsetFitsListpack(std::string_view text) const;
  void ToLarge();
  // Replaces a table by one with these members of it, which may be small; returns the old one with
  // the rest.
  std::unique_ptr<LargeSet> Retain(const std::vector<SetMember*>& members);

  const EncodingLimits& limits_;
};

extern const ValueOperations kSetOperations;

}  // namespace henge::store

#include "store/set/set_inline.h"
