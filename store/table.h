// SPDX-License-Identifier: Apache-2.0
// Table: items by key, in the order of their hashes. A first form over std::multimap, with the face
// that the segmented table will have.
#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <string_view>

#include "base/random.h"

namespace henge::store {

template <class Traits>
class Table {
 public:
  using Item = typename Traits::Item;
  using Map = std::multimap<uint64_t, Item*>;
  struct Position {
    typename Map::iterator it;
    bool found = false;
    explicit operator bool() const { return found; }
  };

  size_t size() const { return map_.size(); }
  size_t MemoryBytes() const { return map_.size() * 48; }
  Item* Find(std::string_view key, uint64_t hash) const {
    auto [it, end] = map_.equal_range(hash);
    for (; it != end; ++it) {
      if (Traits::Key(it->second) == key) return it->second;
    }
    return nullptr;
  }
  Position FindPosition(std::string_view key, uint64_t hash) {
    auto [it, end] = map_.equal_range(hash);
    for (; it != end; ++it) {
      if (Traits::Key(it->second) == key) return {it, true};
    }
    return {};
  }
  Item* At(Position p) const { return p.it->second; }
  void WillChange(Position) {}
  void Replace(Position p, Item* item) { p.it->second = item; }
  void Insert(Item* item, uint64_t hash) { map_.emplace(hash, item); }
  Item* Erase(std::string_view key, uint64_t hash) {
    Position p = FindPosition(key, hash);
    if (!p) return nullptr;
    Item* item = p.it->second;
    map_.erase(p.it);
    return item;
  }
  // Every item whose hash has the same top 50 bits as `hash_prefix`.
  template <class F>
  void VisitHashPrefix(uint64_t hash_prefix, F fn) const {
    constexpr uint64_t kLow = (uint64_t{1} << 14) - 1;
    const auto end = map_.upper_bound(hash_prefix | kLow);
    for (auto it = map_.lower_bound(hash_prefix & ~kLow); it != end; ++it) fn(it->second);
  }
  void Prefetch(uint64_t) const {}
  void PrefetchItem(uint64_t) const {}
  Item* RandomItem(Random& random) const {
    if (map_.empty()) return nullptr;
    auto it = map_.lower_bound(random.Next());
    return it == map_.end() ? map_.begin()->second : it->second;
  }
  template <class F>
  void ForEach(F fn) const {
    for (const auto& [hash, item] : map_) fn(item);
  }
  template <class F>
  void Clear(F fn) {
    for (const auto& [hash, item] : map_) fn(item);
    map_.clear();
  }
  template <class F>
  uint64_t Scan(uint64_t cursor, F fn) const {
    auto it = map_.lower_bound(cursor << 16);
    if (it == map_.end()) return 0;
    const uint64_t cell = it->first >> 16;
    for (; it != map_.end() && it->first >> 16 == cell; ++it) fn(it->second);
    return it == map_.end() ? 0 : it->first >> 16;
  }

 private:
  Map map_;
};

}  // namespace henge::store
