// SPDX-License-Identifier: Apache-2.0
// What cluster/coordinator.h promises, of the etcd coordinator.
#include <gtest/gtest.h>

#include "cluster/etcd/testing/etcd_nodes.h"
#include "cluster/testing/coordinator_contract.h"

namespace henge::cluster {
namespace {

class EtcdWorld {
 public:
  EtcdWorld() { nodes_.StartTogether(3); }
  Coordinator& node(size_t i) { return nodes_.node(i).coordinator(); }
  static NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

 private:
  EtcdNodes nodes_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Etcd, CoordinatorContract, EtcdWorld);

}  // namespace
}  // namespace henge::cluster
