// SPDX-License-Identifier: Apache-2.0
#include "server/server_stats.h"

#include <algorithm>
#include <numeric>

namespace henge::server {

void RateMeter::Sample(uint64_t total, int64_t now_us) {
  const int64_t elapsed = now_us - last_us_;
  if (last_us_ != 0 && elapsed > 0 && total >= last_total_) {
    samples_[next_] = (total - last_total_) * 1'000'000 / static_cast<uint64_t>(elapsed);
    next_ = (next_ + 1) % kSamples;
    const uint64_t sum = std::accumulate(samples_.begin(), samples_.end(), uint64_t{0});
    rate_.store(sum / kSamples, std::memory_order_relaxed);
  }
  last_total_ = total;
  last_us_ = now_us;
}

void ErrorCounts::Count(std::string_view code) {
  total_.fetch_add(1, std::memory_order_relaxed);
  std::lock_guard lock(mu_);
  const auto it = counts_.find(code);
  if (it != counts_.end()) {
    ++it->second;
  } else if (counts_.size() < kMaxCodes) {
    counts_.emplace(std::string(code), 1);
  }
}

std::vector<std::pair<std::string, uint64_t>> ErrorCounts::Sorted() const {
  std::lock_guard lock(mu_);
  std::vector<std::pair<std::string, uint64_t>> out(counts_.begin(), counts_.end());
  std::sort(out.begin(), out.end());
  return out;
}

void ErrorCounts::Clear() {
  std::lock_guard lock(mu_);
  counts_.clear();
  total_.store(0, std::memory_order_relaxed);
}

}  // namespace henge::server
