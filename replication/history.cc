// SPDX-License-Identifier: Apache-2.0
#include "replication/history.h"

#include "base/random.h"

namespace henge::replication {
namespace {

constexpr size_t kIdDigits = 40;

}  // namespace

History::History() : id_(RandomHex(kIdDigits)), second_id_(kIdDigits, '0') {}

void History::Branch() {
  second_id_ = id_;
  second_offset_ = offset_ + 1;
  id_ = RandomHex(kIdDigits);
}

bool History::Includes(std::string_view id, int64_t next) const {
  if (next < 0 || next > offset_ + 1) return false;
  return id == id_ || (id == second_id_ && next <= second_offset_);
}

}  // namespace henge::replication
