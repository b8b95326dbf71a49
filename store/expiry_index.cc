// SPDX-License-Identifier: Apache-2.0
#include "store/expiry_index.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace henge::store {
namespace {

constexpr size_t kFirstChunk = 8;
constexpr size_t kLargestChunk = 128;  // 1 KB.

uint64_t BitOf(size_t index) { return uint64_t{1} << index; }

// Where the bucket of that index stands among those that are occupied.
ptrdiff_t RankOf(uint64_t occupied, size_t index) {
  return std::popcount(occupied & (BitOf(index) - 1));
}

}  // namespace

ExpiryIndex::Bucket& ExpiryIndex::Level::MakeBucket(size_t index) {
  const auto at = buckets.begin() + RankOf(occupied, index);
  if ((occupied & BitOf(index)) != 0) return *at;
  occupied |= BitOf(index);
  return *buckets.emplace(at);
}

ExpiryIndex::Bucket ExpiryIndex::Level::TakeBucket(size_t index) {
  const auto at = buckets.begin() + RankOf(occupied, index);
  Bucket bucket = std::move(*at);
  buckets.erase(at);
  occupied &= ~BitOf(index);
  return bucket;
}

void ExpiryIndex::Add(Bucket& bucket, ExpiryRecord record) {
  if (bucket.chunks.empty() ||
      bucket.chunks.back().records.size() == bucket.chunks.back().records.capacity()) {
    const size_t capacity = bucket.chunks.empty()
                                ? kFirstChunk
                                : std::min(kLargestChunk, bucket.chunks.back().records.size() * 2);
    bucket.chunks.emplace_back().records.reserve(capacity);
    chunk_bytes_ += capacity * sizeof(ExpiryRecord) + sizeof(Chunk);
  }
  bucket.chunks.back().records.push_back(record);
}

void ExpiryIndex::Note(ExpiryRecord record, UnixMillis deadline) {
  const int64_t tick = std::max(TickOf(deadline), cursor_);
  int level = 0;
  while (level < kLevels - 1 &&
         (tick >> (level * kBucketBits)) - (cursor_ >> (level * kBucketBits)) >= kBuckets) {
    ++level;
  }
  const int shift = level * kBucketBits;
  const int64_t coarse = std::min(tick >> shift, (cursor_ >> shift) + kBuckets - 1);
  const auto index = static_cast<size_t>(coarse & (kBuckets - 1));
  Add(levels_[static_cast<size_t>(level)].MakeBucket(index), record);
  ++size_;
}

void ExpiryIndex::Splice(int level, int64_t tick, Bucket& queue) {
  Level& from = levels_[static_cast<size_t>(level)];
  const auto index = static_cast<size_t>((tick >> (level * kBucketBits)) & (kBuckets - 1));
  if ((from.occupied & BitOf(index)) == 0) return;
  Bucket bucket = from.TakeBucket(index);
  if (queue.chunks.empty()) {
    queue = std::move(bucket);
  } else {
    std::move(bucket.chunks.begin(), bucket.chunks.end(), std::back_inserter(queue.chunks));
  }
}

// One step of the cursor towards `target`: over a tick, or over all that is known to be empty.
void ExpiryIndex::Advance(int64_t target) {
  int empty_levels = 0;
  while (empty_levels < kLevels && levels_[static_cast<size_t>(empty_levels)].occupied == 0) {
    ++empty_levels;
  }
  if (empty_levels == kLevels) {
    cursor_ = target;
    return;
  }
  if (empty_levels == 0) {
    Splice(0, cursor_, due_);
    ++cursor_;
  } else {
    const int64_t span = int64_t{1} << (empty_levels * kBucketBits);
    cursor_ = std::min(target, (cursor_ & ~(span - 1)) + span);
  }
  if ((cursor_ & (kBuckets - 1)) != 0) return;
  for (int level = 1; level < kLevels; ++level) {
    Splice(level, cursor_, refile_);
    if (((cursor_ >> (level * kBucketBits)) & (kBuckets - 1)) != 0) break;
  }
}

size_t ExpiryIndex::TakeFrom(Bucket& queue, std::span<ExpiryRecord> out) {
  size_t taken = 0;
  while (taken < out.size() && !queue.chunks.empty()) {
    std::vector<ExpiryRecord>& records = queue.chunks.back().records;
    const size_t n = std::min(records.size(), out.size() - taken);
    std::copy(records.end() - static_cast<ptrdiff_t>(n), records.end(),
              out.begin() + static_cast<ptrdiff_t>(taken));
    records.resize(records.size() - n);
    taken += n;
    if (records.empty()) {
      chunk_bytes_ -= records.capacity() * sizeof(ExpiryRecord) + sizeof(Chunk);
      queue.chunks.pop_back();
    }
  }
  size_ -= taken;
  return taken;
}

size_t ExpiryIndex::Take(UnixMillis now, std::span<ExpiryRecord> out) {
  // A key expires when its deadline is in the past; a tick is due when its last deadline is.
  const int64_t target = TickOf(now);
  size_t taken = 0;
  for (;;) {
    taken += TakeFrom(due_, out.subspan(taken));
    taken += TakeFrom(refile_, out.subspan(taken));
    if (taken == out.size() || cursor_ >= target) return taken;
    // Records handed out to be filed anew may belong into the very next tick.
    if (taken > 0) return taken;
    Advance(target);
  }
}

int64_t ExpiryIndex::LagMs(UnixMillis now) const {
  if (size_ == 0) return 0;
  const int64_t oldest = due_.chunks.empty() ? cursor_ : cursor_ - 1;
  if (due_.chunks.empty() && refile_.chunks.empty() && cursor_ >= TickOf(now)) return 0;
  return std::max<int64_t>(0, now - oldest * kTickMs);
}

size_t ExpiryIndex::MemoryBytes() const {
  size_t bytes = sizeof(*this) + chunk_bytes_;
  for (const Level& level : levels_) bytes += level.buckets.capacity() * sizeof(Bucket);
  return bytes;
}

std::optional<ExpiryRecord> ExpiryIndex::Sample(Random& random) const {
  size_t chunks = 0;
  const auto visit = [&](auto&& fn) {
    for (const Level& level : levels_) {
      for (const Bucket& bucket : level.buckets) {
        if (fn(bucket)) return;
      }
    }
    if (!due_.chunks.empty() && fn(due_)) return;
    if (!refile_.chunks.empty()) fn(refile_);
  };
  visit([&](const Bucket& bucket) {
    chunks += bucket.chunks.size();
    return false;
  });
  if (chunks == 0) return std::nullopt;
  // Chunks differ in size: draw again, most of the time, when the one drawn is small.
  for (int attempt = 0;; ++attempt) {
    size_t rank = random.Below(chunks);
    std::optional<ExpiryRecord> found;
    visit([&](const Bucket& bucket) {
      if (rank >= bucket.chunks.size()) {
        rank -= bucket.chunks.size();
        return false;
      }
      const std::vector<ExpiryRecord>& records = bucket.chunks[rank].records;
      const size_t at = random.Below(attempt < 8 ? kLargestChunk : records.size());
      if (at < records.size()) found = records[at];
      return true;
    });
    if (found) return found;
  }
}

}  // namespace henge::store
