// SPDX-License-Identifier: Apache-2.0
// Leaders that go, majorities that are lost, voters that are replaced, nodes that leave.
#include <gtest/gtest.h>

#include <algorithm>

#include "cluster/embedded/testing/test_cluster.h"

namespace henge::cluster {
namespace {

class EmbeddedLife : public ::testing::Test {
 protected:
  static absl::Status Propose(TestNode& node, const Change& change) {
    return TestCluster::Propose(node.coordinator(), change);
  }
  bool Together(size_t count) {
    return cluster_.All([count](const Topology& t) { return t.nodes().size() == count; });
  }
  bool Voting(size_t count) {
    return cluster_.All([count](const Topology& t) { return t.voters().size() == count; });
  }
  // Some running node other than that.
  TestNode& Another(const TestNode& than) {
    for (size_t i = 0; i < cluster_.size(); ++i) {
      if (&cluster_.node(i) != &than && cluster_.node(i).running()) return cluster_.node(i);
    }
    return cluster_.node(0);
  }
  TestCluster cluster_;
};

TEST_F(EmbeddedLife, AKilledLeaderIsFollowedByAnother) {
  cluster_.StartTogether(3);
  const Epoch first = cluster_.node(0).topology()->epoch();
  Epoch bumps = 0;
  for (int round = 0; round < 3; ++round) {
    TestNode* leader = cluster_.Leader();
    ASSERT_NE(leader, nullptr);
    TestNode& other = Another(*leader);
    const NodeId id = other.id();
    const uint64_t request = other.coordinator().NewRequest();
    leader->Stop();
    for (int i = 0; i < 2; ++i) {  // Asked twice, applied once.
      const absl::Status bumped = TestCluster::Propose(other.coordinator(), BumpEpoch{id}, request);
      ASSERT_TRUE(bumped.ok()) << bumped;
    }
    ++bumps;
    leader->Start();
    ASSERT_TRUE(TestCluster::Barrier(leader->coordinator()).ok());
    EXPECT_EQ(leader->topology()->epoch(), first + bumps);
  }
}

TEST_F(EmbeddedLife, AMinorityAgreesOnNothing) {
  cluster_.StartTogether(3);
  TestNode& left = cluster_.node(0);
  ASSERT_TRUE(Propose(left, BumpEpoch{left.id()}).ok());
  const uint64_t request = left.coordinator().NewRequest();
  const Epoch before = left.topology()->epoch();
  cluster_.node(1).Stop();
  cluster_.node(2).Stop();
  EXPECT_EQ(TestCluster::Propose(left.coordinator(), BumpEpoch{left.id()}, request, 300).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(TestCluster::Barrier(left.coordinator(), 300).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(left.topology()->epoch(), before);
  EXPECT_TRUE(TestCluster::Until([&] { return !left.coordinator().leader().has_value(); }));
  cluster_.node(1).Start();
  // Under its request the proposal has one outcome, also if the first one came through late.
  EXPECT_TRUE(TestCluster::Propose(left.coordinator(), BumpEpoch{left.id()}, request).ok());
  EXPECT_EQ(left.topology()->epoch(), before + 1);
}

TEST_F(EmbeddedLife, ALostVoterIsReplacedAndLearnsWhenItIsBack) {
  for (int i = 0; i < 4; ++i)
    cluster_.Add().options.voter_patience = std::chrono::milliseconds(500);
  for (size_t i = 0; i < 4; ++i) cluster_.node(i).Start();
  for (size_t i = 1; i < 4; ++i)
    ASSERT_TRUE(TestCluster::Meet(cluster_.node(i), cluster_.node(0)).ok());
  ASSERT_TRUE(Voting(3));
  const TopologyPtr before = cluster_.node(0).topology();
  const auto votes = [](const Topology& topology, const NodeId& id) {
    return std::ranges::count(topology.voters(), id) > 0;
  };
  TestNode* lost = nullptr;
  for (size_t i = 1; i < 4; ++i) {
    if (votes(*before, cluster_.node(i).id())) lost = &cluster_.node(i);
  }
  ASSERT_NE(lost, nullptr);
  const NodeId id = lost->id();
  const int clusters = lost->watcher().clusters();
  lost->Stop();
  EXPECT_TRUE(
      cluster_.All([&](const Topology& t) { return t.voters().size() == 3 && !votes(t, id); }));
  lost->Start();
  ASSERT_TRUE(TestCluster::Barrier(lost->coordinator()).ok());
  EXPECT_EQ(lost->id(), id);
  EXPECT_FALSE(votes(*lost->topology(), id));
  EXPECT_EQ(lost->watcher().clusters(), clusters);
  EXPECT_TRUE(Propose(*lost, BumpEpoch{id}).ok());
}

TEST_F(EmbeddedLife, AForgottenVoterIsAloneAgain) {
  cluster_.StartMet(4);
  ASSERT_TRUE(Voting(3));
  TestNode* leader = cluster_.Leader();
  ASSERT_NE(leader, nullptr);
  TestNode& other = Another(*leader);
  const NodeId id = leader->id();
  const int clusters = leader->watcher().clusters();
  const absl::Status forgotten = Propose(other, RemoveNode{id});
  ASSERT_TRUE(forgotten.ok()) << forgotten;
  EXPECT_EQ(other.topology()->Find(id), nullptr);
  EXPECT_TRUE(TestCluster::Until([&] { return leader->topology()->nodes().size() == 1; }));
  EXPECT_TRUE(TestCluster::Until([&] { return leader->watcher().clusters() == clusters + 1; }));
  EXPECT_EQ(leader->id(), id);
  EXPECT_TRUE(Propose(*leader, BumpEpoch{id}).ok());
  EXPECT_TRUE(Propose(other, BumpEpoch{other.id()}).ok());
  // It may come back.
  const absl::Status met = TestCluster::Meet(*leader, other);
  ASSERT_TRUE(met.ok()) << met;
  EXPECT_TRUE(Together(4));
}

TEST_F(EmbeddedLife, AVoterThatMayNotGoKeepsItsVote) {
  cluster_.StartMet(3);
  ASSERT_TRUE(Voting(3));
  TestNode& node = cluster_.node(1);
  ASSERT_TRUE(Propose(node, AddSlots{node.id(), {7}}).ok());
  EXPECT_EQ(Propose(node, RemoveNode{node.id()}).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(TestCluster::Barrier(node.coordinator()).ok());
  EXPECT_FALSE(node.topology()->Find(node.id())->no_vote);
  EXPECT_EQ(node.topology()->voters().size(), 3u);
}

TEST_F(EmbeddedLife, WhoWasForgottenWhileAwayIsAloneWhenItIsBack) {
  cluster_.StartMet(4);
  ASSERT_TRUE(Voting(3));
  TestNode& away = cluster_.node(3);
  const NodeId id = away.id();
  away.Stop();
  ASSERT_TRUE(Propose(cluster_.node(0), RemoveNode{id}).ok());
  // Until nobody remembers to tell it.
  ASSERT_TRUE(Propose(cluster_.node(0), BumpEpoch{cluster_.node(0).id()}).ok());
  away.Start();
  EXPECT_TRUE(TestCluster::Until([&] { return away.topology()->nodes().size() == 1; }));
  EXPECT_TRUE(Propose(away, BumpEpoch{id}).ok());
}

TEST_F(EmbeddedLife, AResetNodeIsAloneAndTheOthersKnow) {
  cluster_.StartMet(4);
  ASSERT_TRUE(Voting(3));
  TestNode& soft = cluster_.node(1);
  const NodeId id = soft.id();
  ASSERT_TRUE(Propose(soft, AddSlots{id, {1, 2}}).ok());
  const int clusters = soft.watcher().clusters();
  ASSERT_TRUE(Propose(soft, BumpEpoch{id}).ok());
  const Epoch epoch = soft.topology()->epoch();
  const Epoch own = soft.topology()->Find(id)->config_epoch;
  ASSERT_TRUE(TestCluster::Reset(soft, false).ok());
  EXPECT_GE(soft.topology()->epoch(), epoch);
  EXPECT_EQ(soft.topology()->Find(id)->config_epoch, own);
  EXPECT_EQ(soft.watcher().clusters(), clusters + 1);
  EXPECT_EQ(soft.id(), id);
  EXPECT_EQ(soft.topology()->nodes().size(), 1u);
  EXPECT_EQ(soft.topology()->assigned_slots(), 0);
  TestNode& other = cluster_.node(0);
  EXPECT_TRUE(TestCluster::Until([&] { return other.topology()->nodes().size() == 3; }));
  EXPECT_EQ(other.topology()->Find(id), nullptr);
  TestNode& hard = cluster_.node(2);
  const NodeId before = hard.id();
  ASSERT_TRUE(TestCluster::Reset(hard, true).ok());
  EXPECT_NE(hard.id(), before);
  EXPECT_EQ(hard.topology()->nodes()[0].id, hard.id());
  // Alone again they can meet, and it lasts.
  ASSERT_TRUE(TestCluster::Meet(hard, soft).ok());
  hard.Stop();
  hard.Start();
  EXPECT_TRUE(TestCluster::Until([&] { return hard.topology()->nodes().size() == 2; }));
}

TEST_F(EmbeddedLife, AResetNodeThatAloneVotesGivesItsVoteToTheOther) {
  cluster_.StartMet(2);
  ASSERT_TRUE(Voting(1));
  TestNode* leader = cluster_.Leader();
  ASSERT_NE(leader, nullptr);
  TestNode& other = Another(*leader);
  ASSERT_TRUE(TestCluster::Reset(*leader, false).ok());
  EXPECT_EQ(leader->topology()->nodes().size(), 1u);
  EXPECT_TRUE(TestCluster::Until([&] { return other.topology()->nodes().size() == 1; }));
  EXPECT_TRUE(Propose(other, BumpEpoch{other.id()}).ok());
}

TEST_F(EmbeddedLife, TwoThatBringOneConfigEpochComeToHaveTwo) {
  cluster_.StartAlone(2);
  TestNode& a = cluster_.node(0);
  TestNode& b = cluster_.node(1);
  ASSERT_TRUE(Propose(a, SetConfigEpoch{.id = a.id(), .epoch = 7}).ok());
  ASSERT_TRUE(Propose(b, SetConfigEpoch{.id = b.id(), .epoch = 7}).ok());
  ASSERT_TRUE(TestCluster::Meet(a, b).ok());
  EXPECT_TRUE(cluster_.All([&](const Topology& t) {
    const Node* first = t.Find(a.id());
    const Node* second = t.Find(b.id());
    return first != nullptr && second != nullptr && first->config_epoch != second->config_epoch;
  }));
}

TEST_F(EmbeddedLife, WhatANodeAnnouncesTheOthersHear) {
  cluster_.StartMet(3);
  ASSERT_TRUE(Together(3));
  TestNode& node = cluster_.node(1);
  const NodeId id = node.id();
  const std::string host = node.topology()->Find(id)->host;
  const auto told = [&](const std::string& hostname, uint16_t port, bool no_failover) {
    return cluster_.All([=](const Topology& t) {
      const Node* known = t.Find(id);
      return known != nullptr && known->hostname == hostname && known->port == port &&
             known->no_failover == no_failover;
    });
  };
  Node self = *node.topology()->Find(id);
  const uint16_t port = self.port;
  self.hostname = "a.example";
  self.name = "first";
  self.port = 7171;
  self.no_failover = true;
  EXPECT_TRUE(Propose(node, UpdateNode{self}).ok());
  EXPECT_TRUE(told("a.example", 7171, true));
  EXPECT_EQ(node.topology()->Find(id)->name, "first");
  EXPECT_EQ(node.topology()->Find(id)->host, host);
  // What is not announced any more goes; what is comes back when somebody else changed it.
  self.hostname.clear();
  self.port = port;
  self.no_failover = false;
  EXPECT_TRUE(Propose(node, UpdateNode{self}).ok());
  EXPECT_TRUE(told("", port, false));
  self.hostname = "b.example";
  EXPECT_TRUE(Propose(cluster_.node(0), UpdateNode{self}).ok());
  EXPECT_TRUE(told("", port, false));
}

TEST_F(EmbeddedLife, ALeaderThatAnnouncedAWrongAddressIsReachedAgainWhenItAnnouncesTheRightOne) {
  cluster_.StartMet(3);
  ASSERT_TRUE(Voting(3));
  TestNode* leader = cluster_.Leader();
  ASSERT_NE(leader, nullptr);
  TestNode& other = Another(*leader);
  Node self = *leader->topology()->Find(leader->id());
  const auto announce = [&](uint16_t bus_port) {
    self.bus_port = bus_port;
    leader->coordinator().Propose({.change = UpdateNode{self}}, [](const absl::Status&) {});
  };
  announce(1);
  ASSERT_TRUE(TestCluster::Until([&] {
    const auto leads = other.coordinator().leader();
    return leads && *leads != leader->id() && !leader->coordinator().leader();
  }));
  announce(leader->bus_port());
  EXPECT_TRUE(TestCluster::Until([&] { return leader->coordinator().leader().has_value(); }));
  EXPECT_TRUE(TestCluster::Barrier(leader->coordinator()).ok());
  EXPECT_EQ(leader->topology()->Find(leader->id())->bus_port, leader->bus_port());
}

TEST_F(EmbeddedLife, ALoneNodeLosesItsSlotsWhenItIsReset) {
  cluster_.StartAlone(1);
  TestNode& node = cluster_.node(0);
  ASSERT_TRUE(Propose(node, AddSlots{node.id(), {1, 2}}).ok());
  ASSERT_TRUE(TestCluster::Reset(node, true).ok());
  EXPECT_EQ(node.topology()->assigned_slots(), 0);
  EXPECT_EQ(node.watcher().clusters(), 1);
  EXPECT_TRUE(Propose(node, AddSlots{node.id(), {1}}).ok());
}

}  // namespace
}  // namespace henge::cluster
