// SPDX-License-Identifier: Apache-2.0
// The nodes of a ScoreTree; included by its source files only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/prefetch.h"
#include "store/sorted_set/score_tree.h"

namespace henge::store {

inline bool ScoreTree::Bound::IsBehindTied(const Member* member) const {
  const int order = member->bytes().compare(member_);
  return order < 0 || (order == 0 && after_);
}

inline bool ScoreTree::Bound::IsBehind(uint64_t key, const Member* member) const {
  if (by_ == By::kName) return IsBehindTied(member);
  if (key != key_) return key < key_;
  return by_ == By::kScore ? after_ : IsBehindTied(member);
}

struct ScoreTree::Node {};

struct ScoreTree::Leaf : Node {
  static constexpr uint64_t kMaxShort = std::numeric_limits<uint32_t>::max();

  Leaf* previous;
  Leaf* next;
  uint64_t base;  // A multiple of 2^shift.
  uint16_t count;
  uint8_t shift;
  uint32_t keys[kLeafMembers];
  Member* members[kLeafMembers];

  // Brings the header and the short keys closer.
  void Prefetch() const {
    const char* line = reinterpret_cast<const char*>(this);
    for (size_t at = 0; at < offsetof(Leaf, members); at += 64) PrefetchLine(line + at);
  }
  uint64_t Rough(int index) const { return (base >> shift) + keys[index]; }  // Its key >> shift.
  bool Covers(uint64_t key) const { return key >= base && (key - base) >> shift <= kMaxShort; }
  uint32_t Short(uint64_t key) const { return static_cast<uint32_t>((key - base) >> shift); }

  int CountBefore(const Bound& bound) const;
  // Makes all keys of [low, high] encodable, with a shift of `min_shift` at least.
  void Cover(uint64_t low, uint64_t high, int min_shift = 0);
  // Encodes anew where the short keys have become too alike.
  void Sharpen();
  void Put(int index, uint64_t key, Member* member);
  // Makes these its members. REQUIRES: empty, and room for them.
  void Fill(std::span<Member* const> sorted);
  void Remove(int first, int n = 1);
  // Moves members [first, first + n) of `from` to `at` here.
  void Take(Leaf* from, int first, int n, int at);
};

struct ScoreTree::Inner : Node {
  uint64_t keys[kChildren];   // Of the firsts.
  Member* firsts[kChildren];  // The first member below each child.
  Node* children[kChildren];
  uint64_t sizes[kChildren];  // Members below each child.
  uint64_t count;

  int CountBefore(const Bound& bound) const;
  int ChildFor(const Bound& place) const { return std::max(0, CountBefore(place) - 1); }
  void SetFirst(int index, Member* member) {
    firsts[index] = member;
    keys[index] = KeyOf(member);
  }
  void Put(int index, Node* child, Member* first, size_t size);
  void Remove(int first, int n = 1);
  // Moves children [first, first + n) of `from` to the end here.
  void Take(Inner* from, int first, int n);
};

inline uint64_t ScoreTree::KeyOf(double score) {
  const double positive_zero = score + 0.0;  // -0 + 0 is 0.
  uint64_t bits;
  std::memcpy(&bits, &positive_zero, 8);
  constexpr uint64_t kSign = uint64_t{1} << 63;
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

inline ScoreTree::Leaf* ScoreTree::AsLeaf(Node* node) { return static_cast<Leaf*>(node); }
inline ScoreTree::Inner* ScoreTree::AsInner(Node* node) { return static_cast<Inner*>(node); }
// Brings a node closer that is searched next.
inline void ScoreTree::Prefetch(Node* node, int height) {
  if (height == 0) return AsLeaf(node)->Prefetch();
  const char* keys = reinterpret_cast<const char*>(AsInner(node)->keys);
  for (size_t at = 0; at < sizeof(Inner::keys); at += 64) PrefetchLine(keys + at);
}
inline Member* ScoreTree::FirstOf(Node* node, int height) {
  return height == 0 ? AsLeaf(node)->members[0] : AsInner(node)->firsts[0];
}
inline int ScoreTree::CountOf(Node* node, int height) {
  return height == 0 ? AsLeaf(node)->count : static_cast<int>(AsInner(node)->count);
}

}  // namespace henge::store
