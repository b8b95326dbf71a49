// SPDX-License-Identifier: Apache-2.0
// What publish and subscribe need of other nodes, if there are any; implemented by server/ over the
// cluster's bus.
#pragma once

#include <string_view>

#include "pubsub/subscriber.h"

namespace henge::pubsub {

class Peers {
 public:
  virtual ~Peers() = default;

  // To the other nodes' subscribers of a channel and of the patterns that match it. Any thread;
  // does not block, and keeps a thread's order.
  virtual void Publish(std::string_view channel, std::string_view payload) = 0;

  // The first subscriber of a channel or a pattern came, or the last one left. Any thread, under
  // the topic's lock: must not block, nor come back to the exchange.
  virtual void OnInterest(Kind kind, std::string_view name, bool wanted) = 0;
};

}  // namespace henge::pubsub
