// SPDX-License-Identifier: Apache-2.0
// ScoreTree: the members of a large sorted set in the order of (score, member), with ranks.
//
// A B+ tree. A leaf holds up to 61 members, an inner node up to 63 children; for each child it
// knows how many members are below it and the first of them:
//
//   inner   | key of first, first member, child, size |  × 63
//                                   |
//   leaf    | prev, next | base, shift | short keys (4 B each) × 61 | members × 61 |
//
// A *key* is a score's bits, turned so that they order as the score does. A leaf keeps of each key
// the part that tells its members apart, in four bytes: (key - base) >> shift. So a descent reads
// no member unless short keys tie, and the tree costs about 15 bytes a member. A leaf's base and
// shift follow its members: where keys fall outside, the shift grows, which is worked out from the
// short keys alone; where a leaf's short keys have become too alike it is encoded anew when it
// splits.
//
// A full leaf first gives members to a neighbour; where they are full too, it splits. Members that
// arrive in order fill the leaves.
//
// Does not own members. Equal scores order by memcmp, then by length, as in Redis; -0 equals 0.
// Not thread-safe. A Cursor is valid until the next change.
#pragma once

#include <absl/functional/function_ref.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "store/sorted_set/member.h"

namespace henge::store {

class ScoreTree {
  struct Node;
  struct Leaf;
  struct Inner;

 public:
  // A place in the order: between the members that are before it and those that are not.
  class Bound {
   public:
    static Bound AtScore(double score);     // Before the members with this score.
    static Bound AfterScore(double score);  // Behind them.
    static Bound AtMember(double score, std::string_view member);
    static Bound AfterMember(double score, std::string_view member);
    // For sets whose scores are all the same: by member alone.
    static Bound AtName(std::string_view member);
    static Bound AfterName(std::string_view member);

   private:
    friend class ScoreTree;
    enum class By : uint8_t { kScore, kMember, kName };
    Bound(By by, bool after, uint64_t key, std::string_view member)
        : key_(key), member_(member), by_(by), after_(after) {}
    // Whether the bound comes behind `member`, whose key it is.
    bool IsBehind(uint64_t key, const Member* member) const;
    bool IsBehindTied(const Member* member) const;

    uint64_t key_;
    std::string_view member_;
    By by_;
    bool after_;
  };

  // A member's place, or the end.
  class Cursor {
   public:
    explicit operator bool() const { return leaf_ != nullptr; }
    Member* operator*() const;
    void Next();
    void Previous();  // From the first: the end.

   private:
    friend class ScoreTree;
    Cursor(Leaf* leaf, int index) : leaf_(leaf), index_(index) {}
    Leaf* leaf_;
    int index_;
  };

  // Members cut out of a tree, with the nodes that held them, to be taken apart in steps.
  class Branch {
   public:
    bool empty() const { return pieces_.empty(); }

   private:
    friend class ScoreTree;
    std::vector<std::pair<Node*, int>> pieces_;  // With their heights.
  };

  ScoreTree() = default;
  ~ScoreTree() {
    Clear([](Member*) {});
  }
  ScoreTree(const ScoreTree&) = delete;
  ScoreTree& operator=(const ScoreTree&) = delete;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Of the nodes, those of branches not yet reaped included; without the members.
  size_t MemoryBytes() const { return bytes_; }

  // REQUIRES: no equal member is there.
  void Insert(Member* member);
  // Puts in many at once. REQUIRES: they are in order, none equals another, and the tree is empty.
  void Build(std::span<Member* const> sorted);
  // REQUIRES: it is there, under its present score.
  void Erase(const Member* member);
  // Gives a member that is there another score.
  void Rescore(Member* member, double score);
  // Whether this very record is there.
  bool Contains(const Member* member) const;

  // How many members are before the bound.
  size_t RankOf(const Bound& bound) const;
  Cursor At(size_t rank) const;  // The end when there are not so many.
  Cursor First() const { return At(0); }
  Cursor Last() const { return empty() ? Cursor(nullptr, 0) : At(size_ - 1); }

  // Cuts out the members with ranks [first, last); touches O(log n) nodes and no members but a few
  // at the edges. The branch must be reaped to its end by this tree.
  Branch Cut(size_t first, size_t last);
  // Takes apart at least `members` of a branch (all, if it holds fewer), by whole leaves, handing
  // each to `fn`.
  void Reap(Branch& branch, size_t members, absl::FunctionRef<void(Member*)> fn);
  // Hands every member to `fn` and forgets them.
  void Clear(absl::FunctionRef<void(Member*)> fn);

  // Aborts when an invariant does not hold; for tests.
  void Verify() const;

 private:
  static constexpr int kLeafMembers = 61;
  static constexpr int kChildren = 63;

  static uint64_t KeyOf(double score);
  static uint64_t KeyOf(const Member* member) { return KeyOf(member->score()); }
  static Leaf* AsLeaf(Node* node);
  static Inner* AsInner(Node* node);
  static void Prefetch(Node* node, int height);
  static Member* FirstOf(Node* node, int height);
  static int CountOf(Node* node, int height);  // Members of a leaf, children of an inner node.
  static size_t SizeOf(Node* node, int height);

  Leaf* NewLeaf();
  Inner* NewInner();
  void FreeLeaf(Leaf* leaf);
  void FreeInner(Inner* inner);
  void Link(Leaf* left, Leaf* leaf, Leaf* right);

  void SplitChild(Inner* parent, int index, const Bound& place);
  void MakeRoom(Inner* parent, int index, Member* member, const Bound& place);
  static bool GiveToLeft(Inner* parent, int index);
  static bool GiveToRight(Inner* parent, int index);
  void SplitLeaf(Inner* parent, int index);

  void EraseBelow(Node* node, int height, const Member* member, const Bound& place);
  void MergeAround(Inner* parent, int index, int child_height);
  void Merge(Inner* parent, int left, int child_height);
  void TrimRoot();
  void CutBelow(Node* node, int height, size_t first, size_t last, Branch& branch);
  void RelinkAt(size_t rank);
  size_t VerifyBelow(Node* node, int height) const;

  Node* root_ = nullptr;
  int height_ = 0;  // Of the root; leaves have 0.
  size_t size_ = 0;
  size_t bytes_ = 0;
};

}  // namespace henge::store
