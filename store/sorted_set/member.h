// SPDX-License-Identifier: Apache-2.0
// Member: a member of a large sorted set with its score, in one allocation.
//
//   +---------+------+-----------+----------------+
//   | score 8 | size | (size 4)  | the member     |
//   +---------+------+-----------+----------------+
//               1 B    when the byte is 255
//
// The sorted set owns it; its hash table and its score tree point to it. The score changes in
// place, the bytes never do. Not thread-safe; the shard's lock is held around every use.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/memory.h"

namespace henge::store {

class Member {
 public:
  static Member* New(double score, std::string_view bytes) {
    auto* member = static_cast<Member*>(std::malloc(RequestFor(bytes.size())));
    if (member == nullptr) std::abort();
    member->score_ = score;
    char* at = member->rest_ + 1;
    if (bytes.size() < kWide) {
      member->rest_[0] = static_cast<char>(bytes.size());
    } else {
      member->rest_[0] = static_cast<char>(kWide);
      const auto size = static_cast<uint32_t>(bytes.size());
      std::memcpy(at, &size, 4);
      at += 4;
    }
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    return member;
  }
  static void Free(Member* member) { std::free(member); }

  double score() const { return score_; }
  void set_score(double score) { score_ = score; }
  std::string_view bytes() const {
    const auto size = static_cast<unsigned char>(rest_[0]);
    if (size != kWide) return {rest_ + 1, size};
    uint32_t wide;
    std::memcpy(&wide, rest_ + 1, 4);
    return {rest_ + 5, wide};
  }
  // What it costs the allocator.
  size_t MemoryBytes() const { return AllocationSize(RequestFor(bytes().size())); }

 private:
  static constexpr size_t kWide = 255;
  static size_t RequestFor(size_t size) { return 9 + (size < kWide ? 0 : 4) + size; }

  double score_;
  char rest_[8];  // As long as the allocation, really.
};

}  // namespace henge::store
