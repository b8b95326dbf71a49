// SPDX-License-Identifier: Apache-2.0
#include "store/stream/stream_reader.h"

namespace henge::store {

StreamReader::StreamReader(const Stream& stream, const StreamId& from, const StreamId& to,
                           Order order, bool with_deleted)
    : blocks_(stream.blocks()),
      from_(from),
      to_(to),
      order_(order),
      with_deleted_(with_deleted),
      block_(blocks_.Floor(order == Order::kForward ? from : to)) {}

bool StreamReader::Step() {
  const bool forward = order_ == Order::kForward;
  if (walk_) {
    if (forward ? walk_->Next() : walk_->Previous()) return true;
    block_ = forward ? blocks_.Next(block_) : blocks_.Previous(block_);
  }
  while (block_ != blocks_.End()) {
    walk_.emplace(blocks_.At(block_));
    if (forward ? walk_->ToFirst() : walk_->ToLast()) return true;
    block_ = forward ? blocks_.Next(block_) : blocks_.Previous(block_);
  }
  return false;
}

bool StreamReader::Next() {
  while (Step()) {
    const BlockEntry& entry = walk_->entry();
    if (order_ == Order::kForward) {
      if (entry.id > to_) return false;
      if (entry.id < from_) continue;
    } else {
      if (entry.id < from_) return false;
      if (entry.id > to_) continue;
    }
    if (with_deleted_ || !entry.deleted()) return true;
  }
  return false;
}

}  // namespace henge::store
