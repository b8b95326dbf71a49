// SPDX-License-Identifier: Apache-2.0
// Deadlines: the expiry index of one database's part of one shard, kept from growing stale.
//
// Records of deleted keys stay until their time comes. When they outweigh the live ones the index
// is rebuilt beside the old one, in steps: a walk over the tables files every deadline in the new
// index, new deadlines go there too, and at the end the old index is dropped. The expiry cycle
// takes the steps.
//
// Not thread-safe; the shard's lock is held around every use.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "store/expiry_index.h"

namespace henge::store {

class Deadlines {
 public:
  // `old` is the key's deadline until now, or kNoExpiry.
  void Note(const Key& key, UnixMillis deadline, UnixMillis old, UnixMillis now) {
    // A deadline that was put off: the old record comes up first, and is filed anew then.
    if (old != kNoExpiry && old <= deadline) return;
    File(ExpiryRecord::Of(key), deadline, now);
  }
  void File(ExpiryRecord record, UnixMillis deadline, UnixMillis now) {
    std::unique_ptr<ExpiryIndex>& index = next_ != nullptr ? next_ : current_;
    if (index == nullptr) index = std::make_unique<ExpiryIndex>(now);
    index->Note(record, deadline);
  }

  // A record that was taken and of which more is due than one batch could do: the next Take returns
  // it.
  void PutBack(ExpiryRecord record) { unfinished_.push_back(record); }

  // As ExpiryIndex's.
  size_t Take(UnixMillis now, std::span<ExpiryRecord> out);
  int64_t LagMs(UnixMillis now) const;
  std::optional<ExpiryRecord> Sample(Random& random) const;

  size_t records() const {
    return (current_ != nullptr ? current_->size() : 0) + (next_ != nullptr ? next_->size() : 0) +
           unfinished_.size();
  }
  size_t MemoryBytes() const;

  // Whether a rebuild pays, with `live` deadlines among `keys` keys: the walk must cost no more
  // than what was filed since the last one.
  bool WantsRebuild(size_t live, size_t keys) const {
    return next_ == nullptr && records() > 2 * live + keys / 4 + kSlack;
  }
  bool rebuilding() const { return next_ != nullptr; }
  void BeginRebuild(UnixMillis now);
  // The old index, to be freed at leisure.
  std::unique_ptr<ExpiryIndex> FinishRebuild();
  // Where the rebuild's walk stands: the table's number and its scan cursor.
  size_t rebuild_table = 0;
  uint64_t rebuild_cursor = 0;

 private:
  static constexpr size_t kSlack = 1024;
  std::unique_ptr<ExpiryIndex> current_;  // Made with the first deadline.
  std::unique_ptr<ExpiryIndex> next_;     // While a rebuild is under way.
  std::vector<ExpiryRecord> unfinished_;
};

}  // namespace henge::store
