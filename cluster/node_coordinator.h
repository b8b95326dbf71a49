// SPDX-License-Identifier: Apache-2.0
// NodeCoordinator: a coordinator as the process of a node has it: besides the topology's promises
// (cluster/coordinator.h) it knows who the node is, and brings the node into a cluster and out of
// one. Thread-safe.
#pragma once

#include <absl/status/status.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cluster/coordinator.h"

namespace grpc {
class Service;
}

namespace henge::cluster {

class NodeCoordinator : public Coordinator {
 public:
  using Done = std::function<void(const absl::Status&)>;

  // For the node's BusServer. The same for the coordinator's life; they may outlive it.
  virtual std::vector<std::shared_ptr<grpc::Service>> services() const = 0;

  virtual NodeId self() const = 0;

  // CLUSTER MEET and RESET, as far as they mean something to this coordinator.
  virtual void Meet(const std::string& host, uint16_t bus_port, Done done) = 0;
  virtual void Reset(bool hard, Done done) = 0;
};

}  // namespace henge::cluster
