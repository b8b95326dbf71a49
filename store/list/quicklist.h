// SPDX-License-Identifier: Apache-2.0
// Quicklist: a long list, as a row of listpacks that are each kept small (list_node.h), found
// through an index (node_index.h). Where an element goes, and which nodes are split and joined for
// it, follows Redis, since OBJECT ENCODING and RDB files show it:
//
//   push      into the outer node if that has room, else into a new one
//   insert    into the node; if that is full, into the neighbour or a new node at its edge; inside,
//             the node is split and the pieces are joined with what is beside them, where it fits
//   erase     whole nodes go, others shrink; nothing is joined
//
// A listpack that is pushed to at its head would have to move with each element. So the first node
// may have room before it, made by such a push or left by a pop; it is closed before anything else
// happens to the node:
//
//   first node   | room | listpack | spare |     others   | listpack | (size class)
//
// What `Garbage` receives is no part of the list any more; its owner frees it, here or on another
// thread. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "store/list/list_node.h"
#include "store/list/node_index.h"

namespace henge::store {

enum class ListEnd : uint8_t { kHead, kTail };

class Quicklist {
 public:
  using Position = NodeIndex::Position;
  using Found = NodeIndex::Found;
  using Garbage = std::vector<ListNode>;

  // `fill` is list-max-listpack-size.
  explicit Quicklist(int fill) : fill_(std::clamp(fill, kLeastFill, kMostFill)) {}
  ~Quicklist();
  Quicklist(const Quicklist&) = delete;
  Quicklist& operator=(const Quicklist&) = delete;
  Quicklist* Copy() const;

  uint64_t size() const { return index_.elements(); }
  size_t nodes() const { return index_.nodes(); }
  int fill() const { return fill_; }
  uint64_t ContentBytes() const;  // Of all listpacks and plain elements; adds up the nodes.
  const NodeIndex& index() const { return index_; }
  // Where the memory of a node's block begins.
  const uint8_t* AllocationOf(Position at) const {
    return index_.At(at).block - (IsOpen(at) ? head_.front : 0);
  }
  size_t MemoryBytes() const {
    return AllocationSize(sizeof(*this)) + index_.MemoryBytes() + block_bytes_;
  }

  // Elements of `large` bytes or more become plain nodes.
  void Push(ListEnd end, std::string_view text, size_t large);
  // Pushes them to the tail in this order, many at once.
  void Append(std::span<const std::string_view> texts, size_t large);
  // Removes the first or last element. REQUIRES: there is one.
  void Pop(ListEnd end);
  void Insert(const Found& place, bool after, std::string_view text, size_t large);
  void Replace(const Found& place, std::string_view text, size_t large);
  void Erase(uint64_t first, uint64_t count, Garbage& garbage);
  // Removes up to `limit` elements equal to the text, counted from an end; returns how many.
  uint64_t Remove(std::string_view text, uint64_t limit, ListEnd from, Garbage& garbage);

  // Makes a node of a listpack that exists already; takes the block.
  void AppendPack(const Listpack& pack);
  void AppendPlain(std::string_view text);
  // The only node's block if that is a listpack within the limit; the list is empty then.
  std::optional<Listpack> TakeSoleWithin(const ListNodeLimit& limit);

 private:
  static constexpr int kLeastFill = -5;
  static constexpr int kMostFill = (1 << 15) - 1;

  bool HasRoomFor(const ListNode& node, std::string_view text, size_t large) const {
    return !node.plain && HasRoomFor(node.bytes, node.count, text, large);
  }
  // In a listpack of so many bytes and elements.
  bool HasRoomFor(size_t bytes, uint64_t count, std::string_view text, size_t large) const;
  bool CanJoin(const ListNode& left, const ListNode& right) const;
  // Calls change(Listpack&) on a packed node; keeps block, count and memory.
  template <class F>
  void Change(Position at, F change);
  void Add(const ListNode& node) { block_bytes_ += node.MemoryBytes(); }

  // How the first node's block stands in its allocation.
  struct HeadRoom {
    size_t front = 0;     // Bytes before the block.
    size_t capacity = 0;  // Of the allocation; 0: closed, the block begins it.
    bool open() const { return capacity != 0; }
  };
  bool IsOpen(Position at) const { return head_.open() && at.page == 0 && at.slot == 0; }
  void OpenHead(size_t need);
  void CloseHead();
  void PushIntoHead(std::string_view text);
  bool AppendInOpenHead(std::string_view text);
  void PopInHead(ListEnd end);
  void FreeNode(Position at);
  static ListNode MakeNode(std::string_view text, bool plain);
  ListNode CutTail(Position at, uint32_t keep);
  void SplitAndInsert(const Found& place, bool after, std::string_view text, bool plain);
  void JoinAround(Position center);
  void ReplaceNode(Position at, std::string_view text, bool plain);
  bool JoinWithNext(Position at);
  uint64_t RemoveIn(Position at, const Listpack::Pattern& pattern, std::string_view text,
                    uint64_t limit, ListEnd from);

  NodeIndex index_;
  size_t block_bytes_ = 0;
  HeadRoom head_;
  int fill_;
};

}  // namespace henge::store
