// SPDX-License-Identifier: Apache-2.0
#include "server/latency_monitor.h"

#include <algorithm>

#include "base/strings.h"

namespace henge::server {

void LatencyMonitor::Add(std::string_view event, uint64_t us, int64_t unix_seconds) {
  const auto ms = static_cast<int64_t>(us / 1000);
  const std::lock_guard lock(mu_);
  Ring& ring = rings_[std::string(event)];
  ring.max_ms = std::max(ring.max_ms, ms);
  if (ring.size > 0) {
    commands::LatencySample& last = ring.samples[(ring.next + kSamples - 1) % kSamples];
    if (last.unix_seconds == unix_seconds) {
      last.ms = std::max(last.ms, ms);
      return;
    }
  }
  ring.samples[ring.next] = {unix_seconds, ms};
  ring.next = (ring.next + 1) % kSamples;
  ring.size = std::min(ring.size + 1, kSamples);
}

std::vector<commands::LatencySeries> LatencyMonitor::All() const {
  const std::lock_guard lock(mu_);
  std::vector<commands::LatencySeries> all;
  for (const auto& [event, ring] : rings_) {
    commands::LatencySeries& series = all.emplace_back();
    series.event = event;
    series.max_ms = ring.max_ms;
    for (size_t i = 0; i < ring.size; ++i) {
      series.samples.push_back(ring.samples[(ring.next + kSamples - ring.size + i) % kSamples]);
    }
  }
  return all;
}

int64_t LatencyMonitor::Reset(std::string_view event) {
  const std::lock_guard lock(mu_);
  return static_cast<int64_t>(absl::erase_if(rings_, [event](const auto& item) {
    return event.empty() || EqualsIgnoreCase(item.first, event);
  }));
}

}  // namespace henge::server
