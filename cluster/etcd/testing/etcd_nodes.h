// SPDX-License-Identifier: Apache-2.0
// Nodes of the etcd coordinator in one process, against a real etcd. Not for the product.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cluster/embedded/testing/test_cluster.h"
#include "cluster/etcd/etcd_coordinator.h"
#include "cluster/etcd/testing/test_etcd.h"

namespace henge::cluster {

class EtcdNode {
 public:
  EtcdNode(int number, std::string directory, std::vector<std::string> endpoints);
  ~EtcdNode() { Stop(); }

  EtcdOptions options;  // As of the next Start.

  void Start();
  void Stop();
  bool running() const { return coordinator_ != nullptr; }
  EtcdCoordinator& coordinator() { return *coordinator_; }
  TopologyPtr topology() const { return coordinator_->topology(); }
  RecordingWatcher& watcher() { return watcher_; }
  NodeId id() const { return coordinator_->self(); }

 private:
  RecordingWatcher watcher_;
  std::unique_ptr<EtcdCoordinator> coordinator_;
};

class EtcdNodes {
 public:
  EtcdNodes();
  ~EtcdNodes();

  TestEtcd& etcd() { return etcd_; }  // Not started.
  EtcdNode& Add();                    // Not started.
  EtcdNode& node(size_t i) { return *nodes_[i]; }
  size_t size() const { return nodes_.size(); }

  void StartTogether(size_t count);  // And etcd.
  void StartAlone(size_t count);     // Without etcd.
  // So that they can found a cluster together.
  void List();

  // Whether all running nodes come to have a topology for which it holds.
  bool All(const std::function<bool(const Topology&)>& holds);
  bool AllKnow(size_t count);  // So many nodes.
  EtcdNode* Leader();          // Null if none is found in time.

  static std::string topology_key() { return "/test/topology"; }
  static std::string leader_key() { return "/test/leader"; }

 private:
  std::filesystem::path root_;
  TestEtcd etcd_;
  std::vector<std::unique_ptr<EtcdNode>> nodes_;
};

}  // namespace henge::cluster
