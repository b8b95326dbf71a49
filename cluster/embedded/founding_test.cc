// SPDX-License-Identifier: Apache-2.0
// How clusters begin, and how they come back.
#include <gtest/gtest.h>

#include "cluster/embedded/testing/test_cluster.h"

namespace henge::cluster {
namespace {

class EmbeddedFounding : public ::testing::Test {
 protected:
  static absl::Status Propose(TestNode& node, const Change& change) {
    return TestCluster::Propose(node.coordinator(), change);
  }
  TestCluster cluster_;
};

TEST_F(EmbeddedFounding, ALoneNodeLeadsAsSoonAsItHasStarted) {
  TestNode& node = cluster_.Add();
  node.options.tick = std::chrono::seconds(60);  // It waits for no tick.
  node.Start();
  EXPECT_TRUE(node.coordinator().IsLeader());
  ASSERT_EQ(node.topology()->nodes().size(), 1u);
  EXPECT_EQ(node.topology()->nodes()[0].id, node.id());
  EXPECT_EQ(node.topology()->voters(), std::vector<NodeId>{node.id()});
  EXPECT_TRUE(Propose(node, AddSlots{node.id(), {1, 2, 3}}).ok());
  EXPECT_EQ(node.topology()->SlotCount(0), 3);
  EXPECT_TRUE(TestCluster::Barrier(node.coordinator()).ok());
}

TEST_F(EmbeddedFounding, ALoneNodeComesBackAsItself) {
  TestNode& node = cluster_.Add();
  node.Start();
  const NodeId id = node.id();
  for (Slot slot = 0; slot < 40; ++slot) ASSERT_TRUE(Propose(node, AddSlots{id, {slot}}).ok());
  for (int i = 0; i < 3; ++i) {
    node.Stop();
    node.options.snapshot_entries = 5;
    node.Start();
    EXPECT_EQ(node.id(), id);
    EXPECT_EQ(node.topology()->version(), 41u + static_cast<uint64_t>(i));
    EXPECT_TRUE(Propose(node, BumpEpoch{id}).ok());
  }
}

TEST_F(EmbeddedFounding, ANodeAnnouncesWhatIsNewOfIt) {
  cluster_.StartTogether(3);
  TestNode& moved = cluster_.node(2);
  ASSERT_TRUE(Propose(moved, BumpEpoch{moved.id()}).ok());
  moved.Stop();
  moved.options.self.bus_port = TestNode(9, "").bus_port();
  moved.options.self.zone = "z";
  moved.Start();
  EXPECT_TRUE(cluster_.All([&](const Topology& t) {
    const Node* node = t.Find(moved.id());
    return node->bus_port == moved.bus_port() && node->zone == "z";
  }));
  TestNode& lone = cluster_.Add();
  lone.Start();
  lone.Stop();
  lone.options.self.port = 6543;
  lone.Start();
  EXPECT_TRUE(TestCluster::Until([&] { return lone.topology()->nodes()[0].port == 6543; }));
}

TEST_F(EmbeddedFounding, ThoseWhoListTheSameMembersFoundOneCluster) {
  cluster_.StartTogether(3);
  const uint64_t first = cluster_.node(0).topology()->fingerprint();
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(cluster_.node(i).topology()->fingerprint(), first);
  for (size_t i = 0; i < 3; ++i) {
    TestNode& node = cluster_.node(i);
    const absl::Status bumped = Propose(node, BumpEpoch{node.id()});
    EXPECT_TRUE(bumped.ok()) << bumped;
  }
  EXPECT_TRUE(cluster_.All([](const Topology& t) { return t.version() == 4; }));
  EXPECT_EQ(cluster_.node(0).topology()->voters().size(), 3u);
  EXPECT_EQ(cluster_.node(0).topology()->assigned_slots(), kSlots);
}

TEST_F(EmbeddedFounding, AMajorityFoundsItWithoutTheRest) {
  cluster_.StartTogether(3);
  cluster_.node(2).Stop();
  cluster_.node(2).WipeDisk();
  ASSERT_TRUE(Propose(cluster_.node(0), BumpEpoch{cluster_.node(0).id()}).ok());
}

TEST_F(EmbeddedFounding, AllComeBackAfterThePowerFailed) {
  cluster_.StartTogether(3);
  const Epoch first = cluster_.node(0).topology()->epoch();
  for (int round = 0; round < 2; ++round) {
    for (size_t i = 0; i < 3; ++i) {
      const absl::Status bumped = Propose(cluster_.node(i), BumpEpoch{cluster_.node(i).id()});
      ASSERT_TRUE(bumped.ok()) << bumped;
    }
    const uint64_t version = cluster_.node(0).topology()->version();
    for (size_t i = 0; i < 3; ++i) cluster_.node(i).Stop();
    for (size_t i = 0; i < 3; ++i) cluster_.node(i).Start();
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_NE(cluster_.node(i).topology()->Find(cluster_.node(i).id()), nullptr);
      ASSERT_TRUE(TestCluster::Barrier(cluster_.node(i).coordinator()).ok());
      EXPECT_GE(cluster_.node(i).topology()->version(), version);
      EXPECT_TRUE(cluster_.node(i).watcher().in_order());
    }
  }
  EXPECT_EQ(cluster_.node(0).topology()->epoch(), first + 6);
}

TEST_F(EmbeddedFounding, AWipedNodeComesBackAsAnotherPeer) {
  cluster_.StartTogether(3);
  TestNode& wiped = cluster_.node(2);
  const Epoch first = wiped.topology()->epoch();
  ASSERT_TRUE(Propose(wiped, BumpEpoch{wiped.id()}).ok());
  wiped.Stop();
  wiped.WipeDisk();
  ASSERT_TRUE(Propose(cluster_.node(0), BumpEpoch{cluster_.node(0).id()}).ok());
  wiped.Start();
  const absl::Status bumped = Propose(wiped, BumpEpoch{wiped.id()});
  ASSERT_TRUE(bumped.ok()) << bumped;
  EXPECT_EQ(wiped.topology()->epoch(), first + 3);
  EXPECT_EQ(wiped.topology()->nodes().size(), 3u);
  EXPECT_EQ(wiped.watcher().clusters(), 1);
  // It was struck off the voters and then votes again: another may go.
  EXPECT_TRUE(TestCluster::Until(
      [&] { return wiped.topology()->version() == 6 && wiped.topology()->voters().size() == 3; }));
  cluster_.node(0).Stop();
  EXPECT_TRUE(Propose(wiped, BumpEpoch{wiped.id()}).ok());
}

TEST_F(EmbeddedFounding, ADirectoryWithoutItsLogIsRefused) {
  TestNode& node = cluster_.Add();
  node.Start();
  node.Stop();
  std::filesystem::remove_all(node.options.directory + "/log-1");
  EXPECT_EQ(EmbeddedCoordinator::Start(node.options).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace henge::cluster
