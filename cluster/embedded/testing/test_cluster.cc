// SPDX-License-Identifier: Apache-2.0
#include "cluster/embedded/testing/test_cluster.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <thread>
#include <utility>

#include "base/random.h"
#include "cluster/testing/free_port.h"

namespace henge::cluster {
namespace {

constexpr std::chrono::seconds kPatience{30};

}  // namespace

void RecordingWatcher::OnTopology(const TopologyPtr& topology) {
  const std::lock_guard lock(mutex_);
  if (topology_ != nullptr && topology->version() < topology_->version()) in_order_ = false;
  topology_ = topology;
}

void RecordingWatcher::OnLeader(std::optional<NodeId> leader) {
  const std::lock_guard lock(mutex_);
  leader_ = leader;
}

void RecordingWatcher::OnCluster(const NodeId&) {
  const std::lock_guard lock(mutex_);
  ++clusters_;
  topology_ = nullptr;
}

TopologyPtr RecordingWatcher::topology() const {
  const std::lock_guard lock(mutex_);
  return topology_;
}

std::optional<NodeId> RecordingWatcher::leader() const {
  const std::lock_guard lock(mutex_);
  return leader_;
}

int RecordingWatcher::clusters() const {
  const std::lock_guard lock(mutex_);
  return clusters_;
}

bool RecordingWatcher::in_order() const {
  const std::lock_guard lock(mutex_);
  return in_order_;
}

TestNode::TestNode(int number, std::string directory) {
  options.directory = std::move(directory);
  options.self.port = static_cast<uint16_t>(7000 + number);
  options.self.bus_port = FreePort();
  options.tick = std::chrono::milliseconds(20);
  options.election_ticks = 10;
  options.founding_grace = std::chrono::milliseconds(300);
}

void TestNode::Start() {
  auto started = EmbeddedCoordinator::Start(options, *files);
  ASSERT_TRUE(started.ok()) << started.status();
  coordinator_ = *std::move(started);
  auto server = BusServer::Start({.port = bus_port()}, coordinator_->services());
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  coordinator_->Watch(&watcher_);
}

void TestNode::Stop() {
  if (coordinator_ != nullptr) coordinator_->Unwatch(&watcher_);
  if (server_ != nullptr) server_->Stop();
  coordinator_.reset();
  server_.reset();
}

void TestNode::WipeDisk() { std::filesystem::remove_all(options.directory); }

TestCluster::TestCluster()
    : root_(std::filesystem::temp_directory_path() / ("henge-embedded-" + RandomHex(12))) {
  std::filesystem::create_directories(root_);
}

TestCluster::~TestCluster() {
  for (const auto& node : nodes_) node->Stop();
  std::filesystem::remove_all(root_);
}

TestNode& TestCluster::Add() {
  const auto number = static_cast<int>(nodes_.size());
  nodes_.push_back(
      std::make_unique<TestNode>(number, (root_ / ("node" + std::to_string(number))).string()));
  return *nodes_.back();
}

void TestCluster::StartAlone(size_t count) {
  for (size_t i = 0; i < count; ++i) Add().Start();
}

void TestCluster::StartTogether(size_t count) {
  std::vector<Node> members;
  for (size_t i = 0; i < count; ++i) {
    Node& self = Add().options.self;
    self.id = NodeId::FromName("n" + std::to_string(i));
    self.host = "127.0.0.1";
    members.push_back(self);
  }
  for (const auto& node : nodes_) node->options.members = members;
  for (const auto& node : nodes_) node->Start();
}

void TestCluster::StartMet(size_t count) {
  StartAlone(count);
  for (size_t i = 1; i < count; ++i) {
    const absl::Status met = Meet(*nodes_[i], *nodes_[0]);
    ASSERT_TRUE(met.ok()) << met;
  }
  EXPECT_TRUE(All([count](const Topology& t) { return t.nodes().size() == count; }));
}

TestNode* TestCluster::Leader() {
  TestNode* leader = nullptr;
  Until([&] {
    for (const auto& node : nodes_) {
      if (node->running() && node->coordinator().IsLeader()) leader = node.get();
    }
    return leader != nullptr;
  });
  return leader;
}

bool TestCluster::All(const std::function<bool(const Topology&)>& holds) {
  return Until([&] {
    for (const auto& node : nodes_) {
      if (node->running() && !holds(*node->topology())) return false;
    }
    return true;
  });
}

bool TestCluster::Until(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < end) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

absl::Status TestCluster::Wait(
    const std::function<void(std::function<void(const absl::Status&)>)>& ask) {
  auto promise = std::make_shared<std::promise<absl::Status>>();
  std::future<absl::Status> future = promise->get_future();
  ask([promise](const absl::Status& status) { promise->set_value(status); });
  if (future.wait_for(2 * kPatience) != std::future_status::ready)
    return absl::InternalError("no answer");
  return future.get();
}

absl::Status TestCluster::Propose(Coordinator& coordinator, const Change& change, uint64_t request,
                                  int64_t timeout_ms) {
  return Wait([&](auto done) {
    coordinator.Propose({.request = request, .change = change, .timeout_ms = timeout_ms},
                        std::move(done));
  });
}

absl::Status TestCluster::Barrier(Coordinator& coordinator, int64_t timeout_ms) {
  return Wait([&](auto done) { coordinator.Barrier(timeout_ms, std::move(done)); });
}

absl::Status TestCluster::Meet(TestNode& node, TestNode& other) {
  return Wait(
      [&](auto done) { node.coordinator().Meet("127.0.0.1", other.bus_port(), std::move(done)); });
}

absl::Status TestCluster::Reset(TestNode& node, bool hard) {
  return Wait([&](auto done) { node.coordinator().Reset(hard, std::move(done)); });
}

}  // namespace henge::cluster
