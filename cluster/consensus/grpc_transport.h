// SPDX-License-Identifier: Apache-2.0
// GrpcTransport: messages of consensus over the cluster's bus, one stream to each peer. A large
// message (a snapshot) goes in pieces. A peer that can't be reached loses what is sent to it; Raft
// sends again.
//
// Addresses come from the membership, "host:bus port", and from streams that peers open, so that a
// node can answer those it does not know as members yet, and those that have moved: what a peer
// says of itself holds until the membership has something new. A link outlives its peer's
// membership: who is removed must be told.
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

// The receiving end, on the node's bus. Transports use it one after the other; what comes while
// none does, or is for another peer than theirs, is dropped. Any thread.
class GrpcInbox {
 public:
  GrpcInbox();
  // For the node's BusServer; may outlive this.
  std::shared_ptr<grpc::Service> service() const;

 private:
  friend class GrpcTransport;
  class Service;
  struct Receivers;
  const std::shared_ptr<Receivers> receivers_;
  const std::shared_ptr<Service> service_;
};

class GrpcTransport final : public Transport {
 public:
  // `address`: where peers find this node's bus; empty: they know. Without an inbox it has its own.
  GrpcTransport(PeerId own, std::string address, std::shared_ptr<GrpcInbox> inbox = nullptr);
  ~GrpcTransport() override;

  std::shared_ptr<grpc::Service> service() const { return inbox_->service(); }

  void Start(std::function<void(Message)> receive, std::function<void(PeerId)> lost);
  void Stop();  // What is sent from now on is dropped. May be called twice.

  void Send(Message message) override;
  void Members(const Membership& members) override;

 private:
  class Link;
  class Stream;
  using Receivers = GrpcInbox::Receivers;

  const PeerId own_;
  const std::string address_;
  const std::shared_ptr<GrpcInbox> inbox_;
  const std::shared_ptr<Receivers> receivers_;
  std::mutex mutex_;
  bool stopped_ = false;                           // Guarded by mutex_.
  std::map<PeerId, std::string> addresses_;        // Guarded by mutex_.
  std::map<PeerId, std::string> told_;             // By the membership, last. Guarded by mutex_.
  std::map<PeerId, std::shared_ptr<Link>> links_;  // Guarded by mutex_.
};

}  // namespace henge::consensus
