// SPDX-License-Identifier: Apache-2.0
#include "store/deadlines.h"

#include <algorithm>
#include <utility>

namespace henge::store {

size_t Deadlines::Take(UnixMillis now, std::span<ExpiryRecord> out) {
  size_t taken = current_ != nullptr ? current_->Take(now, out) : 0;
  if (taken == 0 && next_ != nullptr) taken = next_->Take(now, out);
  return taken;
}

int64_t Deadlines::LagMs(UnixMillis now) const {
  return std::max(current_ != nullptr ? current_->LagMs(now) : 0,
                  next_ != nullptr ? next_->LagMs(now) : 0);
}

std::optional<ExpiryRecord> Deadlines::Sample(Random& random) const {
  if (records() == 0) return std::nullopt;
  const size_t in_current = current_ != nullptr ? current_->size() : 0;
  return random.Below(records()) < in_current ? current_->Sample(random) : next_->Sample(random);
}

size_t Deadlines::MemoryBytes() const {
  return (current_ != nullptr ? current_->MemoryBytes() : 0) +
         (next_ != nullptr ? next_->MemoryBytes() : 0);
}

void Deadlines::BeginRebuild(UnixMillis now) {
  next_ = std::make_unique<ExpiryIndex>(now);
  rebuild_table = 0;
  rebuild_cursor = 0;
}

std::unique_ptr<ExpiryIndex> Deadlines::FinishRebuild() {
  std::swap(current_, next_);
  return std::move(next_);
}

}  // namespace henge::store
