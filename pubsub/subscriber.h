// SPDX-License-Identifier: Apache-2.0
// Subscriber: who listens, and what it has subscribed to. One per connection, on its worker's
// thread; Exchange keeps its subscriptions.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/blob.h"
#include "base/strings.h"

namespace henge::pubsub {

struct Topic;

enum class Kind : uint8_t { kChannel, kPattern, kShardChannel };
inline constexpr size_t kKinds = 3;

class Subscriber {
 public:
  explicit Subscriber(int worker) : worker_(worker) {}
  virtual ~Subscriber() = default;
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  // A message: `head`, then the body's bytes, as RESP2 has it. RESP3's begins with '>' instead of
  // '*'. Must not come back to the exchange.
  virtual void Deliver(std::string_view head, const BlobRef& body) = 0;

  int worker() const { return worker_; }
  size_t count(Kind kind) const { return places_[static_cast<size_t>(kind)].size(); }
  bool subscribed() const {
    return count(Kind::kChannel) + count(Kind::kPattern) + count(Kind::kShardChannel) > 0;
  }

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
  std::array<Places, kKinds> places_;
};

}  // namespace henge::pubsub
