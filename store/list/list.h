// SPDX-License-Identifier: Apache-2.0
// List: the value of a list entry, whichever way it is kept: one listpack while that is within
// `list-max-listpack-size`, else a quicklist. It changes from one to the other by itself: before
// what is added makes the listpack too large, and back when removals have left a single node of
// half the limit.
//
// A handle, made for one command; whoever makes it holds the shard's lock. Indices count from the
// head. What removals leave over is freed with the handle, by the reclaimer if it is much.
#pragma once

#include <absl/functional/function_ref.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "store/entry.h"
#include "store/list/quicklist.h"
#include "store/value.h"

namespace henge::store {

class Store;

extern const ValueOperations kListOperations;

// A list as it is read.
class ListView {
 public:
  // REQUIRES: an entry of a list.
  explicit ListView(const Entry& entry) : entry_(entry) {}

  uint64_t size() const { return packed() ? pack().size() : quicklist()->size(); }
  std::optional<ListpackElement> Get(uint64_t index) const;
  // REQUIRES: there are elements.
  ListpackElement First() const;
  ListpackElement Last() const;
  ListpackElement At(ListEnd end) const { return end == ListEnd::kHead ? First() : Last(); }
  // Calls fn(const ListpackElement&) for `count` elements from `first` on, towards the tail or
  // towards the head. REQUIRES: they are there.
  template <class F>
  void Walk(uint64_t first, uint64_t count, F fn) const;
  template <class F>
  void WalkBack(uint64_t first, uint64_t count, F fn) const;
  // Calls fn(index) for elements equal to the text, from an end on, until it returns false or
  // `most` elements have been looked at.
  void FindEach(std::string_view text, ListEnd from, uint64_t most,
                absl::FunctionRef<bool(uint64_t)> fn) const;

  // How it is kept: one of these.
  bool packed() const { return entry_.encoding() == Encoding::kListpack; }
  Listpack pack() const { return Listpack(entry_.object()); }
  const Quicklist* quicklist() const { return static_cast<Quicklist*>(entry_.object()); }

 protected:
  using Position = NodeIndex::Position;
  using Found = NodeIndex::Found;

 private:
  const Entry& entry_;
};

// A list that changes.
class List : public ListView {
 public:
  // REQUIRES: an entry of a list.
  List(Entry& entry, Store& store) : ListView(entry), entry_(entry), store_(store) {}
  ~List();
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  void Push(ListEnd end, std::span<const std::string_view> texts);
  void Push(ListEnd end, std::string_view text) { Push(end, std::span(&text, 1)); }
  void Pop(ListEnd end);  // REQUIRES: there is an element.
  // Moves the element at one end to the other, or to the same. REQUIRES: there is an element.
  void Rotate(ListEnd from, ListEnd to);
  void Erase(uint64_t first, uint64_t count);
  // Keeps these only.
  void Trim(uint64_t first, uint64_t count);
  bool Set(uint64_t index, std::string_view text);  // False if there is no such element.
  // Beside the first element equal to the pivot; false if there is none.
  bool Insert(std::string_view pivot, bool after, std::string_view text);
  // Removes up to `limit` elements equal to the text, counted from an end; returns how many.
  uint64_t Remove(std::string_view text, uint64_t limit, ListEnd from);
  // For lists put together by other means than these: a list that fits becomes a listpack.
  void ChooseEncoding();

 private:
  Quicklist& nodes() const { return *static_cast<Quicklist*>(entry_.object()); }
  void Keep(const Listpack& pack) { entry_.set_object(Encoding::kListpack, pack.block()); }
  int fill() const;
  size_t large() const;
  void RemoveOuter(ListEnd end);
  void BeforeGrowth(size_t bytes, uint64_t elements);
  void AfterShrinking();
  void BecomeListpack(const ListNodeLimit& limit);
  std::optional<Found> FindFirst(std::string_view text) const;

  Entry& entry_;
  Store& store_;
  Quicklist::Garbage garbage_;
};

// --- Walking ------------------------------------------------------------------------------------

namespace list_internal {

template <class F>
uint64_t WalkNode(const ListNode& node, uint32_t offset, uint64_t count, F& fn) {
  if (node.plain) return fn(node.plain_element()), 1;
  const Listpack pack = node.pack();
  const uint64_t here = std::min<uint64_t>(count, node.count - offset);
  auto at = pack.Seek(offset);
  for (uint64_t i = 0; i < here; ++i) {
    fn(pack.Get(at));
    at = pack.Next(at);
  }
  return here;
}

template <class F>
uint64_t WalkNodeBack(const ListNode& node, uint32_t offset, uint64_t count, F& fn) {
  if (node.plain) return fn(node.plain_element()), 1;
  const Listpack pack = node.pack();
  const uint64_t here = std::min<uint64_t>(count, offset + uint64_t{1});
  auto at = pack.Seek(offset);
  for (uint64_t i = 0; i < here; ++i) {
    fn(pack.Get(at));
    at = pack.Prev(at);
  }
  return here;
}

}  // namespace list_internal

template <class F>
void ListView::Walk(uint64_t first, uint64_t count, F fn) const {
  if (count == 0) return;
  if (packed()) {
    const ListNode node = ListNode::Packed(pack(), pack().size());
    list_internal::WalkNode(node, static_cast<uint32_t>(first), count, fn);
    return;
  }
  const NodeIndex& index = quicklist()->index();
  Found found = index.Find(first);
  do {
    count -= list_internal::WalkNode(index.At(found.position), found.offset, count, fn);
    found.offset = 0;
  } while (count > 0 && index.Next(found.position));
}

template <class F>
void ListView::WalkBack(uint64_t first, uint64_t count, F fn) const {
  if (count == 0) return;
  if (packed()) {
    const ListNode node = ListNode::Packed(pack(), pack().size());
    list_internal::WalkNodeBack(node, static_cast<uint32_t>(first), count, fn);
    return;
  }
  const NodeIndex& index = quicklist()->index();
  Found found = index.Find(first);
  while (true) {
    count -= list_internal::WalkNodeBack(index.At(found.position), found.offset, count, fn);
    if (count == 0 || !index.Previous(found.position)) return;
    found.offset = index.At(found.position).count - 1;
  }
}

}  // namespace henge::store
