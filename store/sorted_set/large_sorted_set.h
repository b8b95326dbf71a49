// SPDX-License-Identifier: Apache-2.0
// LargeSortedSet: a sorted set in its large form, which OBJECT ENCODING calls "skiplist".
//
//   hash table: member -> record      score tree: (score, member) -> record, rank <-> record
//                           └──── Member {score, bytes} ────┘  owned here
//
// Removing a range cuts it out of the tree at once; its members leave the hash table, and memory,
// in steps: those that are left over after the first few hundred are swept by later changes and by
// Sweep. Until then such a record may still be found by name, and only the tree knows that it is
// dead. Not thread-safe; the shard's lock is held around every use.
#pragma once

#include <absl/functional/function_ref.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "store/key.h"
#include "store/sorted_set/member.h"
#include "store/sorted_set/score_tree.h"
#include "store/table.h"

namespace henge::store {

struct MemberTraits {
  using Item = Member;
  static std::string_view Key(const Member* member) { return member->bytes(); }
  static uint64_t Hash(std::string_view key) { return HashKey(key); }
};

class LargeSortedSet {
 public:
  LargeSortedSet() = default;
  // Takes over the members: a table of all, or an empty one that is filled then, and all in order.
  LargeSortedSet(Table<MemberTraits> table, std::span<Member* const> sorted);
  ~LargeSortedSet();
  LargeSortedSet(const LargeSortedSet&) = delete;
  LargeSortedSet& operator=(const LargeSortedSet&) = delete;

  size_t size() const { return tree_.size(); }
  // Exact, records cut out but not yet freed included.
  size_t MemoryBytes() const;
  size_t FreeEffort() const { return members_.size(); }

  const ScoreTree& tree() const { return tree_; }
  const Member* Find(std::string_view member) const { return FindLive(member, HashKey(member)); }

  // Hints that the member of this hash will be looked for; see ValueOperations.
  void PrefetchBucket(uint64_t hash) const { members_.Prefetch(hash); }
  void PrefetchRecord(uint64_t hash) const { members_.PrefetchItem(hash); }

  // Gives `member` the score that `decide` returns when it is told the present one (none: absent).
  enum class Outcome : uint8_t { kAdded, kRescored, kUnchanged };
  using Decide = absl::FunctionRef<std::optional<double>(std::optional<double>)>;
  Outcome Put(std::string_view member, Decide decide);
  // REQUIRES: absent.
  void Add(Member* member) { Add(member, HashKey(member->bytes())); }
  bool Remove(std::string_view member);
  void RemoveRanks(size_t first, size_t last);

  // Frees some of what was cut out; whether there is more.
  bool Sweep(size_t members);
  bool swept() const { return cuts_.empty(); }

  // One step from `cursor` (0: the start) through the members in the order of their hashes; returns
  // the next cursor, 0 at the end.
  template <class F>
  uint64_t Scan(uint64_t cursor, F fn) const {
    return members_.Scan(cursor, [&](const Member* m) {
      if (IsLive(m)) fn(m);
    });
  }

 private:
  static constexpr size_t kSweepAtOnce = 256;  // Members a removal frees itself.
  static constexpr size_t kSweepPerChange = 64;

  bool IsLive(const Member* member) const { return cuts_.empty() || tree_.Contains(member); }
  Member* FindLive(std::string_view member, uint64_t hash) const {
    Member* found = members_.Find(member, hash);
    return found != nullptr && IsLive(found) ? found : nullptr;
  }
  void Add(Member* member, uint64_t hash);
  void Free(Member* member) {
    member_bytes_ -= member->MemoryBytes();
    Member::Free(member);
  }

  Table<MemberTraits> members_;
  ScoreTree tree_;
  size_t member_bytes_ = 0;
  std::vector<ScoreTree::Branch> cuts_;  // None is empty.
};

}  // namespace henge::store
