// SPDX-License-Identifier: Apache-2.0
// Subscriber: who listens, and what it has subscribed to. One per connection, on its worker's
// thread; Exchange keeps its subscriptions.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/strings.h"

namespace henge::pubsub {

struct Topic;
class MessageRun;

enum class Kind : uint8_t { kChannel, kPattern, kShardChannel };
inline constexpr size_t kKinds = 3;

class Subscriber {
 public:
  explicit Subscriber(int worker) : worker_(worker) {}
  virtual ~Subscriber() = default;
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  // Must not come back to the exchange.
  virtual void Deliver(MessageRun& run) = 0;

  // It was made to leave a shard channel (Exchange::Expel).
  virtual void OnExpelled(std::string_view /*channel*/) {}

  int worker() const { return worker_; }
  size_t count(Kind kind) const { return places_[static_cast<size_t>(kind)].size(); }
  // Counts up with each channel and pattern that it subscribes to.
  uint64_t joins() const { return joins_; }
  bool subscribed() const { return subscriptions_ != 0; }

 private:
  friend class Exchange;
  struct Place {
    std::shared_ptr<Topic> topic;
    size_t index;  // In the topic's list of this worker's subscribers.
  };
  // By the topics' own names.
  using Places = absl::flat_hash_map<std::string_view, Place, StringHash, StringEq>;
  Places& places(Kind kind) { return places_[static_cast<size_t>(kind)]; }

  const int worker_;
  uint32_t subscriptions_ = 0;
  uint64_t joins_ = 0;
  std::array<Places, kKinds> places_;
};

}  // namespace henge::pubsub
