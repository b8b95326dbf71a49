// SPDX-License-Identifier: Apache-2.0
#include "cluster/embedded/routed_transport.h"

#include <absl/strings/str_cat.h>

#include <utility>

namespace henge::cluster {
namespace {

std::string AddressOf(const KnownPeer& peer) {
  return peer.host.empty() ? std::string() : absl::StrCat(peer.host, ":", peer.bus_port);
}

}  // namespace

RoutedTransport::RoutedTransport(const KnownPeer& own, std::vector<KnownPeer> known,
                                 std::shared_ptr<consensus::GrpcInbox> inbox)
    : known_(std::move(known)), grpc_(own.peer, AddressOf(own), std::move(inbox)) {}

void RoutedTransport::Start(consensus::Driver& driver) {
  grpc_.Start(
      [this, &driver](consensus::Message message) {
        {
          const std::lock_guard lock(mutex_);
          if (members_.Contains(message.from)) heard_[message.from] = Clock::now();
        }
        driver.Receive(std::move(message));
      },
      [&driver](consensus::PeerId peer) { driver.ReportLost(peer); });
}

void RoutedTransport::Stop() { grpc_.Stop(); }

void RoutedTransport::Members(const consensus::Membership& members) {
  consensus::Membership routes;
  {
    const std::lock_guard lock(mutex_);
    members_ = members;
    std::erase_if(heard_, [&](const auto& at) { return !members.Contains(at.first); });
    routes = Route();
  }
  grpc_.Members(routes);
}

void RoutedTransport::Follow(const TopologyPtr& topology) {
  consensus::Membership routes;
  {
    const std::lock_guard lock(mutex_);
    topology_ = topology;
    routes = Route();
  }
  grpc_.Members(routes);
}

KnownPeer RoutedTransport::Locate(const consensus::Member& member) const {
  KnownPeer peer = FromMember(member);
  const Node* node = topology_->Find(peer.node);
  if (node != nullptr && !node->host.empty() && node->bus_port != 0) {
    peer.host = node->host;
    peer.bus_port = node->bus_port;
  }
  if (!peer.host.empty()) return peer;
  for (const KnownPeer& known : known_) {
    if (known.peer != peer.peer || known.host.empty()) continue;
    peer.host = known.host;
    peer.bus_port = known.bus_port;
  }
  return peer;
}

consensus::Membership RoutedTransport::Route() const {
  std::vector<consensus::Member> routes;
  for (const consensus::Member& member : members_.members())
    routes.push_back({.id = member.id, .address = AddressOf(Locate(member))});
  for (const KnownPeer& known : known_) {
    if (!members_.Contains(known.peer))
      routes.push_back({.id = known.peer, .address = AddressOf(known)});
  }
  return consensus::Membership(std::move(routes));
}

std::vector<KnownPeer> RoutedTransport::Located() const {
  const std::lock_guard lock(mutex_);
  std::vector<KnownPeer> peers;
  for (const consensus::Member& member : members_.members()) peers.push_back(Locate(member));
  return peers;
}

RoutedTransport::Clock::time_point RoutedTransport::LastHeard(consensus::PeerId peer) const {
  const std::lock_guard lock(mutex_);
  const auto at = heard_.find(peer);
  return at == heard_.end() ? Clock::time_point() : at->second;
}

}  // namespace henge::cluster
