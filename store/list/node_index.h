// SPDX-License-Identifier: Apache-2.0
// NodeIndex: the nodes of a quicklist in order, found by an element's index.
//
//   pages     | page, elements | page, elements | page, elements | …
//                 |
//   page      | (room) | node | node | node | … | (room) |     up to 128 nodes
//
// Looking up an element walks the array of pages, then one page: with a million nodes some thousand
// numbers that stand side by side. Both ends grow and shrink without moving what is between.
//
// A Position is good until a node before it, or itself, goes, or any node is inserted. Does not own
// the nodes' blocks. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/prefetch.h"
#include "store/list/list_node.h"

namespace henge::store {

class NodeIndex {
 public:
  struct Position {
    uint32_t page = 0;
    uint32_t slot = 0;
    bool operator==(const Position&) const = default;
  };
  struct Found {
    Position position;
    uint32_t offset = 0;  // Of the element in its node.
  };

  NodeIndex() = default;
  ~NodeIndex();
  NodeIndex(const NodeIndex&) = delete;
  NodeIndex& operator=(const NodeIndex&) = delete;

  size_t nodes() const { return nodes_; }
  uint64_t elements() const { return elements_; }
  size_t pages() const { return pages_.size(); }
  size_t MemoryBytes() const;  // Without the nodes' blocks.

  ListNode& At(Position at) { return pages_[at.page].page->Node(at.slot); }
  const ListNode& At(Position at) const { return pages_[at.page].page->Node(at.slot); }
  // REQUIRES: there are nodes.
  Position First() const { return {0, 0}; }
  Position Last() const {
    const auto page = static_cast<uint32_t>(pages_.size() - 1);
    return {page, pages_[page].page->size - 1};
  }
  bool Next(Position& at) const {  // False, and nothing changes, at the end.
    if (at.slot + 1 < pages_[at.page].page->size) return ++at.slot, true;
    if (at.page + 1 == pages_.size()) return false;
    at = {at.page + 1, 0};
    return true;
  }
  bool Previous(Position& at) const {
    if (at.slot > 0) return --at.slot, true;
    if (at.page == 0) return false;
    at.slot = pages_[--at.page].page->size - 1;
    return true;
  }
  // Fetches the beginning of the node before this one from memory, for a walk towards the head:
  // processors see by themselves where a walk towards the tail goes on.
  void PrefetchPrevious(Position at) const {
    if (!Previous(at)) return;
    const auto* block = reinterpret_cast<const char*>(At(at).block);
    for (size_t line = 0; line < kPrefetchLines; ++line) PrefetchLine(block + 64 * line);
  }
  // The node that holds the element. REQUIRES: index < elements().
  Found Find(uint64_t index) const;

  Position PushFront(const ListNode& node) { return Insert({0, 0}, node); }
  Position PushBack(const ListNode& node);
  Position InsertAfter(Position at, const ListNode& node) {
    return Insert({at.page, at.slot + 1}, node);
  }
  // Returns where the new node stands.
  Position InsertBefore(Position at, const ListNode& node) { return Insert(at, node); }
  // Forgets the node. What stood behind it stands at `at` then, if it was in the same page.
  void Erase(Position at);
  // Forgets `count` nodes from `at` on, and appends them to `out`.
  void Cut(Position at, size_t count, std::vector<ListNode>& out);
  // The node has got `delta` more elements.
  void Recount(Position at, int64_t delta);
  // Closes gaps, where deletions have left many.
  void Compact();

 private:
  static constexpr uint32_t kPageNodes = 128;
  static constexpr uint32_t kSmallPage = 4;
  static constexpr size_t kPrefetchLines = 16;

  struct Page {
    uint32_t capacity;
    uint32_t first;  // Slots before it are room.
    uint32_t size;
    uint32_t unused;
    ListNode& Node(uint32_t slot) { return Slots()[first + slot]; }
    ListNode* Slots() { return reinterpret_cast<ListNode*>(this + 1); }
  };
  struct PageRef {
    Page* page;
    uint64_t elements;
  };

  static size_t PageBytes(uint32_t capacity) { return sizeof(Page) + capacity * sizeof(ListNode); }
  Page* NewPage(uint32_t capacity);
  void FreePage(Page* page);
  Position Insert(Position before, const ListNode& node);
  // Leaves `before` where there is, or can be made, room in its page.
  Position FindRoom(Position before);
  void OpenSlot(Position at);
  void Grow(PageRef& ref, bool at_front);
  void AddPage(size_t at, uint32_t capacity);
  void SplitPage(uint32_t page);
  void ErasePage(uint32_t page);

  std::vector<PageRef> pages_;  // None is empty.
  size_t nodes_ = 0;
  uint64_t elements_ = 0;
  size_t page_bytes_ = 0;
};

}  // namespace henge::store
