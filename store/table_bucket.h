// SPDX-License-Identifier: Apache-2.0
// One bucket of a Table: two cache lines, fourteen places.
//
//   +----+----+ … +----+-----------+---------+--------------+ … +--------------+
//   | f0 | f1 |   |f13 | displaced |    0    | slot 0       |   | slot 13      |
//   +----+----+ … +----+-----------+---------+--------------+ … +--------------+
//     fourteen fingerprints, 1 B each          tag:16 | item:48
//
// A fingerprint is the low byte of the hash (0 taken as 1; 0 marks a free place), compared sixteen
// at a time. A slot's tag is the sixteen bits of the hash below its segment's prefix: from it the
// item's home bucket follows, so a segment is laid out anew without looking at the items.
#pragma once

#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/types.h"

namespace henge::store {

struct alignas(64) TableBucket {
  static constexpr int kPlaces = 14;
  static constexpr uint32_t kAllPlaces = (1u << kPlaces) - 1;
  static constexpr int kPointerBits =
      48;  // User addresses on x86-64 and arm64 with 4-level tables.

  uint8_t fingerprints[kPlaces];
  uint8_t displaced;  // Items whose home is this bucket and that stand in the next one.
  uint8_t unused;
  uint64_t slots[kPlaces];

  static uint8_t FingerprintOf(uint64_t hash) {
    const auto low = static_cast<uint8_t>(hash);
    return low == 0 ? 1 : low;
  }

  // A bit for each place whose fingerprint is `fingerprint`.
  uint32_t Match(uint8_t fingerprint) const {
#if defined(__SSE2__)
    const __m128i line = _mm_load_si128(reinterpret_cast<const __m128i*>(fingerprints));
    const __m128i wanted = _mm_set1_epi8(static_cast<char>(fingerprint));
    return static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(line, wanted))) & kAllPlaces;
#else
    uint32_t mask = 0;
    for (int i = 0; i < kPlaces; ++i) mask |= uint32_t{fingerprints[i] == fingerprint} << i;
    return mask;
#endif
  }
  uint32_t Free() const { return Match(0); }
  uint32_t Used() const { return ~Match(0) & kAllPlaces; }

  void Put(int place, uint8_t fingerprint, uint64_t slot) {
    fingerprints[place] = fingerprint;
    slots[place] = slot;
  }
  void Vacate(int place) { fingerprints[place] = 0; }

  static uint64_t Pack(uint16_t tag, const void* item) {
    return uint64_t{tag} << kPointerBits | reinterpret_cast<uintptr_t>(item);
  }
  static uint16_t TagOf(uint64_t slot) { return static_cast<uint16_t>(slot >> kPointerBits); }
  static void* ItemOf(uint64_t slot) {
    return reinterpret_cast<void*>(slot & ((uint64_t{1} << kPointerBits) - 1));
  }
};
static_assert(sizeof(TableBucket) == 128);

}  // namespace henge::store
