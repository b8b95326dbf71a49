// SPDX-License-Identifier: Apache-2.0
// The definitions of Table's members; included by table.h only.
#pragma once

#include "store/table.h"

namespace henge::store {

// --- Finding
// --------------------------------------------------------------------------------------

template <class Traits>
typename Table<Traits>::Spot Table<Traits>::FindSpot(std::string_view key, uint64_t hash) const {
  const Segment segment = SegmentOf(hash);
  if (!segment) return {};
  const uint16_t tag = TagOf(hash, segment.depth());
  const uint8_t fingerprint = TableBucket::FingerprintOf(hash);
  const uint32_t home = segment.HomeOf(tag);
  TableBucket& first = segment.buckets()[home];
  int place = PlaceOf(first, first.Match(fingerprint), tag, key);
  if (place >= 0) return {&first, &first, place};
  if (first.displaced == 0) return {};
  TableBucket& next = segment.buckets()[segment.NextOf(home)];
  place = PlaceOf(next, next.Match(fingerprint), tag, key);
  return place >= 0 ? Spot{&next, &first, place} : Spot{};
}

template <class Traits>
typename Traits::Item* Table<Traits>::Find(std::string_view key, uint64_t hash) const {
  const Spot spot = FindSpot(key, hash);
  if (spot.bucket != nullptr) return AsItem(spot.bucket->slots[spot.place]);
  for (const Extra& extra : overflow_) {
    if (extra.hash == hash && Traits::Key(AsItem(extra.slot)) == key) return AsItem(extra.slot);
  }
  return nullptr;
}

template <class Traits>
typename Table<Traits>::Position Table<Traits>::FindPosition(std::string_view key, uint64_t hash) {
  Position position;
  const Spot spot = FindSpot(key, hash);
  if (spot.bucket != nullptr) {
    position.slot_ = &spot.bucket->slots[spot.place];
    return position;
  }
  for (Extra& extra : overflow_) {
    if (extra.hash == hash && Traits::Key(AsItem(extra.slot)) == key) position.slot_ = &extra.slot;
  }
  return position;
}

template <class Traits>
void Table<Traits>::Prefetch(uint64_t hash) const {
  const Segment segment = SegmentOf(hash);
  if (!segment) return;
  const TableBucket* bucket = &segment.buckets()[segment.HomeOf(TagOf(hash, segment.depth()))];
  PrefetchLine(bucket);
  PrefetchLine(reinterpret_cast<const char*>(bucket) + 64);
}

template <class Traits>
typename Traits::Item* Table<Traits>::LikelyIn(const TableBucket& bucket, uint8_t fingerprint,
                                               uint16_t tag) {
  for (uint32_t mask = bucket.Match(fingerprint); mask != 0; mask &= mask - 1) {
    const uint64_t slot = bucket.slots[std::countr_zero(mask)];
    if (TableBucket::TagOf(slot) == tag) return AsItem(slot);
  }
  return nullptr;
}

template <class Traits>
typename Traits::Item* Table<Traits>::Likely(uint64_t hash) const {
  const Segment segment = SegmentOf(hash);
  if (!segment) return nullptr;
  const uint16_t tag = TagOf(hash, segment.depth());
  const uint8_t fingerprint = TableBucket::FingerprintOf(hash);
  const uint32_t home = segment.HomeOf(tag);
  const TableBucket& bucket = segment.buckets()[home];
  Item* item = LikelyIn(bucket, fingerprint, tag);
  if (item != nullptr || bucket.displaced == 0) return item;
  return LikelyIn(segment.buckets()[segment.NextOf(home)], fingerprint, tag);
}

template <class Traits>
void Table<Traits>::PrefetchItem(uint64_t hash) const {
  const auto* item = reinterpret_cast<const char*>(Likely(hash));
  if (item == nullptr) return;
  PrefetchLine(item);
  PrefetchLine(item + 64);
}

// --- Placing
// --------------------------------------------------------------------------------------

// Moves one item whose home is bucket `home` from bucket `from` to bucket `to`, which has room.
template <class Traits>
void Table<Traits>::MoveOneOf(uint32_t home, Segment segment, uint32_t from, uint32_t to) {
  TableBucket& source = segment.buckets()[from];
  TableBucket& target = segment.buckets()[to];
  for (uint32_t used = source.Used(); used != 0; used &= used - 1) {
    const int place = std::countr_zero(used);
    if (segment.HomeOf(TableBucket::TagOf(source.slots[place])) != home) continue;
    target.Put(std::countr_zero(target.Free()), source.fingerprints[place], source.slots[place]);
    source.Vacate(place);
    return;
  }
}

// Frees a place in `home` by letting one displaced item of each bucket before it, as far as the
// nearest with room, return to where it belongs.
template <class Traits>
bool Table<Traits>::ShiftBack(Segment segment, uint32_t home) {
  TableBucket* buckets = segment.buckets();
  uint32_t roomy = home;
  for (uint32_t steps = std::min(kShiftReach, segment.count() - 2);; --steps) {
    roomy = segment.BeforeOf(roomy);
    if (steps == 0 || buckets[roomy].displaced == 0) return false;
    if (buckets[roomy].Free() != 0) break;
  }
  for (uint32_t b = roomy; b != home; b = segment.NextOf(b)) {
    MoveOneOf(b, segment, segment.NextOf(b), b);
    --buckets[b].displaced;
  }
  return true;
}

// Frees a place in `first` by letting one item of its own, and one of each bucket behind it as far
// as the nearest with room, move on to the next.
template <class Traits>
bool Table<Traits>::ShiftOn(Segment segment, uint32_t first) {
  TableBucket* buckets = segment.buckets();
  uint32_t roomy = first;
  for (uint32_t steps = std::min(kShiftReach, segment.count() - 2);; --steps) {
    // A full bucket has none of its own when all it holds belongs to the one before.
    const bool has_own = buckets[segment.BeforeOf(roomy)].displaced < TableBucket::kPlaces;
    if (steps == 0 || !has_own) return false;
    roomy = segment.NextOf(roomy);
    if (buckets[roomy].Free() != 0) break;
  }
  for (uint32_t b = roomy; b != first; b = segment.BeforeOf(b)) {
    const uint32_t before = segment.BeforeOf(b);
    MoveOneOf(before, segment, before, b);
    ++buckets[before].displaced;
  }
  return true;
}

// Frees a place in the home bucket or the next.
template <class Traits>
bool Table<Traits>::MakeRoom(Segment segment, uint32_t home) {
  if (segment.count() < 3) return false;
  return ShiftBack(segment, home) || ShiftOn(segment, segment.NextOf(home));
}

template <class Traits>
bool Table<Traits>::TryPut(Segment segment, uint16_t tag, uint8_t fingerprint, uint64_t slot) {
  const uint32_t home = segment.HomeOf(tag);
  TableBucket& first = segment.buckets()[home];
  TableBucket& next = segment.buckets()[segment.NextOf(home)];
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (const uint32_t free = first.Free(); free != 0) {
      first.Put(std::countr_zero(free), fingerprint, slot);
      return true;
    }
    if (const uint32_t free = next.Free(); free != 0 && &first != &next) {
      next.Put(std::countr_zero(free), fingerprint, slot);
      ++first.displaced;
      return true;
    }
    if (attempt == 1 || !MakeRoom(segment, home)) return false;
  }
  return false;
}

template <class Traits>
void Table<Traits>::Insert(Item* item, uint64_t hash) {
  if ((reinterpret_cast<uintptr_t>(item) >> TableBucket::kPointerBits) != 0) std::abort();
  ++size_;
  if (directory_ == nullptr) DoubleDirectory();
  while (true) {
    const Segment segment = SegmentOf(hash);
    const uint16_t tag = TagOf(hash, segment.depth());
    if (TryPut(segment, tag, TableBucket::FingerprintOf(hash), TableBucket::Pack(tag, item))) {
      return;
    }
    if (!Grow(hash)) {
      overflow_.push_back({hash, TableBucket::Pack(0, item)});
      return;
    }
  }
}

// --- Growing
// --------------------------------------------------------------------------------------

template <class Traits>
TableBucket* Table<Traits>::AllocateBuckets(uint32_t count) {
  const size_t size = count * sizeof(TableBucket);
  auto* buckets = static_cast<TableBucket*>(std::aligned_alloc(alignof(TableBucket), size));
  if (buckets == nullptr) std::abort();
  std::memset(static_cast<void*>(buckets), 0, size);
  buckets_ += count;
  bytes_ += AllocationSize(size);
  return buckets;
}

template <class Traits>
void Table<Traits>::FreeBuckets(Segment segment) {
  buckets_ -= segment.count();
  bytes_ -= AllocationSize(segment.count() * sizeof(TableBucket));
  std::free(segment.buckets());
}

template <class Traits>
void Table<Traits>::StoreSegment(uint64_t hash, Segment segment) {
  const size_t span = size_t{1} << (depth_ - segment.depth());
  const size_t first = IndexOf(hash) & ~(span - 1);
  std::fill_n(directory_ + first, span, segment);
}

template <class Traits>
void Table<Traits>::Reserve(size_t items) {
  if (directory_ != nullptr || items <= TableBucket::kPlaces) return;
  const auto fits = [](size_t count, size_t buckets) {
    return count * 100 <= buckets * size_t{TableBucket::kPlaces} * 72;
  };
  int depth = 0;
  while (!fits(items >> depth, kSizes.back())) ++depth;
  size_t s = 0;
  while (!fits(items >> depth, kSizes[s])) ++s;
  const size_t segments = size_t{1} << depth;
  directory_ = static_cast<Segment*>(std::malloc(segments * sizeof(Segment)));
  if (directory_ == nullptr) std::abort();
  bytes_ += AllocationSize(segments * sizeof(Segment));
  depth_ = depth;
  for (size_t i = 0; i < segments; ++i) {
    directory_[i] = Segment(AllocateBuckets(kSizes[s]), kSizes[s], depth);
  }
}

template <class Traits>
void Table<Traits>::InsertAll(std::span<Item* const> items) {
  if (empty()) Reserve(items.size());
  constexpr size_t kAhead = 16;
  uint64_t hashes[kAhead];
  for (size_t i = 0; i < items.size() + kAhead; ++i) {
    if (i >= kAhead) Insert(items[i - kAhead], hashes[i % kAhead]);
    if (i >= items.size()) continue;
    if (i + kAhead < items.size()) PrefetchLine(items[i + kAhead]);
    hashes[i % kAhead] = Traits::Hash(Traits::Key(items[i]));
    Prefetch(hashes[i % kAhead]);
  }
}

template <class Traits>
template <class F>
void Table<Traits>::CopyFrom(const Table& other, F copy) {
  if (other.directory_ == nullptr) return;
  directory_ = static_cast<Segment*>(std::malloc(sizeof(Segment) << other.depth_));
  if (directory_ == nullptr) std::abort();
  bytes_ += AllocationSize(sizeof(Segment) << other.depth_);
  depth_ = other.depth_;
  size_ = other.size_;
  other.ForEachSegment([&](size_t index, Segment from) {
    const Segment to(AllocateBuckets(from.count()), static_cast<int>(from.count()), from.depth());
    std::fill_n(directory_ + index, size_t{1} << (depth_ - from.depth()), to);
    PrefetchItemsOf(from.buckets()[0]);
    for (uint32_t b = 0; b < from.count(); ++b) {
      if (b + 1 < from.count()) PrefetchItemsOf(from.buckets()[b + 1]);
      const TableBucket& source = from.buckets()[b];
      TableBucket& target = to.buckets()[b];
      target.displaced = source.displaced;
      for (uint32_t used = source.Used(); used != 0; used &= used - 1) {
        const int place = std::countr_zero(used);
        const uint64_t slot = source.slots[place];
        target.Put(place, source.fingerprints[place],
                   TableBucket::Pack(TableBucket::TagOf(slot), copy(AsItem(slot))));
      }
    }
  });
  for (const Extra& extra : other.overflow_) {
    overflow_.push_back({extra.hash, TableBucket::Pack(0, copy(AsItem(extra.slot)))});
  }
}

template <class Traits>
void Table<Traits>::DoubleDirectory() {
  if (directory_ == nullptr) {
    directory_ = static_cast<Segment*>(std::malloc(sizeof(Segment)));
    bytes_ += AllocationSize(sizeof(Segment));
    directory_[0] = Segment(AllocateBuckets(1), 1, 0);
    return;
  }
  const size_t size = size_t{1} << depth_;
  auto* doubled = static_cast<Segment*>(std::malloc(2 * size * sizeof(Segment)));
  if (doubled == nullptr) std::abort();
  for (size_t i = 0; i < 2 * size; ++i) doubled[i] = directory_[i / 2];
  bytes_ += AllocationSize(2 * size * sizeof(Segment)) - AllocationSize(size * sizeof(Segment));
  std::free(directory_);
  directory_ = doubled;
  ++depth_;
}

// Lays the segment out anew with the first size of the series, from `first_size` on, that fits.
template <class Traits>
bool Table<Traits>::Relayout(uint64_t hash, Segment old, size_t first_size) {
  for (size_t s = first_size; s < kSizes.size(); ++s) {
    const Segment grown(AllocateBuckets(kSizes[s]), kSizes[s], old.depth());
    bool fits = true;
    for (uint32_t b = 0; b < old.count() && fits; ++b) {
      const TableBucket& bucket = old.buckets()[b];
      for (uint32_t used = bucket.Used(); used != 0 && fits; used &= used - 1) {
        const int place = std::countr_zero(used);
        const uint64_t slot = bucket.slots[place];
        fits = TryPut(grown, TableBucket::TagOf(slot), bucket.fingerprints[place], slot);
      }
    }
    if (fits) {
      FreeBuckets(old);
      StoreSegment(hash, grown);
      return true;
    }
    FreeBuckets(grown);
  }
  return false;
}

// Makes room around `hash`; false when nothing parts the items there.
template <class Traits>
bool Table<Traits>::Grow(uint64_t hash) {
  const Segment old = SegmentOf(hash);
  const auto size =
      static_cast<size_t>(std::find(kSizes.begin(), kSizes.end(), old.count()) - kSizes.begin());
  if (size + 1 < kSizes.size() && Relayout(hash, old, size + 1)) return true;
  if (old.depth() >= DepthLimit()) return false;
  Split(hash, old);
  return true;
}

// A segment of `depth` with these items, with about 0.7 of its places taken. What can't be placed
// (hashes that agree) goes to overflow.
template <class Traits>
typename Table<Traits>::Segment Table<Traits>::Fill(const std::vector<Extra>& items, int depth) {
  size_t s = 0;
  while (s + 1 < kSizes.size() &&
         items.size() * 100 > kSizes[s] * size_t{TableBucket::kPlaces} * 72) {
    ++s;
  }
  for (; s < kSizes.size(); ++s) {
    const Segment segment(AllocateBuckets(kSizes[s]), kSizes[s], depth);
    std::vector<Extra> left_over;
    for (const Extra& item : items) {
      const uint16_t tag = TagOf(item.hash, depth);
      const uint64_t slot = TableBucket::Pack(tag, AsItem(item.slot));
      if (!TryPut(segment, tag, TableBucket::FingerprintOf(item.hash), slot)) {
        left_over.push_back(item);
      }
    }
    if (left_over.empty()) return segment;
    if (s + 1 == kSizes.size()) {
      overflow_.insert(overflow_.end(), left_over.begin(), left_over.end());
      return segment;
    }
    FreeBuckets(segment);
  }
  std::abort();  // Not reached: the last size always returns.
}

template <class Traits>
void Table<Traits>::Split(uint64_t hash, Segment old) {
  if (old.depth() == depth_) DoubleDirectory();
  std::vector<Extra> halves[2];
  for (uint32_t b = 0; b < old.count(); ++b) {
    // The next bucket's items are on their way while this one's keys are hashed.
    if (b + 1 < old.count()) {
      ForEachIn(old.buckets()[b + 1],
                [](uint64_t slot) { PrefetchLine(TableBucket::ItemOf(slot)); });
    }
    ForEachIn(old.buckets()[b], [&](uint64_t slot) {
      const uint64_t item_hash = Traits::Hash(Traits::Key(AsItem(slot)));
      halves[item_hash << old.depth() >> 63].push_back({item_hash, slot});
    });
  }
  const int depth = old.depth() + 1;
  const uint64_t half = uint64_t{1} << (64 - depth);
  const uint64_t low = hash & ~(half | (half - 1));
  const Segment segments[2] = {Fill(halves[0], depth), Fill(halves[1], depth)};
  StoreSegment(low, segments[0]);
  StoreSegment(low | half, segments[1]);
  FreeBuckets(old);
}

// --- Erasing
// --------------------------------------------------------------------------------------

template <class Traits>
typename Traits::Item* Table<Traits>::Erase(std::string_view key, uint64_t hash) {
  const Spot spot = FindSpot(key, hash);
  if (spot.bucket == nullptr) return EraseFromOverflow(key, hash);
  Item* item = AsItem(spot.bucket->slots[spot.place]);
  spot.bucket->Vacate(spot.place);
  if (spot.bucket != spot.home) --spot.home->displaced;
  if (--size_ == 0) {
    Release();
  } else if (spot.bucket->Used() == 0) {
    ShrinkAround(hash);
  }
  return item;
}

template <class Traits>
typename Traits::Item* Table<Traits>::EraseFromOverflow(std::string_view key, uint64_t hash) {
  for (Extra& extra : overflow_) {
    if (extra.hash != hash || Traits::Key(AsItem(extra.slot)) != key) continue;
    Item* item = AsItem(extra.slot);
    extra = overflow_.back();
    overflow_.pop_back();
    if (--size_ == 0) Release();
    return item;
  }
  return nullptr;
}

template <class Traits>
size_t Table<Traits>::UsedIn(Segment segment) {
  size_t used = 0;
  for (uint32_t b = 0; b < segment.count(); ++b) {
    used += static_cast<size_t>(std::popcount(segment.buckets()[b].Used()));
  }
  return used;
}

// Called when a bucket ran empty: gives a segment that is less than a quarter full a smaller
// layout, or makes it one with the segment that it was once split from.
template <class Traits>
void Table<Traits>::ShrinkAround(uint64_t hash) {
  const Segment segment = SegmentOf(hash);
  const size_t used = UsedIn(segment);
  if (used * 4 > segment.count() * size_t{TableBucket::kPlaces}) return;
  if (MergeAround(hash, segment, used)) return;
  size_t s = 0;
  while (kSizes[s] * size_t{TableBucket::kPlaces} < used * 2) ++s;
  if (kSizes[s] < segment.count()) Relayout(hash, segment, s);
}

// Puts the segment of `hash` and the other half of the one they were split from together, if both
// are empty enough. A tag gains the bit that parted them and loses its last.
template <class Traits>
bool Table<Traits>::MergeAround(uint64_t hash, Segment segment, size_t used) {
  if (segment.depth() == 0) return false;
  const uint64_t half = uint64_t{1} << (64 - segment.depth());
  const Segment other = SegmentOf(hash ^ half);
  if (other.depth() != segment.depth()) return false;
  const size_t all = used + UsedIn(other);
  if (all > kMergeBelow) return false;
  const bool is_low = (hash & half) == 0;
  const Segment halves[2] = {is_low ? segment : other, is_low ? other : segment};
  size_t s = 0;
  while (kSizes[s] * size_t{TableBucket::kPlaces} < all * 2) ++s;
  const Segment merged(AllocateBuckets(kSizes[s]), kSizes[s], segment.depth() - 1);
  bool fits = true;
  for (uint64_t bit = 0; bit < 2; ++bit) {
    for (uint32_t b = 0; b < halves[bit].count(); ++b) {
      const TableBucket& bucket = halves[bit].buckets()[b];
      for (uint32_t left = bucket.Used(); left != 0 && fits; left &= left - 1) {
        const int place = std::countr_zero(left);
        const uint64_t slot = bucket.slots[place];
        const auto tag = static_cast<uint16_t>(bit << 15 | TableBucket::TagOf(slot) >> 1);
        fits =
            TryPut(merged, tag, bucket.fingerprints[place], TableBucket::Pack(tag, AsItem(slot)));
      }
    }
  }
  if (!fits) return FreeBuckets(merged), false;
  FreeBuckets(segment);
  FreeBuckets(other);
  StoreSegment(hash, merged);
  HalveDirectory();
  return true;
}

// As often as no segment needs the directory's last bit.
template <class Traits>
void Table<Traits>::HalveDirectory() {
  while (depth_ > 0) {
    const size_t size = size_t{1} << depth_;
    for (size_t i = 0; i < size; i += size_t{1} << (depth_ - directory_[i].depth())) {
      if (directory_[i].depth() == depth_) return;
    }
    auto* halved = static_cast<Segment*>(std::malloc(size / 2 * sizeof(Segment)));
    if (halved == nullptr) std::abort();
    for (size_t i = 0; i < size / 2; ++i) halved[i] = directory_[2 * i];
    bytes_ += AllocationSize(size / 2 * sizeof(Segment)) - AllocationSize(size * sizeof(Segment));
    std::free(directory_);
    directory_ = halved;
    --depth_;
  }
}

template <class Traits>
template <class F>
void Table<Traits>::Clear(F fn) {
  ForEach(fn);
  size_ = 0;
  Release();
}

template <class Traits>
void Table<Traits>::Release() {
  if (directory_ == nullptr) return;
  ForEachSegment([&](size_t, Segment segment) { FreeBuckets(segment); });
  std::free(directory_);
  directory_ = nullptr;
  depth_ = 0;
  bytes_ = 0;
  overflow_.clear();
}

template <class Traits>
void Table<Traits>::Swap(Table& other) noexcept {
  std::swap(directory_, other.directory_);
  std::swap(depth_, other.depth_);
  std::swap(size_, other.size_);
  std::swap(buckets_, other.buckets_);
  std::swap(bytes_, other.bytes_);
  overflow_.swap(other.overflow_);
}

// --- Walking
// --------------------------------------------------------------------------------------

template <class Traits>
template <class F>
void Table<Traits>::ForEachSegment(F fn) const {
  if (directory_ == nullptr) return;
  const size_t size = size_t{1} << depth_;
  for (size_t i = 0; i < size;) {
    const Segment segment = directory_[i];  // By value: fn may free it.
    const size_t span = size_t{1} << (depth_ - segment.depth());
    fn(i, segment);
    i += span;
  }
}

template <class Traits>
template <class F>
void Table<Traits>::ForEach(F fn) const {
  ForEachSegment([&](size_t, Segment segment) {
    PrefetchItemsOf(segment.buckets()[0]);
    for (uint32_t b = 0; b < segment.count(); ++b) {
      if (b + 1 < segment.count()) PrefetchItemsOf(segment.buckets()[b + 1]);
      ForEachIn(segment.buckets()[b], [&](uint64_t slot) { fn(AsItem(slot)); });
    }
  });
  for (const Extra& extra : overflow_) fn(AsItem(extra.slot));
}

template <class Traits>
template <class F>
uint64_t Table<Traits>::Scan(uint64_t cursor, F fn) const {
  if (directory_ == nullptr) return 0;
  if (cursor == 0) {
    for (const Extra& extra : overflow_) fn(AsItem(extra.slot));
  }
  const uint64_t position = cursor << 16;
  const Segment segment = SegmentOf(position);
  const uint16_t first_tag = TagOf(position, segment.depth());
  const uint32_t home = segment.HomeOf(first_tag);
  const auto visit = [&](const TableBucket& bucket) {
    ForEachIn(bucket, [&](uint64_t slot) {
      const uint16_t tag = TableBucket::TagOf(slot);
      if (tag >= first_tag && segment.HomeOf(tag) == home) fn(AsItem(slot));
    });
  };
  const TableBucket& bucket = segment.buckets()[home];
  visit(bucket);
  if (bucket.displaced > 0) visit(segment.buckets()[segment.NextOf(home)]);

  // The first tag of the next home, or the next segment's start.
  const uint64_t next_tag = ((home + uint64_t{1}) * 65536 + segment.count() - 1) / segment.count();
  const uint64_t start = StartOf(IndexOf(position), segment);
  const uint64_t next = start + (next_tag << (48 - segment.depth()));
  return next >> 16;  // Past the last segment this wraps to 0, the end.
}

template <class Traits>
template <class F>
void Table<Traits>::VisitHashPrefix(uint64_t hash, F fn) const {
  for (const Extra& extra : overflow_) {
    if ((extra.hash ^ hash) >> (64 - kPrefixBits) == 0) fn(AsItem(extra.slot));
  }
  const Segment segment = SegmentOf(hash);
  if (!segment) return;
  const uint16_t tag = TagOf(hash, segment.depth());
  const uint32_t home = segment.HomeOf(tag);
  std::array<Item*, 2 * TableBucket::kPlaces> found;  // Copied: fn may erase.
  size_t count = 0;
  const auto collect = [&](uint64_t slot) {
    if (TableBucket::TagOf(slot) == tag) found[count++] = AsItem(slot);
  };
  ForEachIn(segment.buckets()[home], collect);
  if (segment.buckets()[home].displaced > 0) {
    ForEachIn(segment.buckets()[segment.NextOf(home)], collect);
  }
  for (size_t i = 0; i < count; ++i) fn(found[i]);
}

template <class Traits>
typename Traits::Item* Table<Traits>::RandomItem(Random& random) const {
  if (size_ == 0) return nullptr;
  if (!overflow_.empty() && random.Below(size_) < overflow_.size()) {
    return AsItem(overflow_[random.Below(overflow_.size())].slot);
  }
  constexpr int kTries = 200;
  for (int i = 0; i < kTries; ++i) {
    // Every place of every segment, were all segments as large as can be, is as likely.
    const size_t index = random.Below(uint64_t{1} << depth_);
    const Segment segment = directory_[index];
    const size_t span = size_t{1} << (depth_ - segment.depth());
    const uint64_t bucket = random.Below(depth_ == 0 ? segment.count() : kSizes.back());
    if ((index & (span - 1)) != 0 || bucket >= segment.count()) continue;
    const TableBucket& found = segment.buckets()[bucket];
    const auto place = random.Below(TableBucket::kPlaces);
    if (found.fingerprints[place] != 0) return AsItem(found.slots[place]);
  }
  // Nearly empty for its layout: the first item after a random position.
  Item* item = nullptr;
  uint64_t cursor = random.Next() >> 16;
  for (bool wrapped = false; item == nullptr;) {
    cursor = Scan(cursor, [&](Item* candidate) { item = candidate; });
    if (cursor == 0 && std::exchange(wrapped, true)) break;
  }
  return item;
}

}  // namespace henge::store
