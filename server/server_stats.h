// SPDX-License-Identifier: Apache-2.0
// The node's own numbers: what INFO shows beyond the per-worker command counters. Counters are
// atomics or under a leaf lock; any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace henge::server {

// A rate over the last 1.6 seconds: the mean of sixteen samples taken each 100 ms, as Redis's
// instantaneous_* fields. Written by one thread.
class RateMeter {
 public:
  void Sample(uint64_t total, int64_t now_us);
  uint64_t per_second() const { return rate_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kSamples = 16;
  std::array<uint64_t, kSamples> samples_{};
  size_t next_ = 0;
  uint64_t last_total_ = 0;
  int64_t last_us_ = 0;
  std::atomic<uint64_t> rate_{0};
};

// Errors answered, by code.
class ErrorCounts {
 public:
  void Count(std::string_view code);
  std::vector<std::pair<std::string, uint64_t>> Sorted() const;
  uint64_t total() const { return total_.load(std::memory_order_relaxed); }
  void Clear();

 private:
  // A hostile client can make up codes by way of scripts; past this many, new ones are not kept.
  static constexpr size_t kMaxCodes = 128;
  mutable std::mutex mu_;
  StringMap<uint64_t> counts_;
  std::atomic<uint64_t> total_{0};
};

// For how long memory has been over maxmemory. Noted by one thread every 100 ms, read by any.
class OverLimitTime {
 public:
  void Note(bool over, int64_t now_us);
  int64_t current_ms() const { return current_ms_.load(std::memory_order_relaxed); }
  int64_t total_ms() const { return past_ms_.load(std::memory_order_relaxed) + current_ms(); }
  void Clear() { past_ms_.store(-current_ms(), std::memory_order_relaxed); }

 private:
  int64_t since_us_ = 0;  // 0: it is not.
  std::atomic<int64_t> current_ms_{0};
  std::atomic<int64_t> past_ms_{0};
};

struct ServerStats {
  ErrorCounts errors;
  RateMeter ops;
  RateMeter input;
  RateMeter output;
  RateMeter replication_input;
  RateMeter replication_output;
  RateMeter rounds;  // Of the workers' loops.
  RateMeter busy;    // Microseconds they work, a second.
  OverLimitTime over_limit;
  std::atomic<uint64_t> peak_memory{0};
  std::atomic<int64_t> peak_memory_at{0};
  std::atomic<int64_t> first_worker_user_us{0};  // CPU time of its thread.
  std::atomic<int64_t> first_worker_sys_us{0};
  std::atomic<uint64_t> evicted_clients{0};
  std::atomic<uint64_t> query_limit_closed{0};  // Clients closed for overcoming a limit.
  std::atomic<uint64_t> output_limit_closed{0};
  // How long clients' writes were held back because the disk was too far behind.
  std::atomic<uint64_t> journal_stall_us{0};
  std::atomic<uint64_t> denied_auth{0};  // Wrong passwords; what ACLs refused.
  std::atomic<uint64_t> denied_command{0};
  std::atomic<uint64_t> denied_key{0};
  std::atomic<uint64_t> denied_channel{0};
  std::atomic<uint64_t> unexpected_errors{0};  // Told to a leader or follower, who ask for nothing.

  void Reset();  // CONFIG RESETSTAT.
};

}  // namespace henge::server
