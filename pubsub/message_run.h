// SPDX-License-Identifier: Apache-2.0
// MessageRun: messages of one topic that follow each other on their way to a worker's subscribers.
// They are encoded once for each version of the protocol, into bytes that all outputs share.
//
// The worker's thread only; lives for the length of one delivery.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/blob.h"
#include "pubsub/subscriber.h"

namespace henge::pubsub {

// What one can subscribe to.
struct Topic {
  Topic(Kind topic_kind, std::string_view topic_name, size_t workers);

  const Kind kind;
  const std::string name;
  const std::array<std::string, 2> heads;  // What its messages begin with; under RESP3 a push.
  size_t total = 0;
  std::vector<std::vector<Subscriber*>> by_worker;
};
using TopicRef = std::shared_ptr<Topic>;

// A body: both as bulk strings.
BlobRef EncodeBody(std::string_view channel, std::string_view payload);

// A message on its way.
struct Sent {
  TopicRef topic;
  BlobRef body;
};

class MessageRun {
 public:
  // As many of the first of `messages`, which are not none, as may go together.
  MessageRun(std::span<const Sent> messages, size_t receivers);

  size_t size() const { return messages_.size(); }
  size_t bytes() const { return bytes_; }  // All of them, encoded.
  size_t receivers() const { return receivers_; }

  // All of them.
  const BlobRef& Shared(bool resp3);
  // Each in two parts: fn(head, body).
  template <class F>
  void ForEach(bool resp3, F fn) const {
    const std::string_view head = messages_.front().topic->heads[resp3 ? 1 : 0];
    for (const Sent& sent : messages_) fn(head, sent.body);
  }

 private:
  std::span<const Sent> messages_;
  const size_t receivers_;
  size_t bytes_ = 0;
  std::array<BlobRef, 2> shared_;
};

}  // namespace henge::pubsub
