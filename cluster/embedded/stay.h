// SPDX-License-Identifier: Apache-2.0
// Stay: a node's time in one cluster: the log, the driver that runs it, what it is agreed on, the
// way to the others. Ends when it is destroyed; what was asked of the driver then ends as aborted.
//
// Made and destroyed by one thread; the listener is called on the driver's thread, and while Begin
// runs on the caller's.
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/embedded/agreed_topology.h"
#include "cluster/embedded/routed_transport.h"

namespace henge::cluster {

struct StayOptions {
  consensus::DriverOptions driver;
  KnownPeer own;
  std::vector<KnownPeer> known;
};

class Stay {
 public:
  // `topology` is told of each new document.
  static absl::StatusOr<std::unique_ptr<Stay>> Begin(
      const StayOptions& options, persistence::FileSystem& files,
      std::shared_ptr<consensus::GrpcInbox> inbox,
      std::function<void(const TopologyPtr&)> topology);
  ~Stay();
  Stay(const Stay&) = delete;
  Stay& operator=(const Stay&) = delete;

  consensus::Driver& driver() { return *driver_; }
  const AgreedTopology& agreed() const { return agreed_; }
  const RoutedTransport& routes() const { return transport_; }
  const KnownPeer& own() const { return options_.own; }

  bool IsLeader() const { return driver_->status().role == consensus::Role::kLeader; }
  std::optional<NodeId> leader() const;
  // Whether the others have agreed that this node is no member any more.
  bool IsRemoved() const;

 private:
  Stay(const StayOptions& options, std::shared_ptr<consensus::GrpcInbox> inbox,
       std::function<void(const TopologyPtr&)> topology);
  void OnMembers(const consensus::Membership& members);

  const StayOptions options_;
  const std::function<void(const TopologyPtr&)> tell_;
  RoutedTransport transport_;
  AgreedTopology agreed_;
  std::atomic<bool> was_member_{false};
  std::atomic<bool> removed_{false};
  std::unique_ptr<consensus::Driver> driver_;
};

}  // namespace henge::cluster
