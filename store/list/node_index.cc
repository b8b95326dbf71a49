// SPDX-License-Identifier: Apache-2.0
#include "store/list/node_index.h"

#include <algorithm>

namespace henge::store {

NodeIndex::~NodeIndex() {
  for (const PageRef& ref : pages_) std::free(ref.page);
}

size_t NodeIndex::MemoryBytes() const {
  const size_t array = pages_.capacity() * sizeof(PageRef);
  return page_bytes_ + (array == 0 ? 0 : AllocationSize(array));
}

NodeIndex::Page* NodeIndex::NewPage(uint32_t capacity) {
  auto* page = static_cast<Page*>(std::malloc(PageBytes(capacity)));
  if (page == nullptr) std::abort();
  *page = {capacity, 0, 0, 0};
  page_bytes_ += AllocationSize(PageBytes(capacity));
  return page;
}

void NodeIndex::FreePage(Page* page) {
  page_bytes_ -= AllocationSize(PageBytes(page->capacity));
  std::free(page);
}

NodeIndex::Found NodeIndex::Find(uint64_t index) const {
  // From the nearer end.
  uint32_t page = 0;
  if (index < elements_ / 2) {
    while (index >= pages_[page].elements) index -= pages_[page++].elements;
  } else {
    uint64_t behind = elements_ - index;  // The element and those behind it.
    page = static_cast<uint32_t>(pages_.size() - 1);
    while (behind > pages_[page].elements) behind -= pages_[page--].elements;
    index = pages_[page].elements - behind;
  }
  Page* p = pages_[page].page;
  uint32_t slot = 0;
  while (index >= p->Node(slot).count) index -= p->Node(slot++).count;
  return {{page, slot}, static_cast<uint32_t>(index)};
}

NodeIndex::Position NodeIndex::PushBack(const ListNode& node) {
  if (pages_.empty()) return Insert({0, 0}, node);
  const Position last = Last();
  return Insert({last.page, last.slot + 1}, node);
}

void NodeIndex::AddPage(size_t at, uint32_t capacity) {
  pages_.insert(pages_.begin() + static_cast<ptrdiff_t>(at), PageRef{NewPage(capacity), 0});
}

// The page gets twice the room, on the side where it is wanted.
void NodeIndex::Grow(PageRef& ref, bool at_front) {
  Page* old = ref.page;
  Page* page = NewPage(std::min(old->capacity * 2, kPageNodes));
  page->size = old->size;
  page->first = at_front ? page->capacity - old->size : 0;
  std::memcpy(static_cast<void*>(&page->Node(0)), &old->Node(0), old->size * sizeof(ListNode));
  FreePage(old);
  ref.page = page;
}

// The second half of a page becomes a page of its own.
void NodeIndex::SplitPage(uint32_t page) {
  AddPage(page + 1, kPageNodes);
  PageRef& left = pages_[page];
  PageRef& right = pages_[page + 1];
  const uint32_t keep = left.page->size / 2;
  right.page->size = left.page->size - keep;
  std::memcpy(static_cast<void*>(&right.page->Node(0)), &left.page->Node(keep),
              right.page->size * sizeof(ListNode));
  left.page->size = keep;
  for (uint32_t i = 0; i < right.page->size; ++i) right.elements += right.page->Node(i).count;
  left.elements -= right.elements;
}

NodeIndex::Position NodeIndex::FindRoom(Position before) {
  if (pages_.empty()) AddPage(0, kSmallPage);
  const Page* page = pages_[before.page].page;
  if (page->size < kPageNodes) return before;
  if (before.slot == 0 && before.page > 0) {
    const Page* left = pages_[before.page - 1].page;
    if (left->size < kPageNodes) return {before.page - 1, left->size};
  }
  if (before.slot == 0) {
    AddPage(before.page, kPageNodes);
    Page* added = pages_[before.page].page;
    added->first = before.page == 0 ? added->capacity : 0;  // Grows towards the front.
    return before;
  }
  if (before.slot == page->size) {
    AddPage(before.page + 1, kPageNodes);
    return {before.page + 1, 0};
  }
  SplitPage(before.page);
  const uint32_t kept = pages_[before.page].page->size;
  if (before.slot <= kept) return before;
  return {before.page + 1, before.slot - kept};
}

// Makes room for one node at `at`, whose page has less than kPageNodes.
void NodeIndex::OpenSlot(Position at) {
  PageRef& ref = pages_[at.page];
  const bool at_front = at.slot < ref.page->size - at.slot;
  if (ref.page->size == ref.page->capacity) Grow(ref, at_front);
  Page* page = ref.page;
  const bool room_in_front = page->first > 0;
  const bool room_behind = page->first + page->size < page->capacity;
  if (room_in_front && (at_front || !room_behind)) {
    ListNode* first = &page->Node(0);
    std::memmove(static_cast<void*>(first - 1), first, at.slot * sizeof(ListNode));
    --page->first;
  } else {
    ListNode* slot = &page->Node(at.slot);
    std::memmove(static_cast<void*>(slot + 1), slot, (page->size - at.slot) * sizeof(ListNode));
  }
  ++page->size;
}

NodeIndex::Position NodeIndex::Insert(Position before, const ListNode& node) {
  const Position at = FindRoom(before);
  OpenSlot(at);
  At(at) = node;
  pages_[at.page].elements += node.count;
  elements_ += node.count;
  ++nodes_;
  return at;
}

void NodeIndex::ErasePage(uint32_t page) {
  FreePage(pages_[page].page);
  pages_.erase(pages_.begin() + page);
}

void NodeIndex::Erase(Position at) {
  PageRef& ref = pages_[at.page];
  Page* page = ref.page;
  ListNode* slot = &page->Node(at.slot);
  ref.elements -= slot->count;
  elements_ -= slot->count;
  --nodes_;
  if (page->size == 1) return ErasePage(at.page);
  if (at.slot == 0) {
    ++page->first;
  } else {
    std::memmove(static_cast<void*>(slot), slot + 1, (page->size - at.slot - 1) * sizeof(ListNode));
  }
  --page->size;
}

void NodeIndex::Cut(Position at, size_t count, std::vector<ListNode>& out) {
  uint32_t emptied_from = at.page;
  uint32_t emptied = 0;
  for (uint32_t p = at.page; count > 0; ++p) {
    PageRef& ref = pages_[p];
    Page* page = ref.page;
    const uint32_t from = p == at.page ? at.slot : 0;
    const auto taken = static_cast<uint32_t>(std::min<size_t>(count, page->size - from));
    for (uint32_t i = from; i < from + taken; ++i) {
      out.push_back(page->Node(i));
      ref.elements -= page->Node(i).count;
      elements_ -= page->Node(i).count;
    }
    count -= taken;
    nodes_ -= taken;
    if (from == 0) {
      page->first += taken;
    } else {
      std::memmove(static_cast<void*>(&page->Node(from)),
                   &page->Slots()[page->first + from + taken],
                   (page->size - from - taken) * sizeof(ListNode));
    }
    page->size -= taken;
    if (page->size == 0) {
      if (emptied++ == 0) emptied_from = p;
      FreePage(page);
    }
  }
  const auto begin = pages_.begin() + emptied_from;
  pages_.erase(begin, begin + emptied);  // They follow each other.
}

void NodeIndex::Recount(Position at, int64_t delta) {
  const auto change = static_cast<uint64_t>(delta);  // Modulo 2^64.
  ListNode& node = At(at);
  node.count = (node.count + static_cast<uint32_t>(change)) & ListNode::kMostElements;
  pages_[at.page].elements += change;
  elements_ += change;
}

void NodeIndex::Compact() {
  if (pages_.size() < 3 || nodes_ > pages_.size() * (kPageNodes / 8)) return;
  std::vector<PageRef> old;
  old.swap(pages_);
  nodes_ = 0;
  elements_ = 0;
  for (const PageRef& ref : old) {
    for (uint32_t i = 0; i < ref.page->size; ++i) PushBack(ref.page->Node(i));
    FreePage(ref.page);
  }
}

}  // namespace henge::store
