// SPDX-License-Identifier: Apache-2.0
// Nodes of the embedded coordinator in one process: real logs, real gRPC on loopback, short ticks.
// Not for the product.
#pragma once

#include <absl/status/status.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cluster/bus_server.h"
#include "cluster/embedded/embedded_coordinator.h"

namespace henge::cluster {

// Remembers what it was told, and that it was told in order.
class RecordingWatcher final : public TopologyWatcher {
 public:
  void OnTopology(const TopologyPtr& topology) override;
  void OnLeader(std::optional<NodeId> leader) override;
  void OnCluster(const NodeId& self) override;

  TopologyPtr topology() const;
  std::optional<NodeId> leader() const;
  int clusters() const;   // How often it became another one.
  bool in_order() const;  // No version was told after a higher one.

 private:
  mutable std::mutex mutex_;
  TopologyPtr topology_;
  std::optional<NodeId> leader_;
  int clusters_ = 0;
  bool in_order_ = true;
};

class TestNode {
 public:
  TestNode(int number, std::string directory);
  ~TestNode() { Stop(); }

  EmbeddedOptions options;  // As of the next Start.
  persistence::FileSystem* files = &persistence::PosixFileSystem();

  void Start();
  void Stop();  // As a crash, as far as the others can tell.
  void WipeDisk();
  bool running() const { return coordinator_ != nullptr; }

  EmbeddedCoordinator& coordinator() { return *coordinator_; }
  TopologyPtr topology() const { return coordinator_->topology(); }
  RecordingWatcher& watcher() { return watcher_; }
  NodeId id() const { return coordinator_->self(); }
  uint16_t bus_port() const { return options.self.bus_port; }

 private:
  RecordingWatcher watcher_;
  std::unique_ptr<EmbeddedCoordinator> coordinator_;
  std::unique_ptr<BusServer> server_;
};

class TestCluster {
 public:
  TestCluster();
  ~TestCluster();

  // Not started.
  TestNode& Add();
  TestNode& node(size_t i) { return *nodes_[i]; }
  size_t size() const { return nodes_.size(); }

  void StartAlone(size_t count);
  void StartTogether(size_t count);
  // Alone each, and brought together.
  void StartMet(size_t count);

  // Null if none is found in time.
  TestNode* Leader();
  // Whether all running nodes come to have a topology for which it holds.
  bool All(const std::function<bool(const Topology&)>& holds);

  static bool Until(const std::function<bool()>& holds);
  static absl::Status Wait(
      const std::function<void(std::function<void(const absl::Status&)>)>& ask);
  static absl::Status Propose(Coordinator& coordinator, const Change& change, uint64_t request = 0,
                              int64_t timeout_ms = 15'000);
  static absl::Status Barrier(Coordinator& coordinator, int64_t timeout_ms = 15'000);
  static absl::Status Meet(TestNode& node, TestNode& other);
  static absl::Status Reset(TestNode& node, bool hard);

 private:
  std::filesystem::path root_;
  std::vector<std::unique_ptr<TestNode>> nodes_;
};

}  // namespace henge::cluster
