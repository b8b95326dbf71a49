// SPDX-License-Identifier: Apache-2.0
#include "store/sorted_set/score_tree.h"

#include <cstdlib>

#include "store/sorted_set/score_tree_nodes.h"

namespace henge::store {

// --- Cursors ------------------------------------------------------------------------------------

Member* ScoreTree::Cursor::operator*() const { return leaf_->members[index_]; }

void ScoreTree::Cursor::Next() {
  constexpr int kAhead = 6;  // Members are spread over memory: fetch them in time.
  if (++index_ < leaf_->count) {
    if (index_ + kAhead < leaf_->count) PrefetchLine(leaf_->members[index_ + kAhead]);
    return;
  }
  leaf_ = leaf_->next;
  index_ = 0;
  if (leaf_ == nullptr) return;
  if (leaf_->next != nullptr) PrefetchLine(leaf_->next);
  for (int i = 0; i < std::min<int>(kAhead, leaf_->count); ++i) PrefetchLine(leaf_->members[i]);
}

void ScoreTree::Cursor::Previous() {
  constexpr int kAhead = 6;
  if (--index_ >= 0) {
    if (index_ >= kAhead) PrefetchLine(leaf_->members[index_ - kAhead]);
    return;
  }
  leaf_ = leaf_->previous;
  if (leaf_ == nullptr) return;
  index_ = leaf_->count - 1;
  for (int i = std::max(0, index_ - kAhead); i <= index_; ++i) PrefetchLine(leaf_->members[i]);
}

// --- Finding ------------------------------------------------------------------------------------

size_t ScoreTree::RankOf(const Bound& bound) const {
  Node* node = root_;
  if (node == nullptr) return 0;
  size_t rank = 0;
  for (int height = height_; height > 0; --height) {
    const Inner* inner = AsInner(node);
    const int before = inner->CountBefore(bound);
    if (before == 0) return rank;
    node = inner->children[before - 1];
    Prefetch(node, height - 1);
    for (int i = 0; i < before - 1; ++i) rank += inner->sizes[i];
  }
  return rank + static_cast<size_t>(AsLeaf(node)->CountBefore(bound));
}

bool ScoreTree::Contains(const Member* member) const {
  Node* node = root_;
  if (node == nullptr) return false;
  const Bound place = Bound::AfterMember(member->score(), member->bytes());
  for (int height = height_; height > 0; --height) {
    node = AsInner(node)->children[AsInner(node)->ChildFor(place)];
  }
  const Leaf* leaf = AsLeaf(node);
  const int behind = leaf->CountBefore(place);
  return behind > 0 && leaf->members[behind - 1] == member;
}

ScoreTree::Cursor ScoreTree::At(size_t rank) const {
  if (rank >= size_) return {nullptr, 0};
  Node* node = root_;
  for (int height = height_; height > 0; --height) {
    const Inner* inner = AsInner(node);
    int i = 0;
    while (rank >= inner->sizes[i]) rank -= inner->sizes[i++];
    node = inner->children[i];
  }
  PrefetchLine(AsLeaf(node)->members[rank]);
  return {AsLeaf(node), static_cast<int>(rank)};
}

// --- Nodes --------------------------------------------------------------------------------------

ScoreTree::Leaf* ScoreTree::NewLeaf() {
  auto* leaf = static_cast<Leaf*>(std::malloc(sizeof(Leaf)));
  if (leaf == nullptr) std::abort();
  leaf->previous = leaf->next = nullptr;
  leaf->base = 0;
  leaf->count = 0;
  leaf->shift = 0;
  bytes_ += AllocationSize(sizeof(Leaf));
  return leaf;
}

ScoreTree::Inner* ScoreTree::NewInner() {
  auto* inner = static_cast<Inner*>(std::malloc(sizeof(Inner)));
  if (inner == nullptr) std::abort();
  inner->count = 0;
  bytes_ += AllocationSize(sizeof(Inner));
  return inner;
}

void ScoreTree::FreeLeaf(Leaf* leaf) {
  bytes_ -= AllocationSize(sizeof(Leaf));
  std::free(leaf);
}

void ScoreTree::FreeInner(Inner* inner) {
  bytes_ -= AllocationSize(sizeof(Inner));
  std::free(inner);
}

// Puts `leaf` between two neighbours, either of which may be null.
void ScoreTree::Link(Leaf* left, Leaf* leaf, Leaf* right) {
  leaf->previous = left;
  leaf->next = right;
  if (left != nullptr) left->next = leaf;
  if (right != nullptr) right->previous = leaf;
}

size_t ScoreTree::SizeOf(Node* node, int height) {
  if (height == 0) return AsLeaf(node)->count;
  size_t size = 0;
  for (uint64_t i = 0; i < AsInner(node)->count; ++i) size += AsInner(node)->sizes[i];
  return size;
}

// --- Inserting ----------------------------------------------------------------------------------

// Full nodes on the way are split before they are entered, so that a parent always has room.
void ScoreTree::Insert(Member* member) {
  const Bound place = Bound::AfterMember(member->score(), member->bytes());
  if (root_ == nullptr) root_ = NewLeaf();
  if (CountOf(root_, height_) == (height_ == 0 ? kLeafMembers : kChildren)) {
    Inner* root = NewInner();
    root->Put(0, root_, FirstOf(root_, height_), size_);
    root_ = root;
    ++height_;
  }
  Node* node = root_;
  for (int height = height_; height > 0; --height) {
    Inner* inner = AsInner(node);
    int i = inner->ChildFor(place);
    Prefetch(inner->children[i], height - 1);
    if (height > 1 && AsInner(inner->children[i])->count == kChildren) {
      SplitChild(inner, i, place);
      i = inner->ChildFor(place);
    } else if (height == 1 && AsLeaf(inner->children[i])->count == kLeafMembers) {
      MakeRoom(inner, i, member, place);
      i = inner->ChildFor(place);
    }
    if (!place.IsBehind(inner->keys[i], inner->firsts[i])) inner->SetFirst(i, member);
    ++inner->sizes[i];
    node = inner->children[i];
  }
  Leaf* leaf = AsLeaf(node);
  leaf->Put(leaf->CountBefore(place), place.key_, member);
  ++size_;
}

void ScoreTree::Build(std::span<Member* const> sorted) {
  if (sorted.empty()) return;
  // Where the part of `all` that each of `parts` takes begins: all take the same, but for one.
  const auto begin = [](size_t all, size_t part, size_t parts) { return all * part / parts; };
  std::vector<Node*> nodes((sorted.size() + kLeafMembers - 1) / kLeafMembers);
  Leaf* previous = nullptr;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const size_t first = begin(sorted.size(), i, nodes.size());
    const size_t end = begin(sorted.size(), i + 1, nodes.size());
    for (size_t ahead = end; ahead < std::min(sorted.size(), end + (end - first)); ++ahead) {
      PrefetchLine(sorted[ahead]);
    }
    Leaf* leaf = NewLeaf();
    leaf->Fill(sorted.subspan(first, end - first));
    Link(previous, leaf, nullptr);
    nodes[i] = previous = leaf;
  }
  for (height_ = 0; nodes.size() > 1; ++height_) {
    std::vector<Node*> above((nodes.size() + kChildren - 1) / kChildren);
    for (size_t i = 0; i < above.size(); ++i) {
      Inner* inner = NewInner();
      for (size_t c = begin(nodes.size(), i, above.size());
           c < begin(nodes.size(), i + 1, above.size()); ++c) {
        inner->Put(static_cast<int>(inner->count), nodes[c], FirstOf(nodes[c], height_),
                   SizeOf(nodes[c], height_));
      }
      above[i] = inner;
    }
    nodes = std::move(above);
  }
  root_ = nodes[0];
  size_ = sorted.size();
}

// Splits a full inner node below `parent`: evenly, or leaving the old one nearly full when members
// arrive in order.
void ScoreTree::SplitChild(Inner* parent, int index, const Bound& place) {
  Inner* child = AsInner(parent->children[index]);
  const bool at_end = place.IsBehind(child->keys[kChildren - 1], child->firsts[kChildren - 1]);
  const int moved = at_end ? 2 : kChildren / 2;
  Inner* right = NewInner();
  right->Take(child, kChildren - moved, moved);
  const size_t size = SizeOf(right, 1);
  parent->sizes[index] -= size;
  parent->Put(index + 1, right, right->firsts[0], size);
}

// The leaf at `index` is full and `member` belongs there. Afterwards the leaf for its place has
// room.
void ScoreTree::MakeRoom(Inner* parent, int index, Member* member, const Bound& place) {
  Leaf* leaf = AsLeaf(parent->children[index]);
  if (leaf->next == nullptr && leaf->CountBefore(place) == kLeafMembers) {
    Leaf* fresh = NewLeaf();
    Link(leaf, fresh, nullptr);
    return parent->Put(index + 1, fresh, member, 0);
  }
  if (leaf->previous == nullptr && leaf->CountBefore(place) == 0) {
    Leaf* fresh = NewLeaf();
    Link(nullptr, fresh, leaf);
    return parent->Put(0, fresh, member, 0);
  }
  if (GiveToLeft(parent, index) || GiveToRight(parent, index)) return;
  SplitLeaf(parent, index);
}

namespace {
// Fewer free places than these in a neighbour are not worth the trouble.
constexpr int kWorthGiving = 6;
}  // namespace

bool ScoreTree::GiveToLeft(Inner* parent, int index) {
  if (index == 0) return false;
  Leaf* leaf = AsLeaf(parent->children[index]);
  Leaf* left = AsLeaf(parent->children[index - 1]);
  const int room = kLeafMembers - left->count;
  if (room < kWorthGiving) return false;
  left->Take(leaf, 0, room / 2, left->count);
  parent->sizes[index - 1] = left->count;
  parent->sizes[index] = leaf->count;
  parent->SetFirst(index, leaf->members[0]);
  return true;
}

bool ScoreTree::GiveToRight(Inner* parent, int index) {
  if (index + 1 == static_cast<int>(parent->count)) return false;
  Leaf* leaf = AsLeaf(parent->children[index]);
  Leaf* right = AsLeaf(parent->children[index + 1]);
  const int room = kLeafMembers - right->count;
  if (room < kWorthGiving) return false;
  right->Take(leaf, leaf->count - room / 2, room / 2, 0);
  parent->sizes[index] = leaf->count;
  parent->sizes[index + 1] = right->count;
  parent->SetFirst(index + 1, right->members[0]);
  return true;
}

void ScoreTree::SplitLeaf(Inner* parent, int index) {
  Leaf* leaf = AsLeaf(parent->children[index]);
  Leaf* right = NewLeaf();
  Link(leaf, right, leaf->next);
  right->Take(leaf, kLeafMembers / 2, kLeafMembers - kLeafMembers / 2, 0);
  leaf->Sharpen();
  right->Sharpen();
  parent->sizes[index] = leaf->count;
  parent->Put(index + 1, right, right->members[0], right->count);
}

void ScoreTree::Rescore(Member* member, double score) {
  const Bound old_place = Bound::AfterMember(member->score(), member->bytes());
  const Bound place = Bound::AtMember(score, member->bytes());
  Node* node = root_;
  for (int height = height_; height > 0; --height) {
    node = AsInner(node)->children[AsInner(node)->ChildFor(old_place)];
    Prefetch(node, height - 1);
  }
  Leaf* leaf = AsLeaf(node);
  const int i = leaf->CountBefore(old_place) - 1;
  const auto is_before = [&](int j) {
    return place.IsBehind(KeyOf(leaf->members[j]), leaf->members[j]);
  };
  // Most changes are small: where both neighbours in the leaf stay neighbours nothing moves.
  if (i > 0 && i + 1 < leaf->count && is_before(i - 1) && !is_before(i + 1)) {
    member->set_score(score);
    if (!leaf->Covers(place.key_)) leaf->Cover(place.key_, place.key_);
    leaf->keys[i] = leaf->Short(place.key_);
    return;
  }
  Erase(member);
  member->set_score(score);
  Insert(member);
}

}  // namespace henge::store
