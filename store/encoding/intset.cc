// SPDX-License-Identifier: Apache-2.0
#include "store/encoding/intset.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace henge::store {

static_assert(std::endian::native == std::endian::little, "The format's byte order is the host's.");

namespace {

// A whole size class, so that a block may grow into the rest of it.
uint8_t* Allocate(size_t bytes) {
  void* block = std::malloc(AllocationSize(bytes));
  if (block == nullptr) std::abort();
  return static_cast<uint8_t*>(block);
}

void PutHeader(uint8_t* block, uint32_t width, uint32_t size) {
  std::memcpy(block, &width, 4);
  std::memcpy(block + 4, &size, 4);
}

}  // namespace

Intset Intset::New() {
  uint8_t* block = Allocate(kHeader);
  PutHeader(block, 2, 0);
  return Intset(block);
}

Intset Intset::Copy(std::string_view bytes) {
  uint8_t* block = Allocate(bytes.size());
  std::memcpy(block, bytes.data(), bytes.size());
  return Intset(block);
}

Intset Intset::FromSorted(std::span<const int64_t> all) {
  if (all.empty()) return New();
  const uint32_t width = std::max(WidthFor(all.front()), WidthFor(all.back()));
  Intset set(Allocate(kHeader + all.size() * width));
  PutHeader(set.block_, width, static_cast<uint32_t>(all.size()));
  for (uint32_t i = 0; i < all.size(); ++i) set.Put(i, all[i]);
  return set;
}

// --- Finding ------------------------------------------------------------------------------------

// Each step halves what is left by a conditional move, so nothing is there to mispredict.
template <class T>
uint32_t Intset::LowerBoundIn(T value) const {
  uint32_t first = 0;
  uint32_t left = size();
  while (left > 1) {
    const uint32_t half = left / 2;
    first += At<T>(first + half - 1) < value ? half : 0;
    left -= half;
  }
  return first + (left == 1 && At<T>(first) < value ? 1 : 0);
}

uint32_t Intset::LowerBound(int64_t value) const {
  switch (width()) {
    case 2:
      return LowerBoundIn(static_cast<int16_t>(value));
    case 4:
      return LowerBoundIn(static_cast<int32_t>(value));
    default:
      return LowerBoundIn(value);
  }
}

bool Intset::Contains(int64_t value) const {
  if (WidthFor(value) > width()) return false;
  const uint32_t place = LowerBound(value);
  return place < size() && Get(place) == value;
}

// --- Changing -----------------------------------------------------------------------------------

void Intset::Put(uint32_t index, int64_t value) {
  std::memcpy(Place(index), &value, width());  // The low bytes come first.
}

void Intset::Reallocate(size_t old_bytes, size_t new_bytes) {
  if (AllocationSize(old_bytes) == AllocationSize(new_bytes)) return;
  void* block = std::realloc(block_, AllocationSize(new_bytes));
  if (block == nullptr) std::abort();
  block_ = static_cast<uint8_t*>(block);
}

// What needs more width than all others is below or above them.
void Intset::Widen(uint32_t width, int64_t value) {
  const uint32_t count = size();
  const Intset old = *this;
  block_ = Allocate(kHeader + size_t{count + 1} * width);
  PutHeader(block_, width, count + 1);
  const uint32_t shift = value < 0 ? 1 : 0;
  for (uint32_t i = 0; i < count; ++i) Put(i + shift, old.Get(i));
  Put(value < 0 ? 0 : count, value);
  std::free(old.block_);
}

bool Intset::Add(int64_t value) {
  if (WidthFor(value) > width()) return Widen(WidthFor(value), value), true;
  const uint32_t count = size();
  const uint32_t place = LowerBound(value);
  if (place < count && Get(place) == value) return false;
  Reallocate(bytes(), bytes() + width());
  std::memmove(Place(place + 1), Place(place), size_t{count - place} * width());
  Put(place, value);
  SetSize(count + 1);
  return true;
}

bool Intset::Remove(int64_t value) {
  if (WidthFor(value) > width()) return false;
  const uint32_t place = LowerBound(value);
  if (place == size() || Get(place) != value) return false;
  EraseAt(place);
  return true;
}

void Intset::EraseAt(uint32_t index) { EraseAt({&index, 1}); }

void Intset::EraseAt(std::span<const uint32_t> indices) {
  if (indices.empty()) return;
  const uint32_t count = size();
  const size_t before = bytes();
  uint8_t* to = Place(indices[0]);
  for (size_t i = 0; i < indices.size(); ++i) {
    const uint32_t next = i + 1 < indices.size() ? indices[i + 1] : count;
    const size_t kept = size_t{next - indices[i] - 1} * width();
    std::memmove(to, Place(indices[i] + 1), kept);
    to += kept;
  }
  SetSize(count - static_cast<uint32_t>(indices.size()));
  Reallocate(before, bytes());
}

// --- From outside -------------------------------------------------------------------------------

std::optional<uint32_t> Intset::Validate(std::string_view bytes) {
  if (bytes.size() < kHeader) return std::nullopt;
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  const auto width = Load<uint32_t>(data);
  const auto count = Load<uint32_t>(data + 4);
  if (width != 2 && width != 4 && width != 8) return std::nullopt;
  if (uint64_t{count} * width != bytes.size() - kHeader) return std::nullopt;
  const Intset set(const_cast<uint8_t*>(data));  // Only read.
  for (uint32_t i = 1; i < count; ++i) {
    if (set.Get(i - 1) >= set.Get(i)) return std::nullopt;
  }
  return count;
}

}  // namespace henge::store
