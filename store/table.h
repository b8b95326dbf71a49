// SPDX-License-Identifier: Apache-2.0
// Table: a set of items by key, in the order of their hashes.
//
//   hash:  | directory index … depth bits | tag: 16 bits | …            | fingerprint: 8 |
//
//   directory ──> segment of 1 … 64 buckets ──> bucket of 14 places (table_bucket.h)
//
// Extendible hashing (Fagin et al. 1979) indexed by the *top* bits. Within its segment an item's
// home is bucket tag * buckets / 65536, so buckets, segments and the table as a whole stand in hash
// order. An item lies in its home bucket or in the next (the last one's next is the first). When
// neither has room, items of up to eight buckets beside them shift by one bucket to make some; when
// that does not help the segment grows: first to the next size of a series, 1, 2, 3, 4, 6, 8, … 56,
// 64 buckets, which touches no item; from 64 it splits in two of about 40, which reads each item's
// key once. Two halves that have run empty enough become one segment again, which touches no item.
// So an empty table costs nothing, no step handles more than 896 items, and the table's load stays
// between 0.71 and 0.85; one item in eleven stands in the next bucket.
//
// Scanning. A cursor is a position in hash order: "everything before has been returned". It means
// the same whatever the table has become between two calls, so each item that is present throughout
// an iteration is returned, and once; twice at most when two segments became one meanwhile and the
// cursor stands on a bit that their items' tags have lost by that.
//
// Does not own items. Not thread-safe: the shard's lock is held around every call.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "base/prefetch.h"
#include "base/random.h"
#include "base/types.h"
#include "store/table_bucket.h"

namespace henge::store {

template <class Traits>
class Table {
 public:
  using Item = typename Traits::Item;

  // Where an item stands; valid until the next change.
  class Position {
   public:
    explicit operator bool() const { return slot_ != nullptr; }

   private:
    friend class Table;
    uint64_t* slot_ = nullptr;
  };

  Table() = default;
  ~Table() { Release(); }
  Table(Table&& other) noexcept { Swap(other); }
  Table& operator=(Table&& other) noexcept {
    Swap(other);
    return *this;
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t MemoryBytes() const { return bytes_; }  // Directory and segments, without the items.
  size_t capacity() const { return buckets_ * TableBucket::kPlaces; }

  // --- Finding ----------------------------------------------------------------------------------
  Item* Find(std::string_view key, uint64_t hash) const;
  Position FindPosition(std::string_view key, uint64_t hash);
  Item* At(Position p) const { return AsItem(*p.slot_); }

  // Hints, in two steps: the bucket's lines, then (once they are here) the item's.
  void Prefetch(uint64_t hash) const;
  void PrefetchItem(uint64_t hash) const;
  // The item that a first look takes for the one of this hash, without looking at items; or null.
  Item* Likely(uint64_t hash) const;

  // --- Changing ---------------------------------------------------------------------------------
  // Lays the table out for so many items. Whoever fills a table from another one should say so
  // first: items that come in the order of their hashes crowd a layout that grows under them.
  // REQUIRES: empty.
  void Reserve(size_t items);
  // REQUIRES: the key is absent.
  void Insert(Item* item, uint64_t hash);
  // The same for many, which it fetches from memory in time. REQUIRES: no two keys are the same.
  void InsertAll(std::span<Item* const> items);
  // Makes this a copy with copy(item) for each item, laid out alike. REQUIRES: empty.
  template <class F>
  void CopyFrom(const Table& other, F copy);
  // The item moved in memory; the key is the same.
  void Replace(Position p, Item* item) {
    *p.slot_ = TableBucket::Pack(TableBucket::TagOf(*p.slot_), item);
  }
  Item* Erase(std::string_view key, uint64_t hash);  // The item, or null; not freed.
  template <class F>
  void Clear(F fn);  // Hands every item to `fn`.

  // --- Walking ----------------------------------------------------------------------------------
  // Items are fetched from memory while those before them are dealt with.
  template <class F>
  void ForEach(F fn) const;
  // One step from `cursor` (0: the start); fn(item). Returns the next cursor, below 2^48; 0: the
  // end.
  template <class F>
  uint64_t Scan(uint64_t cursor, F fn) const;
  // Items that may have this hash prefix: those whose tag agrees with the top `kPrefixBits` bits.
  template <class F>
  void VisitHashPrefix(uint64_t hash, F fn) const;
  static constexpr int kPrefixBits = 48;
  // A random item, each as likely as the others (nearly, where a table is nearly empty for its
  // layout); null if there is none.
  Item* RandomItem(Random& random) const;

 private:
  static constexpr int kMaxDepth = 32;
  static constexpr size_t kMergeBelow = 280;  // Items of two segments that become one.
  static constexpr uint32_t kShiftReach = 8;  // Buckets; more makes tables hardly denser.
  static constexpr std::array<uint8_t, 15> kSizes = {1,  2,  3,  4,  6,  8,  12, 16,
                                                     20, 24, 32, 40, 48, 56, 64};

  // A directory entry: where the segment is, its buckets and its depth, in one word.
  class Segment {
   public:
    Segment() = default;
    Segment(TableBucket* buckets, int count, int depth)
        : word_(reinterpret_cast<uintptr_t>(buckets) | static_cast<uint64_t>(count) << 48 |
                static_cast<uint64_t>(depth) << 56) {}
    TableBucket* buckets() const {
      return reinterpret_cast<TableBucket*>(word_ & ((uint64_t{1} << 48) - 1));
    }
    uint32_t count() const { return static_cast<uint32_t>(word_ >> 48) & 0xff; }
    int depth() const { return static_cast<int>(word_ >> 56); }
    explicit operator bool() const { return word_ != 0; }
    uint32_t HomeOf(uint16_t tag) const { return tag * count() >> 16; }
    uint32_t NextOf(uint32_t bucket) const { return bucket + 1 == count() ? 0 : bucket + 1; }
    uint32_t BeforeOf(uint32_t bucket) const { return bucket == 0 ? count() - 1 : bucket - 1; }

   private:
    uint64_t word_ = 0;
  };

  struct Extra {
    uint64_t hash;
    uint64_t slot;
  };

  static Item* AsItem(uint64_t slot) { return static_cast<Item*>(TableBucket::ItemOf(slot)); }
  static uint16_t TagOf(uint64_t hash, int depth) {
    return static_cast<uint16_t>(hash << depth >> 48);
  }
  size_t IndexOf(uint64_t hash) const { return (hash >> 1) >> (63 - depth_); }
  Segment SegmentOf(uint64_t hash) const {
    return directory_ == nullptr ? Segment() : directory_[IndexOf(hash)];
  }
  // The first hash of the directory entry's segment.
  uint64_t StartOf(size_t index, Segment segment) const {
    const uint64_t top = index == 0 ? 0 : static_cast<uint64_t>(index) << (64 - depth_);
    return segment.depth() == 0 ? 0 : top >> (64 - segment.depth()) << (64 - segment.depth());
  }

  static int PlaceOf(const TableBucket& bucket, uint32_t mask, uint16_t tag, std::string_view key) {
    for (; mask != 0; mask &= mask - 1) {
      const int place = std::countr_zero(mask);
      const uint64_t slot = bucket.slots[place];
      if (TableBucket::TagOf(slot) == tag && Traits::Key(AsItem(slot)) == key) return place;
    }
    return -1;
  }
  // Bucket and place of a key, or a null bucket.
  struct Spot {
    TableBucket* bucket = nullptr;
    TableBucket* home = nullptr;
    int place = -1;
  };
  Spot FindSpot(std::string_view key, uint64_t hash) const;

  static Item* LikelyIn(const TableBucket& bucket, uint8_t fingerprint, uint16_t tag);

  TableBucket* AllocateBuckets(uint32_t count);
  void FreeBuckets(Segment segment);
  void StoreSegment(uint64_t hash, Segment segment);
  static bool TryPut(Segment segment, uint16_t tag, uint8_t fingerprint, uint64_t slot);
  static bool MakeRoom(Segment segment, uint32_t home);
  static bool ShiftBack(Segment segment, uint32_t home);
  static bool ShiftOn(Segment segment, uint32_t first);
  static void MoveOneOf(uint32_t home, Segment segment, uint32_t from, uint32_t to);
  bool Relayout(uint64_t hash, Segment old, size_t first_size);
  bool Grow(uint64_t hash);
  // How deep splitting may go for so many items: four levels beyond what evenly spread hashes need.
  int DepthLimit() const {
    return std::min<int>(kMaxDepth, 4 + static_cast<int>(std::bit_width(size_ / 512)));
  }
  void Split(uint64_t hash, Segment old);
  Segment Fill(const std::vector<Extra>& items, int depth);
  void DoubleDirectory();
  void ShrinkAround(uint64_t hash);
  static size_t UsedIn(Segment segment);
  bool MergeAround(uint64_t hash, Segment segment, size_t used);
  void HalveDirectory();
  Item* EraseFromOverflow(std::string_view key, uint64_t hash);
  static void PrefetchItemsOf(const TableBucket& bucket) {
    ForEachIn(bucket, [](uint64_t slot) { PrefetchLine(AsItem(slot)); });
  }
  template <class F>
  void ForEachSegment(F fn) const;
  template <class F>
  static void ForEachIn(const TableBucket& bucket, F fn) {
    for (uint32_t used = bucket.Used(); used != 0; used &= used - 1) {
      fn(bucket.slots[std::countr_zero(used)]);
    }
  }
  void Release();
  void Swap(Table& other) noexcept;

  Segment* directory_ = nullptr;  // 2^depth_ entries; null while nothing was ever inserted.
  int depth_ = 0;
  size_t size_ = 0;
  size_t buckets_ = 0;
  size_t bytes_ = 0;
  // Items whose hashes agree in so many bits that splitting does not part them. Hashes are seeded,
  // so that is never; should it be, it is slow and correct.
  std::vector<Extra> overflow_;
};

}  // namespace henge::store

#include "store/table_inline.h"
