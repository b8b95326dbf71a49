// SPDX-License-Identifier: Apache-2.0
// GrpcTransport: messages of consensus over the cluster's bus, one stream to each peer. A large
// message (a snapshot) goes in pieces. A peer that can't be reached loses what is sent to it; Raft
// sends again.
//
// Addresses come from the membership, "host:bus port", and from streams that peers open, so that a
// node can answer those it does not know as members yet. A link outlives its peer's membership: who
// is removed must be told.
//
// Send, Members: one thread at a time. The receivers are called on gRPC's threads, between Start
// and the return of Stop.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cluster/consensus/driver.h"

namespace grpc {
class Service;
}

namespace henge::consensus {

class GrpcTransport final : public Transport {
 public:
  // `address`: where peers find this node's bus.
  GrpcTransport(PeerId own, std::string address);
  ~GrpcTransport() override;

  // For the node's BusServer; may outlive this.
  std::shared_ptr<grpc::Service> service() const;

  void Start(std::function<void(Message)> receive, std::function<void(PeerId)> lost);
  void Stop();  // What is sent from now on is dropped. May be called twice.

  void Send(Message message) override;
  void Members(const Membership& members) override;

 private:
  class Service;
  class Link;
  class Stream;
  struct Receivers;

  const PeerId own_;
  const std::string address_;
  const std::shared_ptr<Receivers> receivers_;
  const std::shared_ptr<Service> service_;
  std::mutex mutex_;
  bool stopped_ = false;                           // Guarded by mutex_.
  std::map<PeerId, std::string> addresses_;        // Guarded by mutex_.
  std::map<PeerId, std::shared_ptr<Link>> links_;  // Guarded by mutex_.
};

}  // namespace henge::consensus
