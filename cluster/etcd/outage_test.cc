// SPDX-License-Identifier: Apache-2.0
// Nodes whose etcd is not there yet, dies, stands still, loses or garbles what it was given.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "cluster/etcd/key_watch.h"
#include "cluster/etcd/testing/etcd_nodes.h"

namespace henge::cluster {
namespace {

bool InTrouble(EtcdNode& node) {
  return TestCluster::Until([&] { return !node.coordinator().trouble().empty(); });
}

bool OutOfTrouble(EtcdNode& node) {
  return TestCluster::Until([&] { return node.coordinator().trouble().empty(); });
}

TEST(EtcdOutage, NodesMayStartBeforeEtcd) {
  EtcdNodes nodes;
  nodes.StartAlone(2);
  for (size_t i = 0; i < 2; ++i) {
    Coordinator& node = nodes.node(i).coordinator();
    EXPECT_NE(node.topology()->Find(nodes.node(i).id()), nullptr);
    EXPECT_FALSE(TestCluster::Barrier(node, 100).ok());
    EXPECT_EQ(TestCluster::Propose(node, BumpEpoch{nodes.node(i).id()}, 0, 100).code(),
              absl::StatusCode::kUnavailable);
    EXPECT_FALSE(node.leader().has_value());
  }
  nodes.etcd().Start();
  EXPECT_TRUE(nodes.AllKnow(2));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(TestCluster::Barrier(nodes.node(i).coordinator()).ok());
    EXPECT_TRUE(nodes.node(i).watcher().in_order());
    EXPECT_EQ(nodes.node(i).watcher().clusters(), 0);
  }
  EXPECT_NE(nodes.Leader(), nullptr);
}

// Under its request, a change whose outcome is unknown is proposed again until it is known.
void BumpSurely(EtcdNode& node) {
  Coordinator& coordinator = node.coordinator();
  const uint64_t request = coordinator.NewRequest();
  absl::Status status;
  do {
    status = TestCluster::Propose(coordinator, BumpEpoch{node.id()}, request, 500);
  } while (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status));
  EXPECT_TRUE(status.ok()) << status;
}

TEST(EtcdOutage, EachRequestIsAppliedOnceHoweverOftenEtcdDies) {
  EtcdNodes nodes;
  nodes.StartTogether(3);
  ASSERT_TRUE(TestCluster::Barrier(nodes.node(0).coordinator()).ok());
  const Epoch before = nodes.node(0).topology()->epoch();
  std::atomic<uint64_t> bumped{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      while (!over) {
        BumpSurely(nodes.node(i));
        ++bumped;
      }
    });
  }
  for (int i = 0; i < 2; ++i) {
    const uint64_t wanted = bumped + 20;
    EXPECT_TRUE(TestCluster::Until([&] { return bumped >= wanted; }));
    nodes.etcd().Kill();
    nodes.etcd().Start();
  }
  const uint64_t wanted = bumped + 20;
  EXPECT_TRUE(TestCluster::Until([&] { return bumped >= wanted; }));
  over = true;
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(TestCluster::Barrier(nodes.node(i).coordinator()).ok());
    EXPECT_EQ(nodes.node(i).topology()->epoch(), before + bumped);
    EXPECT_TRUE(nodes.node(i).watcher().in_order());
  }
}

// What it was asked meanwhile is done when it goes on, at the latest; it is never known too early.
TEST(EtcdOutage, WhatAnEtcdThatStandsStillWasAskedIsUnknown) {
  EtcdNodes nodes;
  nodes.StartTogether(2);
  EtcdNode& node = nodes.node(0);
  Coordinator& coordinator = node.coordinator();
  ASSERT_TRUE(TestCluster::Barrier(coordinator).ok());
  const Epoch before = node.topology()->epoch();
  nodes.etcd().Pause();
  const uint64_t request = coordinator.NewRequest();
  EXPECT_EQ(TestCluster::Propose(coordinator, BumpEpoch{node.id()}, request, 300).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(TestCluster::Barrier(coordinator, 300).ok());
  EXPECT_EQ(node.topology()->epoch(), before);
  nodes.etcd().Resume();
  EXPECT_TRUE(TestCluster::Propose(coordinator, BumpEpoch{node.id()}, request).ok());
  ASSERT_TRUE(TestCluster::Barrier(nodes.node(1).coordinator()).ok());
  EXPECT_EQ(nodes.node(1).topology()->epoch(), before + 1);
}

TEST(EtcdOutage, AnotherMemberIsAskedWhereOneIsGone) {
  EtcdNodes nodes;
  nodes.etcd().Start();
  EtcdNode& node = nodes.Add();
  TestEtcd gone;  // Never started.
  node.options.endpoints = {gone.endpoint(), nodes.etcd().endpoint()};
  node.Start();
  EXPECT_TRUE(TestCluster::Barrier(node.coordinator()).ok());
}

TEST(EtcdOutage, WhatCantBeReadLeavesTheLastGoodTopology) {
  EtcdNodes nodes;
  nodes.StartTogether(2);
  ASSERT_TRUE(
      TestCluster::Propose(nodes.node(0).coordinator(), BumpEpoch{nodes.node(0).id()}).ok());
  const uint64_t version = nodes.node(0).topology()->version();
  ASSERT_TRUE(nodes.All([&](const Topology& topology) { return topology.version() == version; }));
  const std::string good = nodes.etcd().Get(EtcdNodes::topology_key()).value();
  nodes.etcd().Put(EtcdNodes::topology_key(), "garbage");
  for (size_t i = 0; i < 2; ++i) {
    EtcdNode& node = nodes.node(i);
    ASSERT_TRUE(InTrouble(node));
    EXPECT_EQ(node.topology()->version(), version);
    EXPECT_FALSE(TestCluster::Barrier(node.coordinator(), 300).ok());
    EXPECT_EQ(TestCluster::Propose(node.coordinator(), BumpEpoch{node.id()}, 0, 300).code(),
              absl::StatusCode::kUnavailable);
  }
  EXPECT_EQ(nodes.etcd().Get(EtcdNodes::topology_key()), "garbage");  // Nobody has written over it.
  nodes.etcd().Put(EtcdNodes::topology_key(), good);
  for (size_t i = 0; i < 2; ++i) {
    ASSERT_TRUE(OutOfTrouble(nodes.node(i)));
    EXPECT_TRUE(
        TestCluster::Propose(nodes.node(i).coordinator(), BumpEpoch{nodes.node(i).id()}).ok());
  }
}

TEST(EtcdOutage, ALostTopologyIsNotFoundedAnew) {
  EtcdNodes nodes;
  nodes.StartTogether(2);
  ASSERT_TRUE(
      TestCluster::Propose(nodes.node(0).coordinator(), BumpEpoch{nodes.node(0).id()}).ok());
  const uint64_t version = nodes.node(0).topology()->version();
  ASSERT_TRUE(nodes.All([&](const Topology& topology) { return topology.version() == version; }));
  const std::string good = nodes.etcd().Get(EtcdNodes::topology_key()).value();
  nodes.etcd().Delete(EtcdNodes::topology_key());
  ASSERT_TRUE(InTrouble(nodes.node(0)));
  nodes.node(1).Stop();
  nodes.node(1).Start();
  ASSERT_TRUE(InTrouble(nodes.node(1)));
  EXPECT_FALSE(TestCluster::Barrier(nodes.node(1).coordinator(), 300).ok());
  EXPECT_EQ(nodes.etcd().Get(EtcdNodes::topology_key()), std::nullopt);
  EXPECT_EQ(nodes.node(0).topology()->version(), version);
  nodes.etcd().Put(EtcdNodes::topology_key(), good);
  for (size_t i = 0; i < 2; ++i)
    EXPECT_TRUE(TestCluster::Barrier(nodes.node(i).coordinator()).ok());
}

TEST(EtcdOutage, AnEtcdThatWentBackIsNotFollowed) {
  EtcdNodes nodes;
  nodes.StartTogether(1);
  EtcdNode& node = nodes.node(0);
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(TestCluster::Propose(node.coordinator(), BumpEpoch{node.id()}).ok());
  const uint64_t version = node.topology()->version();
  nodes.etcd().Kill();
  nodes.etcd().WipeDisk();
  nodes.etcd().Start();
  ASSERT_TRUE(InTrouble(node));
  EXPECT_FALSE(TestCluster::Barrier(node.coordinator(), 300).ok());
  EXPECT_EQ(node.topology()->version(), version);
}

TEST(KeyWatch, EndsWhereItsBeginningIsCompacted) {
  TestEtcd etcd;
  etcd.Start();
  etcd.Put("/watched", "1");
  etcd.CompactAll();
  std::mutex mutex;
  std::condition_variable told;
  int64_t compacted = 0;
  bool ended = false;
  etcdserverpb::WatchCreateRequest request;
  request.set_key("/watched");
  request.set_start_revision(1);
  const EtcdClient client({etcd.endpoint()}, grpc::InsecureChannelCredentials(), {},
                          std::chrono::seconds(1),
                          [](const std::function<void()>& errand) { errand(); });
  const KeyWatch watch(
      client, request,
      [&](const etcdserverpb::WatchResponse& response) {
        const std::lock_guard lock(mutex);
        if (response.canceled()) compacted = response.compact_revision();
      },
      [&](const grpc::Status&) {
        const std::lock_guard lock(mutex);
        ended = true;
        told.notify_all();
      });
  std::unique_lock lock(mutex);
  EXPECT_TRUE(told.wait_for(lock, std::chrono::seconds(30), [&] { return ended; }));
  EXPECT_GT(compacted, 1);
}

}  // namespace
}  // namespace henge::cluster
