// SPDX-License-Identifier: Apache-2.0
// ExpiryIndex: finds the keys whose deadline has come, without looking at those whose has not.
//
// A hierarchical timing wheel (Varghese and Lauck 1987). Time is cut into ticks of 64 ms; level l
// has 64 buckets of 64^l ticks each:
//
//   level   a bucket   in all
//     0      64 ms       4 s      When the cursor enters a bucket of a level above 0, its records
//     1       4 s        4 min    are handed out, to be filed anew and lower.
//     2       4 min      4.7 h
//     3      4.7 h      12 d
//     4      12 d        2 years  What is later waits in the last bucket.
//
// A record is eight bytes and names a key by its slot and the top of its hash; the deadline itself
// is in the entry. Records therefore may be stale: the key gone, or its deadline moved. Whoever
// takes records looks each up, deletes what has expired and files again what is due later.
//
// Invariant: every key with a deadline has a record that comes up no later than a tick after the
// deadline. So a deadline that moves further away needs no new record: the old one comes up first
// and is filed anew. One that moves closer does.
//
// Not thread-safe; the shard's lock is held around every use.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/random.h"
#include "base/types.h"
#include "store/key.h"

namespace henge::store {

struct ExpiryRecord {
  uint64_t bits = 0;  // 14 of the slot, then the top 50 of the hash.

  static ExpiryRecord Of(const Key& key) {
    return {uint64_t{key.slot} << kHashBits | key.hash >> (64 - kHashBits)};
  }
  Slot slot() const { return static_cast<Slot>(bits >> kHashBits); }
  uint64_t hash_prefix() const { return bits << (64 - kHashBits); }  // The lower 14 bits are zero.
  bool operator==(const ExpiryRecord&) const = default;

  static constexpr int kHashBits = 50;
};

class ExpiryIndex {
 public:
  static constexpr int64_t kTickMs = 64;

  explicit ExpiryIndex(UnixMillis now) : cursor_(TickOf(now)) {}

  void Note(ExpiryRecord record, UnixMillis deadline);

  // Takes out up to out.size() records that must be looked at by `now`; returns how many, 0 when
  // there are no more. What is not due goes back by Note before the next call.
  size_t Take(UnixMillis now, std::span<ExpiryRecord> out);

  size_t size() const { return size_; }  // Records, the stale ones included.
  // How late the index is: the age of the oldest deadline that may not have been looked at, 0 when
  // there is none.
  int64_t LagMs(UnixMillis now) const;
  // Some record, each about as likely as any other.
  std::optional<ExpiryRecord> Sample(Random& random) const;
  size_t MemoryBytes() const;

 private:
  static constexpr int kLevels = 5;
  static constexpr int kBucketBits = 6;
  static constexpr int kBuckets = 1 << kBucketBits;

  // Records in chunks that never move: a bucket grows without copying.
  struct Chunk {
    std::vector<ExpiryRecord> records;  // Reserved once.
  };
  struct Bucket {
    std::vector<Chunk> chunks;
  };
  // The buckets of a level that hold records, in the order of their indexes: an index in which
  // little is filed costs little.
  struct Level {
    uint64_t occupied = 0;  // A bit per index.
    std::vector<Bucket> buckets;

    Bucket& MakeBucket(size_t index);
    // REQUIRES: the bucket is occupied.
    Bucket TakeBucket(size_t index);
  };

  static int64_t TickOf(UnixMillis at) { return at <= 0 ? 0 : at / kTickMs; }
  void Add(Bucket& bucket, ExpiryRecord record);
  // Moves a wheel's bucket behind what `queue` holds.
  void Splice(int level, int64_t tick, Bucket& queue);
  void Advance(int64_t target);
  size_t TakeFrom(Bucket& queue, std::span<ExpiryRecord> out);

  std::array<Level, kLevels> levels_;
  Bucket due_;      // From level 0: most have expired.
  Bucket refile_;   // From higher levels.
  int64_t cursor_;  // The first tick that is not in due_ yet.
  size_t size_ = 0;
  size_t chunk_bytes_ = 0;
};

}  // namespace henge::store
