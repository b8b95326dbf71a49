// SPDX-License-Identifier: Apache-2.0
// Documents: Apply and the topology's bytes, each computed once for all simulated nodes: they are
// pure, so that the result is every node's. In some runs each node computes for itself, which
// shows that they are. One thread.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <string>
#include <utility>

#include "cluster/topology.h"
#include "cluster/topology/codec.h"
#include "tests/sim/bugs.h"

namespace henge::sim {

class Documents {
 public:
  Documents(bool shared, Bug bug) : shared_(shared), bug_(bug) {}

  absl::StatusOr<cluster::TopologyPtr> Apply(const cluster::TopologyPtr& topology,
                                             const std::string& change_bytes,
                                             const cluster::ExpectingChange& change);
  std::string Save(const cluster::TopologyPtr& topology);
  cluster::TopologyPtr Load(const std::string& bytes);

 private:
  struct Result {
    cluster::TopologyPtr before;  // Kept, so that its address stays its own.
    absl::StatusOr<cluster::TopologyPtr> after;
  };
  absl::StatusOr<cluster::TopologyPtr> Compute(const cluster::TopologyPtr& topology,
                                               const cluster::ExpectingChange& change) const;

  const bool shared_;
  const Bug bug_;
  absl::flat_hash_map<std::pair<const cluster::Topology*, std::string>, Result> applied_;
  absl::flat_hash_map<std::string, cluster::TopologyPtr> saved_;
};

}  // namespace henge::sim
