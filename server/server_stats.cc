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

void OverLimitTime::Note(bool over, int64_t now_us) {
  if (over) {
    if (since_us_ == 0) since_us_ = now_us;
    current_ms_.store((now_us - since_us_) / 1000, std::memory_order_relaxed);
    return;
  }
  past_ms_.fetch_add(current_ms(), std::memory_order_relaxed);
  current_ms_.store(0, std::memory_order_relaxed);
  since_us_ = 0;
}

void ServerStats::Reset() {
  errors.Clear();
  over_limit.Clear();
  for (auto* counter : {&evicted_clients, &query_limit_closed, &output_limit_closed, &denied_auth,
                        &denied_command, &denied_key, &denied_channel, &unexpected_errors}) {
    counter->store(0, std::memory_order_relaxed);
  }
}

}  // namespace henge::server
