// SPDX-License-Identifier: Apache-2.0
// BetweenNodes: the cluster's relay as publish and subscribe see it, and the other way round.
// Thread-safe; connected before clients come.
#pragma once

#include <functional>
#include <utility>

#include "cluster/relay.h"
#include "pubsub/exchange.h"

namespace henge::server {

class BetweenNodes final : public pubsub::Peers, public cluster::RelayListener {
 public:
  explicit BetweenNodes(pubsub::Exchange& exchange) : exchange_(exchange) {}

  // The relay outlives all subscribers, and is stopped before the workers go.
  void Connect(cluster::Relay& relay) {
    relay_ = &relay;
    exchange_.Connect(*this);
  }

  // As InterestFeed::Await; false outside a cluster.
  bool Await(std::function<void()> heard) {
    return relay_ != nullptr && relay_->feed().Await(std::move(heard));
  }
  void GiveUp(uint64_t version) { relay_->feed().GiveUp(version); }
  uint64_t version() const { return relay_->feed().version(); }

  void Publish(std::string_view channel, std::string_view payload) override {
    relay_->Publish(channel, payload);
  }
  void OnInterest(pubsub::Kind kind, std::string_view name, bool wanted) override {
    const bool pattern = kind == pubsub::Kind::kPattern;
    relay_->OnInterest(pattern ? cluster::TopicKind::kPattern : cluster::TopicKind::kChannel, name,
                       wanted);
  }
  void OnRelayed(std::string_view channel, std::string_view payload) override {
    exchange_.Publish(pubsub::Exchange::kNoWorker, pubsub::Kind::kChannel, channel, payload);
  }

 private:
  pubsub::Exchange& exchange_;
  cluster::Relay* relay_ = nullptr;
};

}  // namespace henge::server
