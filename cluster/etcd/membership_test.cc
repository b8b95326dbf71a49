// SPDX-License-Identifier: Apache-2.0
// How nodes come into a cluster in etcd and out of it, and who of them leads.
#include <gtest/gtest.h>

#include <set>

#include "cluster/etcd/testing/etcd_nodes.h"

namespace henge::cluster {
namespace {

absl::Status Meet(EtcdNode& node, uint16_t bus_port) {
  return TestCluster::Wait(
      [&](auto done) { node.coordinator().Meet("127.0.0.1", bus_port, std::move(done)); });
}

absl::Status Reset(EtcdNode& node, bool hard) {
  return TestCluster::Wait([&](auto done) { node.coordinator().Reset(hard, std::move(done)); });
}

TEST(EtcdMembership, NodesOfOnePrefixAreOneCluster) {
  EtcdNodes nodes;
  nodes.etcd().Start();
  nodes.StartAlone(3);
  ASSERT_TRUE(nodes.AllKnow(3));
  std::set<NodeId> ids;
  for (size_t i = 0; i < 3; ++i) {
    ids.insert(nodes.node(i).id());
    EXPECT_EQ(nodes.node(i).topology()->assigned_slots(), 0);
  }
  EXPECT_EQ(ids.size(), 3u);
  EtcdNode& other = nodes.Add();
  other.options.prefix = "/another";
  other.Start();
  ASSERT_TRUE(TestCluster::Barrier(other.coordinator()).ok());
  EXPECT_EQ(other.topology()->nodes().size(), 1u);
  EXPECT_EQ(nodes.node(0).topology()->nodes().size(), 3u);
}

TEST(EtcdMembership, NodesThatListTheSameMembersFoundItOnce) {
  EtcdNodes nodes;
  nodes.StartTogether(3);
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(TestCluster::Barrier(nodes.node(i).coordinator()).ok());
    EXPECT_EQ(nodes.node(i).topology()->assigned_slots(), kSlots);
    EXPECT_EQ(nodes.node(i).watcher().clusters(), 0);
    EXPECT_EQ(nodes.node(i).id(), NodeId::FromName("n" + std::to_string(i)));
  }
  // One that the others' configuration lacks comes in by its own, to its place on the ring.
  EtcdNode& late = nodes.Add();
  late.Start();
  ASSERT_TRUE(nodes.AllKnow(4));
  EXPECT_EQ(late.topology()->GroupsLedBy(late.topology()->IndexOf(late.id())).size(), 1u);
}

TEST(EtcdMembership, ANodeIsTheSameAfterARestartAndTellsItsNewAddress) {
  EtcdNodes nodes;
  nodes.etcd().Start();
  nodes.StartAlone(2);
  ASSERT_TRUE(nodes.AllKnow(2));
  const NodeId id = nodes.node(1).id();
  nodes.node(1).Stop();
  nodes.node(1).options.self.port = 7100;
  nodes.node(1).Start();
  EXPECT_EQ(nodes.node(1).id(), id);
  EXPECT_TRUE(nodes.All([&](const Topology& topology) {
    const Node* node = topology.Find(id);
    return node != nullptr && node->port == 7100 && topology.nodes().size() == 2;
  }));
}

TEST(EtcdMembership, WhoIsForgottenStaysOutUntilItMeets) {
  EtcdNodes nodes;
  nodes.etcd().Start();
  nodes.StartAlone(3);
  ASSERT_TRUE(nodes.AllKnow(3));
  EtcdNode& out = nodes.node(2);
  const NodeId id = out.id();
  ASSERT_TRUE(TestCluster::Propose(nodes.node(0).coordinator(), RemoveNode{id}).ok());
  const auto alone = [&] { return out.topology()->nodes().size() == 1; };
  ASSERT_TRUE(TestCluster::Until(alone));
  EXPECT_EQ(out.watcher().clusters(), 1);
  EXPECT_FALSE(TestCluster::Barrier(out.coordinator(), 200).ok());
  EXPECT_EQ(TestCluster::Propose(out.coordinator(), BumpEpoch{id}).code(),
            absl::StatusCode::kUnavailable);
  EXPECT_TRUE(Reset(out, false).ok());
  EXPECT_EQ(out.id(), id);
  EXPECT_TRUE(Reset(out, true).ok());
  const NodeId next = out.id();
  EXPECT_NE(next, id);
  out.Stop();
  out.Start();
  EXPECT_EQ(out.id(), next);
  EXPECT_EQ(nodes.node(0).topology()->Find(next), nullptr);
  EXPECT_FALSE(TestCluster::Barrier(out.coordinator(), 300).ok());
  EXPECT_EQ(nodes.node(0).topology()->Find(id), nullptr);
  ASSERT_TRUE(Meet(out, nodes.node(0).options.self.bus_port).ok());
  EXPECT_TRUE(nodes.AllKnow(3));
  EXPECT_TRUE(TestCluster::Barrier(out.coordinator()).ok());
}

TEST(EtcdMembership, MeetIsForThoseWhoAreThere) {
  EtcdNodes nodes;
  nodes.etcd().Start();
  nodes.StartAlone(2);
  ASSERT_TRUE(nodes.AllKnow(2));
  EXPECT_TRUE(Meet(nodes.node(0), nodes.node(1).options.self.bus_port).ok());
  EXPECT_EQ(Meet(nodes.node(0), 1).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(EtcdMembership, AResetNodeHasNoSlotsAndPerhapsAnotherId) {
  EtcdNodes nodes;
  nodes.etcd().Start();
  nodes.StartAlone(2);
  ASSERT_TRUE(nodes.AllKnow(2));
  EtcdNode& node = nodes.node(1);
  const NodeId before = node.id();
  ASSERT_TRUE(TestCluster::Propose(node.coordinator(), AddSlots{before, {1, 2}}).ok());
  ASSERT_TRUE(Reset(node, false).ok());
  EXPECT_EQ(node.id(), before);
  EXPECT_EQ(node.topology()->assigned_slots(), 0);
  EXPECT_EQ(node.watcher().clusters(), 1);
  ASSERT_TRUE(TestCluster::Propose(node.coordinator(), AddSlots{before, {1}}).ok());
  ASSERT_TRUE(Reset(node, true).ok());
  const NodeId after = node.id();
  EXPECT_NE(after, before);
  EXPECT_EQ(node.watcher().clusters(), 2);
  EXPECT_TRUE(nodes.All([&](const Topology& topology) {
    return topology.Find(after) != nullptr && topology.Find(before) == nullptr &&
           topology.assigned_slots() == 0;
  }));
  node.Stop();
  node.Start();
  EXPECT_EQ(node.id(), after);
  EXPECT_TRUE(TestCluster::Barrier(node.coordinator()).ok());
}

TEST(EtcdMembership, ANodeAloneCanBeReset) {
  EtcdNodes nodes;
  nodes.etcd().Start();
  nodes.StartAlone(1);
  EtcdNode& node = nodes.node(0);
  ASSERT_TRUE(TestCluster::Barrier(node.coordinator()).ok());
  ASSERT_TRUE(Reset(node, true).ok());
  ASSERT_TRUE(TestCluster::Barrier(node.coordinator()).ok());
  EXPECT_EQ(node.topology()->nodes().size(), 1u);
}

TEST(EtcdLeader, IsOneOfThemAndKnownToAll) {
  EtcdNodes nodes;
  nodes.StartTogether(3);
  EtcdNode* const leader = nodes.Leader();
  ASSERT_NE(leader, nullptr);
  const NodeId id = leader->id();
  EXPECT_TRUE(TestCluster::Until([&] {
    for (size_t i = 0; i < 3; ++i) {
      if (nodes.node(i).coordinator().leader() != id) return false;
    }
    return true;
  }));
  leader->Stop();  // It gives the lead up.
  EtcdNode* const next = nodes.Leader();
  ASSERT_NE(next, nullptr);
  EXPECT_NE(next->id(), id);
}

TEST(EtcdLeader, IsReplacedWhenItsKeyIsGone) {
  EtcdNodes nodes;
  nodes.etcd().Start();
  const NodeId dead = NodeId::FromName("dead");
  nodes.etcd().Put(EtcdNodes::leader_key(), dead.view());
  nodes.StartAlone(2);
  EXPECT_TRUE(nodes.AllKnow(2));
  EXPECT_TRUE(TestCluster::Until([&] {
    return nodes.node(0).coordinator().leader() == dead &&
           nodes.node(1).coordinator().leader() == dead;
  }));
  nodes.etcd().Delete(EtcdNodes::leader_key());  // As etcd does when its lease ends.
  EXPECT_NE(nodes.Leader(), nullptr);
}

TEST(EtcdLeader, LeadsAtOnceAgainAfterItsRestart) {
  EtcdNodes nodes;
  nodes.etcd().Start();
  nodes.Add().options.self.id = NodeId::FromName("n0");
  nodes.etcd().Put(EtcdNodes::leader_key(), NodeId::FromName("n0").view());  // For ever.
  nodes.node(0).Start();
  EXPECT_EQ(nodes.Leader(), &nodes.node(0));
}

TEST(EtcdLeader, ComesBackWithEtcd) {
  EtcdNodes nodes;
  nodes.StartTogether(2);
  ASSERT_NE(nodes.Leader(), nullptr);
  nodes.etcd().Kill();
  EXPECT_TRUE(TestCluster::Until([&] {  // Nobody is sure any more.
    return !nodes.node(0).coordinator().IsLeader() && !nodes.node(1).coordinator().IsLeader();
  }));
  nodes.etcd().Start();
  EXPECT_NE(nodes.Leader(), nullptr);
}

TEST(EtcdMembership, WhatANodeAnnouncesTheOthersHear) {
  EtcdNodes nodes;
  nodes.etcd().Start();
  nodes.StartAlone(2);
  ASSERT_TRUE(nodes.AllKnow(2));
  const NodeId id = nodes.node(1).id();
  Node self = *nodes.node(1).topology()->Find(id);
  for (const std::string hostname : {"a.example", "b.example", ""}) {
    self.hostname = hostname;
    EXPECT_TRUE(TestCluster::Propose(nodes.node(1).coordinator(), UpdateNode{self}).ok());
    EXPECT_TRUE(nodes.All([&](const Topology& topology) {
      const Node* node = topology.Find(id);
      return node != nullptr && node->hostname == hostname;
    }));
  }
}

}  // namespace
}  // namespace henge::cluster
