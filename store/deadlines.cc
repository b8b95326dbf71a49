// SPDX-License-Identifier: Apache-2.0
#include "store/deadlines.h"

#include <algorithm>
#include <utility>

namespace henge::store {

size_t Deadlines::Take(UnixMillis now, std::span<ExpiryRecord> out) {
  if (!unfinished_.empty()) {
    const size_t taken = std::min(unfinished_.size(), out.size());
    std::copy_n(unfinished_.end() - static_cast<ptrdiff_t>(taken), taken, out.begin());
    unfinished_.resize(unfinished_.size() - taken);
    return taken;
  }
  size_t taken = current_ != nullptr ? current_->Take(now, out) : 0;
  if (taken == 0 && next_ != nullptr) taken = next_->Take(now, out);
  return taken;
}

int64_t Deadlines::LagMs(UnixMillis now) const {
  return std::max(current_ != nullptr ? current_->LagMs(now) : 0,
                  next_ != nullptr ? next_->LagMs(now) : 0);
}

std::optional<ExpiryRecord> Deadlines::Sample(Random& random) const {
  const size_t in_current = current_ != nullptr ? current_->size() : 0;
  const size_t in_next = next_ != nullptr ? next_->size() : 0;
  if (in_current + in_next == 0) return std::nullopt;
  return random.Below(in_current + in_next) < in_current ? current_->Sample(random)
                                                         : next_->Sample(random);
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
