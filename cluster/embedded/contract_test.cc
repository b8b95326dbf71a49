// SPDX-License-Identifier: Apache-2.0
// What cluster/coordinator.h promises, of the coordinators that need no process beside the nodes.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "cluster/embedded/testing/test_cluster.h"
#include "cluster/local_coordinator.h"
#include "cluster/testing/coordinator_contract.h"

namespace henge::cluster {
namespace {

// Three nodes of one cluster.
class LocalWorld {
 public:
  LocalWorld() {
    for (int i = 0; i < 3; ++i)
      nodes_.push_back(std::make_unique<LocalCoordinator>(consensus_, Id(i)));
    consensus_.SetLeader(Id(1));
  }
  Coordinator& node(size_t i) { return *nodes_[i]; }
  static NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

 private:
  static TopologyPtr First() {
    std::vector<Node> nodes;
    for (int i = 0; i < 3; ++i)
      nodes.push_back({.id = Id(i), .host = "h", .port = static_cast<uint16_t>(7000 + i)});
    return *Topology::FromMembers(std::move(nodes));
  }
  LocalConsensus consensus_{First()};
  std::vector<std::unique_ptr<LocalCoordinator>> nodes_;
};

class EmbeddedWorld {
 public:
  EmbeddedWorld() { cluster_.StartTogether(3); }
  Coordinator& node(size_t i) { return cluster_.node(i).coordinator(); }
  static NodeId Id(int i) { return LocalWorld::Id(i); }

 private:
  TestCluster cluster_;
};

using Worlds = ::testing::Types<LocalWorld, EmbeddedWorld>;
INSTANTIATE_TYPED_TEST_SUITE_P(OfThisProcess, CoordinatorContract, Worlds);

}  // namespace
}  // namespace henge::cluster
