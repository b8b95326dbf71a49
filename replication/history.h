// SPDX-License-Identifier: Apache-2.0
// A dataset's history: which stream of changes it has seen, and up to where. Two nodes with the
// same id have the same data at the same offset, so a follower that knows both can go on from
// there without a full copy. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace henge::replication {

class History {
 public:
  static constexpr int64_t kNoOffset = -1;

  // A new dataset: an id of its own (40 hexadecimal digits), at offset 0.
  History();

  const std::string& id() const { return id_; }
  int64_t offset() const { return offset_; }  // Bytes of the stream.
  // The id before the last promotion, zeros if there was none, and the offset up to which it is
  // this history too.
  const std::string& second_id() const { return second_id_; }
  int64_t second_offset() const { return second_offset_; }

  void Advance(int64_t bytes) { offset_ += bytes; }
  // A promoted follower goes on under an id of its own; what was before stays known by the old one.
  void Branch();
  // Whether one who has seen `id` up to, and without, `next` is on this history.
  bool Includes(std::string_view id, int64_t next) const;

 private:
  std::string id_;
  std::string second_id_;
  int64_t offset_ = 0;
  int64_t second_offset_ = kNoOffset;
};

}  // namespace henge::replication
