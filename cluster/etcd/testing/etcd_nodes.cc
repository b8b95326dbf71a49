// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/testing/etcd_nodes.h"

#include <gtest/gtest.h>

#include <utility>

#include "base/random.h"

namespace henge::cluster {

EtcdNode::EtcdNode(int number, std::string directory, std::vector<std::string> endpoints) {
  options.endpoints = std::move(endpoints);
  options.prefix = "/test";
  options.directory = std::move(directory);
  options.self.host = "127.0.0.1";
  options.self.port = static_cast<uint16_t>(7000 + number);
  options.self.bus_port = static_cast<uint16_t>(17'000 + number);
  options.lease = std::chrono::seconds(1);
  options.tick = std::chrono::milliseconds(20);
}

void EtcdNode::Start() {
  auto started = EtcdCoordinator::Start(options);
  ASSERT_TRUE(started.ok()) << started.status();
  coordinator_ = *std::move(started);
  coordinator_->Watch(&watcher_);
}

void EtcdNode::Stop() {
  if (coordinator_ != nullptr) coordinator_->Unwatch(&watcher_);
  coordinator_.reset();
}

EtcdNodes::EtcdNodes()
    : root_(std::filesystem::temp_directory_path() / ("henge-etcd-nodes-" + RandomHex(12))) {
  std::filesystem::create_directories(root_);
}

EtcdNodes::~EtcdNodes() {
  for (const auto& node : nodes_) node->Stop();
  std::filesystem::remove_all(root_);
}

EtcdNode& EtcdNodes::Add() {
  const auto number = static_cast<int>(nodes_.size());
  const std::string name = "node" + std::to_string(number);
  nodes_.push_back(std::make_unique<EtcdNode>(number, (root_ / name).string(),
                                              std::vector<std::string>{etcd_.endpoint()}));
  return *nodes_.back();
}

void EtcdNodes::List() {
  std::vector<Node> members;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i]->options.self.id = NodeId::FromName("n" + std::to_string(i));
    members.push_back(nodes_[i]->options.self);
  }
  for (const auto& node : nodes_) node->options.members = members;
}

void EtcdNodes::StartAlone(size_t count) {
  for (size_t i = 0; i < count; ++i) Add().Start();
}

void EtcdNodes::StartTogether(size_t count) {
  etcd_.Start();
  for (size_t i = 0; i < count; ++i) Add();
  List();
  for (const auto& node : nodes_) node->Start();
}

bool EtcdNodes::All(const std::function<bool(const Topology&)>& holds) {
  return TestCluster::Until([&] {
    for (const auto& node : nodes_) {
      if (node->running() && !holds(*node->topology())) return false;
    }
    return true;
  });
}

bool EtcdNodes::AllKnow(size_t count) {
  return All([count](const Topology& topology) { return topology.nodes().size() == count; });
}

EtcdNode* EtcdNodes::Leader() {
  EtcdNode* leader = nullptr;
  TestCluster::Until([&] {
    for (const auto& node : nodes_) {
      if (node->running() && node->coordinator().IsLeader()) leader = node.get();
    }
    return leader != nullptr;
  });
  return leader;
}

}  // namespace henge::cluster
