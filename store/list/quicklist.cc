// SPDX-License-Identifier: Apache-2.0
#include "store/list/quicklist.h"

#include <algorithm>

namespace henge::store {
namespace {

// What a new element may take beside its text, generously.
constexpr size_t kElementOverhead = 8;
constexpr size_t kMostElementOverhead = 10;
// What pushes at the head may keep before the first node at most.
constexpr size_t kMostHeadRoom = 1024;
// Header and end of a listpack, which two that are joined have once.
constexpr size_t kPackOverhead = Listpack::kHeader + 1;

bool IsLarge(std::string_view text, size_t large) {
  constexpr size_t kMostPacked = Listpack::kMaxBytes - 64;
  return text.size() >= std::min(large, kMostPacked);
}

}  // namespace

Quicklist::~Quicklist() {
  if (nodes() == 0) return;
  Position at = index_.First();
  index_.At(at).block -= head_.front;
  do {
    index_.At(at).Free();
  } while (index_.Next(at));
}

Quicklist* Quicklist::Copy() const {
  auto* copy = new Quicklist(fill_);
  if (nodes() == 0) return copy;
  Position at = index_.First();
  do {
    const ListNode node = index_.At(at).Copy();
    copy->Add(node);
    copy->index_.PushBack(node);
  } while (index_.Next(at));
  return copy;
}

uint64_t Quicklist::ContentBytes() const {
  if (nodes() == 0) return 0;
  uint64_t bytes = 0;
  Position at = index_.First();
  do {
    bytes += index_.At(at).bytes;
  } while (index_.Next(at));
  return bytes;
}

bool Quicklist::HasRoomFor(size_t bytes, uint64_t count, std::string_view text,
                           size_t large) const {
  if (IsLarge(text, large)) return false;
  return ListNodeLimit::Of(fill_).Allows(bytes + text.size() + kElementOverhead, count + 1);
}

bool Quicklist::CanJoin(const ListNode& left, const ListNode& right) const {
  if (left.plain || right.plain) return false;
  const size_t bytes = size_t{left.bytes} + right.bytes - kPackOverhead;
  return bytes < Listpack::kMaxBytes &&
         ListNodeLimit::Of(fill_).Allows(bytes, uint64_t{left.count} + right.count);
}

template <class F>
void Quicklist::Change(Position at, F change) {
  ListNode& node = index_.At(at);
  Listpack pack = node.pack();
  block_bytes_ -= node.MemoryBytes();
  const int64_t delta = change(pack);
  node.block = pack.block();
  node.bytes = static_cast<uint32_t>(pack.bytes());
  block_bytes_ += node.MemoryBytes();
  if (delta != 0) index_.Recount(at, delta);
}

void Quicklist::FreeNode(Position at) {
  if (IsOpen(at)) CloseHead();
  const ListNode node = index_.At(at);
  block_bytes_ -= node.MemoryBytes();
  index_.Erase(at);
  node.Free();
}

ListNode Quicklist::MakeNode(std::string_view text, bool plain) {
  if (plain) return ListNode::Plain(text);
  Listpack pack = Listpack::New();
  pack.Append(text);
  return ListNode::Packed(pack, 1);
}

void Quicklist::AppendPack(const Listpack& pack) {
  const ListNode node = ListNode::Packed(pack, pack.size());
  Add(node);
  index_.PushBack(node);
}

void Quicklist::AppendPlain(std::string_view text) {
  const ListNode node = ListNode::Plain(text);
  Add(node);
  index_.PushBack(node);
}

std::optional<Listpack> Quicklist::TakeSoleWithin(const ListNodeLimit& limit) {
  if (nodes() != 1) return std::nullopt;
  const ListNode& first = index_.At(index_.First());
  if (first.plain || first.bytes > limit.bytes || first.count > limit.count) return std::nullopt;
  CloseHead();
  const ListNode node = index_.At(index_.First());
  block_bytes_ -= node.MemoryBytes();
  index_.Erase(index_.First());
  return node.pack();
}

// --- Ends ---------------------------------------------------------------------------------------

// Moves the first node's block to the end of a larger allocation.
void Quicklist::OpenHead(size_t need) {
  CloseHead();
  ListNode& node = index_.At(index_.First());
  const size_t room = std::max(need, std::min<size_t>(kMostHeadRoom, node.bytes / 4));
  const size_t capacity = AllocationSize(node.bytes + room);
  auto* memory = static_cast<uint8_t*>(std::malloc(capacity));
  if (memory == nullptr) std::abort();
  block_bytes_ += capacity - node.MemoryBytes();
  head_ = {.front = capacity - node.bytes, .capacity = capacity};
  std::memcpy(memory + head_.front, node.block, node.bytes);
  node.Free();
  node.block = memory + head_.front;
}

void Quicklist::CloseHead() {
  if (!head_.open()) return;
  ListNode& node = index_.At(index_.First());
  uint8_t* memory = node.block - head_.front;
  std::memmove(memory, node.block, node.bytes);
  block_bytes_ -= head_.capacity;
  if (AllocationSize(node.bytes) != head_.capacity) {
    memory = static_cast<uint8_t*>(std::realloc(memory, AllocationSize(node.bytes)));
    if (memory == nullptr) std::abort();
  }
  node.block = memory;
  block_bytes_ += node.MemoryBytes();
  head_ = {};
}

void Quicklist::PushIntoHead(std::string_view text) {
  const Position first = index_.First();
  ListNode& node = index_.At(first);
  Listpack pack = node.pack();
  size_t added = pack.PrependInto(head_.front, text);
  if (added == 0) {
    OpenHead(text.size() + kMostElementOverhead);
    pack = node.pack();
    added = pack.PrependInto(head_.front, text);
  }
  head_.front -= added;
  node.block = pack.block();
  node.bytes += static_cast<uint32_t>(added);
  index_.Recount(first, 1);
}

// Whether there was room. REQUIRES: one node.
bool Quicklist::AppendInOpenHead(std::string_view text) {
  if (!head_.open()) return false;
  ListNode& node = index_.At(index_.First());
  const size_t added = node.pack().AppendInto(head_.capacity - head_.front - node.bytes, text);
  if (added == 0) return false;
  node.bytes += static_cast<uint32_t>(added);
  index_.Recount(index_.First(), 1);
  return true;
}

// REQUIRES: a packed node of more than one element; the only one, if its tail is popped.
void Quicklist::PopInHead(ListEnd end) {
  const Position first = index_.First();
  ListNode& node = index_.At(first);
  if (!head_.open()) head_ = {.front = 0, .capacity = node.MemoryBytes()};
  Listpack pack = node.pack();
  if (end == ListEnd::kHead) {
    head_.front += pack.EraseFirstInPlace();
    node.block = pack.block();
  } else {
    pack.EraseLastInPlace();
  }
  node.bytes = static_cast<uint32_t>(pack.bytes());
  index_.Recount(first, -1);
  if (2 * node.bytes < head_.capacity) CloseHead();
}

void Quicklist::Push(ListEnd end, std::string_view text, size_t large) {
  const bool head = end == ListEnd::kHead;
  if (nodes() > 0) {
    const Position outer = head ? index_.First() : index_.Last();
    if (HasRoomFor(index_.At(outer), text, large)) {
      if (head) return PushIntoHead(text);
      if (IsOpen(outer)) {
        if (AppendInOpenHead(text)) return;
        CloseHead();
      }
      return Change(outer, [&](Listpack& pack) {
        pack.Append(text);
        return 1;
      });
    }
  }
  const ListNode node = MakeNode(text, IsLarge(text, large));
  Add(node);
  if (head) CloseHead();
  head ? index_.PushFront(node) : index_.PushBack(node);
}

void Quicklist::Append(std::span<const std::string_view> texts, size_t large) {
  while (!texts.empty()) {
    if (nodes() == 0 || !HasRoomFor(index_.At(index_.Last()), texts[0], large)) {
      Push(ListEnd::kTail, texts[0], large);
      texts = texts.subspan(1);
      continue;
    }
    const Position last = index_.Last();
    if (IsOpen(last)) CloseHead();
    const ListNode node = index_.At(last);
    ListpackRun run;
    size_t n = 0;
    while (n < texts.size() &&
           HasRoomFor(node.bytes + run.bytes(), node.count + n, texts[n], large)) {
      run.Add(texts[n++]);
    }
    Change(last, [&](Listpack& pack) {
      pack.Append(run);
      return static_cast<int64_t>(n);
    });
    texts = texts.subspan(n);
  }
}

void Quicklist::Pop(ListEnd end) {
  const bool head = end == ListEnd::kHead;
  const Position outer = head ? index_.First() : index_.Last();
  if (index_.At(outer).count == 1) return FreeNode(outer);
  if (head || IsOpen(outer)) return PopInHead(end);
  Change(outer, [](Listpack& pack) {
    pack.Erase(pack.Last());
    return -1;
  });
}

// --- Inside -------------------------------------------------------------------------------------

// Shortens the node to its first `keep` elements; returns a node of the others, not yet in the
// list. REQUIRES: both have some.
ListNode Quicklist::CutTail(Position at, uint32_t keep) {
  ListNode tail;
  const uint32_t cut = index_.At(at).count - keep;
  Change(at, [&](Listpack& pack) {
    tail = ListNode::Packed(pack.Split(pack.Seek(keep)), cut);
    return -int64_t{cut};
  });
  Add(tail);
  return tail;
}

void Quicklist::Insert(const Found& place, bool after, std::string_view text, size_t large) {
  CloseHead();
  const Position at = place.position;
  const ListNode& node = index_.At(at);
  if (HasRoomFor(node, text, large)) {
    return Change(at, [&](Listpack& pack) {
      Listpack::At element = pack.Seek(place.offset);
      if (after) element = pack.Next(element);
      pack.Insert(element == Listpack::kNone ? pack.End() : element, text);
      return 1;
    });
  }
  const bool plain = IsLarge(text, large);
  const bool at_edge = after ? place.offset + 1 == node.count : place.offset == 0;
  if (!at_edge) return SplitAndInsert(place, after, text, plain);
  Position beside = at;
  const bool has_neighbour = after ? index_.Next(beside) : index_.Previous(beside);
  if (has_neighbour && HasRoomFor(index_.At(beside), text, large)) {
    return Change(beside, [&](Listpack& pack) {
      after ? pack.Prepend(text) : pack.Append(text);
      return 1;
    });
  }
  const ListNode added = MakeNode(text, plain);
  Add(added);
  after ? index_.InsertAfter(at, added) : index_.InsertBefore(at, added);
}

void Quicklist::SplitAndInsert(const Found& place, bool after, std::string_view text, bool plain) {
  const uint32_t keep = place.offset + (after ? 1 : 0);
  const ListNode tail = CutTail(place.position, keep);
  const Position right = index_.InsertAfter(place.position, tail);
  if (plain) {
    const ListNode added = MakeNode(text, true);
    Add(added);
    index_.InsertBefore(right, added);
    return;
  }
  // The new element goes to the half that the pivot is not in, so that it is at an edge.
  Position left = right;
  index_.Previous(left);
  Change(after ? right : left, [&](Listpack& pack) {
    after ? pack.Prepend(text) : pack.Append(text);
    return 1;
  });
  JoinAround(after ? left : right);
}

// Appends the next node's elements to this one, where that is allowed.
bool Quicklist::JoinWithNext(Position at) {
  Position next = at;
  if (!index_.Next(next) || !CanJoin(index_.At(at), index_.At(next))) return false;
  const ListNode right = index_.At(next);
  block_bytes_ -= right.MemoryBytes();
  index_.Erase(next);  // Behind `at`, which stays good.
  Change(at, [&](Listpack& pack) {
    pack.Concatenate(right.pack());
    return int64_t{right.count};
  });
  right.Free();
  return true;
}

void Quicklist::JoinAround(Position center) {
  // The pairs beside the center; the one behind first, so that positions stay good.
  Position pair = center;
  const bool has_pair = index_.Previous(pair) && index_.Previous(pair);
  Position next = center;
  if (index_.Next(next)) JoinWithNext(next);
  if (has_pair && JoinWithNext(pair)) {
    center = pair;
    index_.Next(center);
  }
  Position previous = center;
  if (index_.Previous(previous) && JoinWithNext(previous)) center = previous;
  JoinWithNext(center);
}

// Puts one element in the place of the whole node.
void Quicklist::ReplaceNode(Position at, std::string_view text, bool plain) {
  ListNode& node = index_.At(at);
  const ListNode added = MakeNode(text, plain);  // The text may stand in the old one.
  block_bytes_ -= node.MemoryBytes();
  node.Free();
  node = added;
  Add(added);
}

void Quicklist::Replace(const Found& place, std::string_view text, size_t large) {
  CloseHead();
  const Position at = place.position;
  const ListNode node = index_.At(at);
  const bool plain = IsLarge(text, large);
  const auto fits = [&] { return node.pack().HasRoomFor(text.size() + kElementOverhead); };
  if (!node.plain && !plain && fits()) {
    return Change(at, [&](Listpack& pack) {
      pack.Replace(pack.Seek(place.offset), text);
      return 0;
    });
  }
  if (node.plain && !plain) {
    Position next = at;
    if (index_.Next(next) && HasRoomFor(index_.At(next), text, large)) {
      Change(next, [&](Listpack& pack) {
        pack.Prepend(text);
        return 1;
      });
      return FreeNode(at);
    }
  }
  if (node.count == 1) return ReplaceNode(at, text, plain);
  // A plain node between what was before the element and what was behind it.
  Position with_element = at;
  if (place.offset + 1 < node.count) {
    with_element = index_.InsertAfter(at, CutTail(at, place.offset + 1));
    index_.Previous(with_element);
  }
  if (place.offset == 0) return ReplaceNode(with_element, text, true);
  Change(with_element, [&](Listpack& pack) {
    pack.Erase(pack.Last());
    return -1;
  });
  const ListNode added = MakeNode(text, true);
  Add(added);
  index_.InsertAfter(with_element, added);
}

// --- Removing -----------------------------------------------------------------------------------

void Quicklist::Erase(uint64_t first, uint64_t count, Garbage& garbage) {
  CloseHead();
  count = std::min(count, size() - first);
  // From the first node's middle, then whole nodes, then from the last node's beginning.
  while (count > 0) {
    const Found found = index_.Find(first);
    const uint32_t in_node = index_.At(found.position).count;
    const auto erased = static_cast<uint32_t>(std::min<uint64_t>(count, in_node - found.offset));
    if (erased < in_node) {
      Change(found.position, [&](Listpack& pack) {
        pack.Erase(pack.Seek(found.offset), erased);
        return -int64_t{erased};
      });
      count -= erased;
      continue;
    }
    Position end = found.position;
    size_t whole = 0;
    bool more = true;
    while (more && index_.At(end).count <= count) {
      count -= index_.At(end).count;
      block_bytes_ -= index_.At(end).MemoryBytes();
      ++whole;
      more = index_.Next(end);
    }
    index_.Cut(found.position, whole, garbage);
  }
}

uint64_t Quicklist::RemoveIn(Position at, const Listpack::Pattern& pattern, std::string_view text,
                             uint64_t limit, ListEnd from) {
  const ListNode& node = index_.At(at);
  if (node.plain) return node.text() == text ? 1 : 0;
  const Listpack pack = node.pack();
  const uint32_t matches = pack.MayMatch(pattern) ? pack.CountMatches(pattern) : 0;
  if (matches == 0) return 0;
  const auto removed = static_cast<uint32_t>(std::min<uint64_t>(matches, limit));
  if (removed == node.count) return removed;  // The caller drops the node.
  const uint32_t skip = from == ListEnd::kHead ? 0 : matches - removed;
  Change(at, [&](Listpack& changed) {
    changed.EraseMatches(pattern, skip, removed);
    return -int64_t{removed};
  });
  return removed;
}

uint64_t Quicklist::Remove(std::string_view text, uint64_t limit, ListEnd from, Garbage& garbage) {
  CloseHead();
  const bool forward = from == ListEnd::kHead;
  const Listpack::Pattern pattern(text);
  uint64_t removed = 0;
  Position at = forward ? index_.First() : index_.Last();
  while (nodes() > 0 && removed < limit) {
    const uint32_t count = index_.At(at).count;
    if (!forward) index_.PrefetchPrevious(at);
    const uint64_t here = RemoveIn(at, pattern, text, limit - removed, from);
    removed += here;
    if (here < count) {
      if (!(forward ? index_.Next(at) : index_.Previous(at))) break;
      continue;
    }
    // Nothing is left of the node.
    Position other = at;
    const bool more = forward ? index_.Next(other) : index_.Previous(other);
    block_bytes_ -= index_.At(at).MemoryBytes();
    const size_t pages_before = index_.pages();
    garbage.push_back(index_.At(at));
    index_.Erase(at);
    if (!more) break;
    if (!forward) {
      at = other;
    } else if (other.page != at.page && index_.pages() == pages_before) {
      at = other;  // The node was its page's last.
    }
  }
  index_.Compact();
  return removed;
}

}  // namespace henge::store
