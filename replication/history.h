// SPDX-License-Identifier: Apache-2.0
// A dataset's history: which stream of changes it has seen. Two nodes with the same id have the
// same data at the same offset, so a follower that knows both can go on from there without a full
// copy. Offsets count the stream's bytes; how many there are, the caller knows. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace henge::replication {

// What the first `end` bytes of a history were called before.
struct EarlierName {
  std::string id;
  int64_t end = 0;
  bool operator==(const EarlierName&) const = default;
};
inline constexpr size_t kMostEarlierNames = 8;

class History {
 public:
  static constexpr int64_t kNoOffset = -1;
  static constexpr size_t kIdDigits = 40;

  // A new dataset: an id of its own (40 hexadecimal digits).
  History();

  const std::string& id() const { return id_; }
  // The id before the last promotion, zeros if there was none, and the first offset that is not
  // this history's any more under that name.
  const std::string& second_id() const { return second_id_; }
  int64_t second_offset() const { return second_offset_; }
  // The second first, and those before it, as far as they are remembered.
  const std::vector<EarlierName>& earlier() const { return earlier_; }

  // A promoted follower goes on under an id of its own; what was before, up to `offset`, stays
  // known by the old one.
  void Branch(int64_t offset);
  // The leader goes on under another id (it was promoted); the same otherwise.
  void Rename(std::string_view id, int64_t offset);
  // Another dataset takes this one's place.
  void Adopt(std::string_view id);
  // What its leader says that it was called before.
  void Remember(std::vector<EarlierName> earlier);
  // Whether one who has seen `id` up to, and without, `next` is on this history, of which there
  // are `offset` bytes.
  bool Includes(std::string_view id, int64_t next, int64_t offset) const;

 private:
  std::string id_;
  std::string second_id_;
  int64_t second_offset_ = kNoOffset;
  std::vector<EarlierName> earlier_;
};

}  // namespace henge::replication
