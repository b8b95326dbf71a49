// SPDX-License-Identifier: Apache-2.0
#include "cluster/relay.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <utility>

#include "cluster/courier.h"
#include "cluster/followed_streams.h"

namespace henge::cluster {

class Relay::Parts {
 public:
  Parts(RelayOptions options, RelayListener& listener)
      : options_(std::move(options)),
        following(options_.my_id, feed, listener),
        courier(std::chrono::milliseconds(kRoundMillis), [this] {
          if (started.load()) following.Round(options_.peers());
        }) {}

 private:
  bool IsMember(const NodeId& id) const {
    const std::vector<PeerAddress> peers = options_.peers();
    return std::any_of(peers.begin(), peers.end(),
                       [&id](const PeerAddress& peer) { return peer.id == id; });
  }

  const RelayOptions options_;

 public:
  std::atomic<bool> started{false};
  InterestFeed feed{
      [this](StreamId stream) { courier.Call([this, stream] { following.Send(stream); }); }};
  Followers followers{
      [this](StreamId stream) { courier.Call([this, stream] { followed.Send(stream); }); }};
  FollowedStreams followed{followers, [this](const NodeId& id) { return IsMember(id); }};
  FollowingStreams following;
  Courier courier;  // Last: its thread starts at once, and ends first.
};

Relay::Relay(RelayOptions options, RelayListener& listener)
    : parts_(std::make_unique<Parts>(std::move(options), listener)) {}

Relay::~Relay() { Stop(); }

std::shared_ptr<grpc::Service> Relay::service() { return parts_->followed.service(); }

void Relay::Start() { parts_->started.store(true); }

void Relay::Stop() {
  parts_->courier.Stop();
  parts_->following.Stop();
}

void Relay::Publish(std::string_view channel, std::string_view payload) {
  parts_->followers.Publish(channel, payload);
}

void Relay::OnInterest(TopicKind kind, std::string_view name, bool wanted) {
  parts_->feed.Change(kind, name, wanted);
}

void Relay::SetLimit(size_t bytes) {
  parts_->followers.SetLimit(bytes == 0 ? Followers::kDefaultLimit : bytes);
}

RelayStats Relay::stats() const {
  return {.followers = parts_->followers.stats(),
          .received = parts_->following.received(),
          .following = parts_->following.following()};
}

const Followers& Relay::followers() const { return parts_->followers; }

InterestFeed& Relay::feed() { return parts_->feed; }

}  // namespace henge::cluster
