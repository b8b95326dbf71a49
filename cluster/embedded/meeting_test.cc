// SPDX-License-Identifier: Apache-2.0
// How nodes come together at run time.
#include <gtest/gtest.h>

#include <future>

#include "cluster/embedded/testing/test_cluster.h"
#include "persistence/simulated_disk.h"

namespace henge::cluster {
namespace {

class EmbeddedMeeting : public ::testing::Test {
 protected:
  static absl::Status Propose(TestNode& node, const Change& change) {
    return TestCluster::Propose(node.coordinator(), change);
  }
  bool Together(size_t count) {
    return cluster_.All([count](const Topology& t) { return t.nodes().size() == count; });
  }
  TestCluster cluster_;
};

TEST_F(EmbeddedMeeting, WhoIsAloneBecomesAMemberWithItsSlots) {
  cluster_.StartAlone(2);
  TestNode& a = cluster_.node(0);
  TestNode& b = cluster_.node(1);
  ASSERT_TRUE(Propose(a, AddSlots{a.id(), {1, 2}}).ok());
  ASSERT_TRUE(Propose(b, AddSlots{b.id(), {3, 4, 9}}).ok());
  ASSERT_TRUE(Propose(b, SetConfigEpoch{b.id(), 7}).ok());
  const absl::Status met = TestCluster::Meet(b, a);
  ASSERT_TRUE(met.ok()) << met;
  EXPECT_EQ(b.watcher().clusters(), 1);
  EXPECT_EQ(a.watcher().clusters(), 0);
  ASSERT_TRUE(Together(2));
  for (TestNode* node : {&a, &b}) {
    ASSERT_TRUE(TestCluster::Barrier(node->coordinator()).ok());
    const TopologyPtr topology = node->topology();
    EXPECT_EQ(topology->OwnerOf(9)->id, b.id());
    EXPECT_EQ(topology->OwnerOf(1)->id, a.id());
    EXPECT_EQ(topology->Find(b.id())->config_epoch, 7u);
    // Hosts that nobody had configured were found out.
    EXPECT_EQ(topology->Find(a.id())->host, "127.0.0.1");
    EXPECT_EQ(topology->Find(b.id())->host, "127.0.0.1");
    EXPECT_TRUE(node->watcher().in_order());
  }
  EXPECT_TRUE(Propose(b, BumpEpoch{b.id()}).ok());
}

TEST_F(EmbeddedMeeting, ItIsRefusedWithASlotThatHasAnOwner) {
  cluster_.StartAlone(2);
  TestNode& a = cluster_.node(0);
  TestNode& b = cluster_.node(1);
  ASSERT_TRUE(Propose(a, AddSlots{a.id(), {5}}).ok());
  ASSERT_TRUE(Propose(b, AddSlots{b.id(), {5}}).ok());
  const absl::Status met = TestCluster::Meet(b, a);
  EXPECT_EQ(met.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(met.message()).find("slot 5"), std::string::npos) << met;
  EXPECT_EQ(b.topology()->nodes().size(), 1u);
  EXPECT_EQ(a.topology()->nodes().size(), 1u);
  EXPECT_EQ(b.watcher().clusters(), 0);
  // Both go on, and may meet without it.
  ASSERT_TRUE(Propose(b, DelSlots{{5}}).ok());
  EXPECT_TRUE(TestCluster::Meet(b, a).ok());
  EXPECT_TRUE(Together(2));
}

TEST_F(EmbeddedMeeting, FiveAtOnceAllGetIn) {
  cluster_.StartAlone(6);
  std::vector<std::future<absl::Status>> met;
  for (size_t i = 1; i < 6; ++i) {
    met.push_back(std::async(std::launch::async, [this, i] {
      return TestCluster::Meet(cluster_.node(i), cluster_.node(0));
    }));
  }
  for (auto& one : met) {
    const absl::Status status = one.get();
    EXPECT_TRUE(status.ok()) << status;
  }
  ASSERT_TRUE(Together(6));
  EXPECT_TRUE(cluster_.All([](const Topology& t) { return t.voters().size() == 5; }));
  for (size_t i = 0; i < 6; ++i)
    EXPECT_TRUE(Propose(cluster_.node(i), BumpEpoch{cluster_.node(i).id()}).ok());
}

TEST_F(EmbeddedMeeting, TwoWhoMeetEachOtherAtOnce) {
  cluster_.StartAlone(2);
  auto there = std::async(std::launch::async,
                          [this] { return TestCluster::Meet(cluster_.node(0), cluster_.node(1)); });
  auto back = std::async(std::launch::async,
                         [this] { return TestCluster::Meet(cluster_.node(1), cluster_.node(0)); });
  EXPECT_TRUE(there.get().ok());
  EXPECT_TRUE(back.get().ok());
  EXPECT_TRUE(Together(2));
  EXPECT_EQ(cluster_.node(0).watcher().clusters() + cluster_.node(1).watcher().clusters(), 1);
}

TEST_F(EmbeddedMeeting, AMemberInvitesWhoIsAlone) {
  cluster_.StartMet(2);
  TestNode& c = cluster_.Add();
  c.Start();
  const absl::Status met = TestCluster::Meet(cluster_.node(1), c);
  ASSERT_TRUE(met.ok()) << met;
  EXPECT_TRUE(Together(3));
  EXPECT_EQ(c.watcher().clusters(), 1);
  // Who knows each other meets without effect, itself too.
  EXPECT_TRUE(TestCluster::Meet(c, cluster_.node(0)).ok());
  EXPECT_TRUE(TestCluster::Meet(c, c).ok());
}

TEST_F(EmbeddedMeeting, TwoClustersOfSeveralAreNotMerged) {
  cluster_.StartAlone(4);
  ASSERT_TRUE(TestCluster::Meet(cluster_.node(1), cluster_.node(0)).ok());
  ASSERT_TRUE(TestCluster::Meet(cluster_.node(3), cluster_.node(2)).ok());
  const absl::Status met = TestCluster::Meet(cluster_.node(3), cluster_.node(0));
  EXPECT_EQ(met.code(), absl::StatusCode::kFailedPrecondition) << met;
  EXPECT_EQ(cluster_.node(3).topology()->nodes().size(), 2u);
}

TEST_F(EmbeddedMeeting, ItEndsInTimeWhereNobodyAnswers) {
  TestNode& node = cluster_.Add();
  node.options.meeting_patience = std::chrono::milliseconds(300);
  node.Start();
  TestNode& nobody = cluster_.Add();
  EXPECT_EQ(TestCluster::Meet(node, nobody).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(Propose(node, BumpEpoch{node.id()}).ok());
}

TEST_F(EmbeddedMeeting, MembersComeBackAfterThePowerFailed) {
  cluster_.StartMet(4);
  ASSERT_TRUE(Propose(cluster_.node(3), BumpEpoch{cluster_.node(3).id()}).ok());
  for (size_t i = 0; i < 4; ++i) cluster_.node(i).Stop();
  for (size_t i = 0; i < 4; ++i) cluster_.node(i).Start();
  for (size_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(TestCluster::Barrier(cluster_.node(i).coordinator()).ok());
    EXPECT_EQ(cluster_.node(i).topology()->nodes().size(), 4u);
    EXPECT_EQ(cluster_.node(i).topology()->epoch(), 1u);
  }
}

TEST_F(EmbeddedMeeting, ItGoesOnAfterARestart) {
  TestNode& a = cluster_.Add();
  TestNode& b = cluster_.Add();
  b.Start();
  ASSERT_TRUE(Propose(b, BumpEpoch{b.id()}).ok());
  absl::Status ended;
  b.coordinator().Meet("127.0.0.1", a.bus_port(),
                       [&](const absl::Status& status) { ended = status; });
  // In the order of calls: it has begun by then.
  ASSERT_TRUE(TestCluster::Barrier(b.coordinator()).ok());
  b.Stop();
  EXPECT_EQ(ended.code(), absl::StatusCode::kAborted);
  a.Start();
  b.Start();
  EXPECT_TRUE(Together(2));
}

// Wherever the power fails while it joins, it comes back in the old cluster or in the new one, and
// can be brought into it; what it owned is its own.
TEST_F(EmbeddedMeeting, APowerFailureOnTheWayLosesNothing) {
  TestNode& a = cluster_.Add();
  a.Start();
  for (uint64_t operations = 0; operations < 30; operations += 2) {
    persistence::SimulatedDisk disk(operations);
    TestNode& b = cluster_.Add();
    b.files = &disk;
    b.options.meeting_patience = std::chrono::milliseconds(300);
    b.Start();
    const NodeId id = b.id();
    const auto slot = static_cast<Slot>(operations);
    ASSERT_TRUE(Propose(b, AddSlots{id, {slot}}).ok());
    disk.SetPowerFailsAfter(operations);
    (void)TestCluster::Meet(b, a);
    b.Stop();
    disk.Crash();
    b.options.meeting_patience = std::chrono::seconds(30);
    b.Start();
    ASSERT_EQ(b.id(), id);
    const absl::Status met = TestCluster::Meet(b, a);
    ASSERT_TRUE(met.ok()) << met << " after " << operations;
    ASSERT_TRUE(TestCluster::Barrier(b.coordinator()).ok()) << operations;
    EXPECT_EQ(b.topology()->OwnerOf(slot)->id, id);
    EXPECT_NE(b.topology()->Find(a.id()), nullptr);
    ASSERT_TRUE(Propose(a, ResetNode{id}).ok()) << operations;
    b.Stop();
  }
}

}  // namespace
}  // namespace henge::cluster
