// SPDX-License-Identifier: Apache-2.0
// ClientEviction: closes the clients that take the most memory while all of them together take more
// than `maxmemory-clients`. Any thread; the closing happens on each client's own worker.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/types.h"

namespace henge::server {

class Node;

class ClientEviction {
 public:
  explicit ClientEviction(Node& node) : node_(node) {}

  // maxmemory-clients: bytes; below zero, as many percent of maxmemory; 0: no limit.
  std::atomic<int64_t> limit{0};

  // A client takes so many bytes more, or less, than it last said.
  void Note(int64_t bytes) {
    const int64_t total = total_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (limit.load(std::memory_order_relaxed) != 0 && bytes > 0 && total > LimitBytes()) Evict();
  }

 private:
  int64_t LimitBytes() const;
  void Evict();
  uint64_t CloseLargest();  // Until the rest is within the limit; how many.

  Node& node_;
  std::atomic<int64_t> total_{0};
  std::atomic_flag walking_;   // One walk over the clients at a time is enough.
  UnixMillis idle_until_ = 0;  // After a walk that found nobody to close.
};

}  // namespace henge::server
