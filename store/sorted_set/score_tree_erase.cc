// SPDX-License-Identifier: Apache-2.0
// What takes members out of a ScoreTree, and its invariants.
#include <cstdlib>

#include "store/sorted_set/score_tree.h"
#include "store/sorted_set/score_tree_nodes.h"

namespace henge::store {

void ScoreTree::Erase(const Member* member) {
  EraseBelow(root_, height_, member, Bound::AfterMember(member->score(), member->bytes()));
  --size_;
  TrimRoot();
}

void ScoreTree::EraseBelow(Node* node, int height, const Member* member, const Bound& place) {
  if (height == 0) {
    Leaf* leaf = AsLeaf(node);
    const int index = leaf->CountBefore(place) - 1;
    if (index < 0 || leaf->members[index] != member) std::abort();
    return leaf->Remove(index);
  }
  Inner* inner = AsInner(node);
  const int i = inner->ChildFor(place);
  Prefetch(inner->children[i], height - 1);
  EraseBelow(inner->children[i], height - 1, member, place);
  --inner->sizes[i];
  if (inner->firsts[i] == member && inner->sizes[i] > 0) {
    inner->SetFirst(i, FirstOf(inner->children[i], height - 1));
  }
  MergeAround(inner, i, height - 1);
}

// Removes the child at `index` if it is empty; joins it with a neighbour if both are rather empty.
void ScoreTree::MergeAround(Inner* parent, int index, int child_height) {
  Node* child = parent->children[index];
  const int full = child_height == 0 ? kLeafMembers : kChildren;
  const int count = CountOf(child, child_height);
  if (count == 0) {
    if (child_height == 0) {
      Leaf* leaf = AsLeaf(child);
      if (leaf->previous != nullptr) leaf->previous->next = leaf->next;
      if (leaf->next != nullptr) leaf->next->previous = leaf->previous;
      FreeLeaf(leaf);
    } else {
      FreeInner(AsInner(child));
    }
    return parent->Remove(index);
  }
  if (count > full / 3) return;
  const auto fits = [&](int i) {
    return i >= 0 && i < static_cast<int>(parent->count) &&
           CountOf(parent->children[i], child_height) + count <= full * 5 / 6;
  };
  if (fits(index - 1)) {
    Merge(parent, index - 1, child_height);
  } else if (fits(index + 1)) {
    Merge(parent, index, child_height);
  }
}

// Moves all that the child behind `left` has to `left`, and frees it.
void ScoreTree::Merge(Inner* parent, int left, int child_height) {
  Node* to = parent->children[left];
  Node* from = parent->children[left + 1];
  if (child_height == 0) {
    Leaf* leaf = AsLeaf(from);
    AsLeaf(to)->Take(leaf, 0, leaf->count, AsLeaf(to)->count);
    AsLeaf(to)->next = leaf->next;
    if (leaf->next != nullptr) leaf->next->previous = AsLeaf(to);
    FreeLeaf(leaf);
  } else {
    AsInner(to)->Take(AsInner(from), 0, static_cast<int>(AsInner(from)->count));
    FreeInner(AsInner(from));
  }
  parent->sizes[left] += parent->sizes[left + 1];
  parent->Remove(left + 1);
}

void ScoreTree::TrimRoot() {
  if (root_ == nullptr) return;
  while (height_ > 0 && AsInner(root_)->count <= 1) {
    Inner* old = AsInner(root_);
    root_ = old->count == 0 ? nullptr : old->children[0];
    FreeInner(old);
    --height_;
    if (root_ == nullptr) height_ = 0;
    if (root_ == nullptr) return;
  }
  if (height_ == 0 && AsLeaf(root_)->count == 0) {
    FreeLeaf(AsLeaf(root_));
    root_ = nullptr;
  }
}

// --- Ranges -------------------------------------------------------------------------------------

ScoreTree::Branch ScoreTree::Cut(size_t first, size_t last) {
  Branch branch;
  last = std::min(last, size_);
  if (first >= last) return branch;
  if (last - first == size_) {
    branch.pieces_.emplace_back(std::exchange(root_, nullptr), std::exchange(height_, 0));
    size_ = 0;
    return branch;
  }
  CutBelow(root_, height_, first, last, branch);
  size_ -= last - first;
  TrimRoot();
  RelinkAt(first);
  return branch;
}

// REQUIRES: [first, last) is neither empty nor all.
void ScoreTree::CutBelow(Node* node, int height, size_t first, size_t last, Branch& branch) {
  if (height == 0) {
    Leaf* cut = NewLeaf();
    cut->Take(AsLeaf(node), static_cast<int>(first), static_cast<int>(last - first), 0);
    branch.pieces_.emplace_back(cut, 0);
    return;
  }
  Inner* inner = AsInner(node);
  size_t before = 0;  // Members in front of child i.
  int whole = 0;      // Children that go as a whole, the last of them at i - 1.
  int i = 0;
  int edge = -1;  // The child in front of them that lost its tail.
  for (; i < static_cast<int>(inner->count) && before < last; ++i) {
    const size_t size = inner->sizes[i];
    const size_t from = std::max(first, before) - before;
    const size_t to = std::min(last, before + size) - before;
    before += size;
    if (first >= before) continue;
    Node* child = inner->children[i];
    if (to - from == size) {
      branch.pieces_.emplace_back(child, height - 1);
      ++whole;
      continue;
    }
    CutBelow(child, height - 1, from, to, branch);
    inner->sizes[i] -= to - from;
    inner->SetFirst(i, FirstOf(child, height - 1));
    if (from == 0) break;  // Its head is gone: it stands behind the whole ones.
    edge = i;
  }
  const int behind = i;  // The first that is left behind the whole ones.
  inner->Remove(behind - whole, whole);
  const int right = behind - whole;
  if (right < static_cast<int>(inner->count)) MergeAround(inner, right, height - 1);
  if (edge >= 0) MergeAround(inner, edge, height - 1);
}

// After a cut, the leaves on both sides of it become neighbours.
void ScoreTree::RelinkAt(size_t rank) {
  Leaf* left = rank == 0 ? nullptr : At(rank - 1).leaf_;
  Leaf* right = At(rank).leaf_;
  if (left == right) return;
  if (left != nullptr) left->next = right;
  if (right != nullptr) right->previous = left;
}

void ScoreTree::Reap(Branch& branch, size_t members, absl::FunctionRef<void(Member*)> fn) {
  auto& pieces = branch.pieces_;
  for (size_t reaped = 0; reaped < members && !pieces.empty();) {
    const auto [node, height] = pieces.back();
    pieces.pop_back();
    if (height > 0) {
      Inner* inner = AsInner(node);
      for (uint64_t i = 0; i < inner->count; ++i) {
        pieces.emplace_back(inner->children[i], height - 1);
      }
      FreeInner(inner);
      continue;
    }
    Leaf* leaf = AsLeaf(node);
    for (int i = 0; i < leaf->count; ++i) PrefetchLine(leaf->members[i]);
    for (int i = 0; i < leaf->count; ++i) fn(leaf->members[i]);
    reaped += leaf->count;
    FreeLeaf(leaf);
  }
}

void ScoreTree::Clear(absl::FunctionRef<void(Member*)> fn) {
  Branch all = Cut(0, size_);
  Reap(all, std::numeric_limits<size_t>::max(), fn);
}

// --- Invariants ---------------------------------------------------------------------------------

namespace {
void Must(bool holds) {
  if (!holds) std::abort();
}
}  // namespace

size_t ScoreTree::VerifyBelow(Node* node, int height) const {
  if (height == 0) {
    const Leaf* leaf = AsLeaf(node);
    Must(leaf->count > 0 && leaf->count <= kLeafMembers);
    Must(leaf->base >> leaf->shift << leaf->shift == leaf->base);
    for (int i = 0; i < leaf->count; ++i) {
      const uint64_t key = KeyOf(leaf->members[i]);
      Must(leaf->Covers(key) && leaf->keys[i] == leaf->Short(key));
    }
    return leaf->count;
  }
  const Inner* inner = AsInner(node);
  Must(inner->count > 0 && inner->count <= kChildren);
  size_t size = 0;
  for (uint64_t i = 0; i < inner->count; ++i) {
    Must(inner->sizes[i] == VerifyBelow(inner->children[i], height - 1));
    Must(inner->firsts[i] == FirstOf(inner->children[i], height - 1));
    Must(inner->keys[i] == KeyOf(inner->firsts[i]));
    size += inner->sizes[i];
  }
  return size;
}

void ScoreTree::Verify() const {
  Must((root_ == nullptr) == (size_ == 0));
  if (root_ == nullptr) return;
  Must(VerifyBelow(root_, height_) == size_);
  size_t seen = 0;
  const Member* before = nullptr;
  for (Cursor at = First(); at; at.Next(), ++seen) {
    if (before != nullptr) {
      Must(Bound::AtMember((*at)->score(), (*at)->bytes()).IsBehind(KeyOf(before), before));
    }
    before = *at;
  }
  Must(seen == size_);
  for (Cursor at = Last(); at; at.Previous()) --seen;
  Must(seen == 0);
}

}  // namespace henge::store
