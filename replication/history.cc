// SPDX-License-Identifier: Apache-2.0
#include "replication/history.h"

#include <algorithm>
#include <utility>

#include "base/random.h"

namespace henge::replication {

History::History() : id_(RandomHex(kIdDigits)), second_id_(kIdDigits, '0') {}

void History::Branch(int64_t offset) { Rename(RandomHex(kIdDigits), offset); }

void History::Rename(std::string_view id, int64_t offset) {
  second_id_ = id_;
  second_offset_ = offset + 1;
  if (earlier_.size() == kMostEarlierNames) earlier_.pop_back();
  for (EarlierName& name : earlier_) name.end = std::min(name.end, offset);
  earlier_.insert(earlier_.begin(), EarlierName{id_, offset});
  id_ = id;
}

void History::Remember(std::vector<EarlierName> earlier) {
  if (earlier.size() > kMostEarlierNames) earlier.resize(kMostEarlierNames);
  earlier_ = std::move(earlier);
}

void History::Adopt(std::string_view id) {
  id_ = id;
  second_id_.assign(kIdDigits, '0');
  second_offset_ = kNoOffset;
  earlier_.clear();
}

bool History::Includes(std::string_view id, int64_t next, int64_t offset) const {
  if (next < 0 || next > offset + 1) return false;
  return id == id_ || (id == second_id_ && next <= second_offset_);
}

}  // namespace henge::replication
