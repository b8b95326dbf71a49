// SPDX-License-Identifier: Apache-2.0
#include "cluster/life/role_plan.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cluster/topology/change.h"

namespace henge::cluster {
namespace {

NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

Node Member(int i) {
  return {.id = Id(i), .host = "10.0.0.1", .port = static_cast<uint16_t>(7000 + i)};
}

TopologyPtr Must(const TopologyPtr& topology, const Change& change) {
  const auto next = Apply(*topology, change);
  EXPECT_TRUE(next.ok()) << next.status();
  return next.value_or(topology);
}

// n0 leads with n1 behind it, in sync; n2 is alone.
class RolePlanTest : public ::testing::Test {
 protected:
  RolePlanTest() : topology_(*Topology::ByHand({Member(0), Member(1), Member(2)})) {
    group_ = topology_->groups()[topology_->GroupsLedBy(topology_->IndexOf(Id(0))).front()].id;
    topology_ = Must(topology_, AddFollower{group_, Id(1)});
    topology_ = Must(topology_, SetInSync{group_, {Id(0), Id(1)}, 0, 1});
  }
  Role PlanFor(int i) const { return PlanRole(*topology_, Id(i), true); }
  Epoch epoch() const { return topology_->FindGroup(group_)->epoch; }

  TopologyPtr topology_;
  GroupId group_;
};

TEST_F(RolePlanTest, LeadsAndFollowsAsTheTopologySays) {
  const Role leader = PlanFor(0);
  EXPECT_EQ(leader.part, Role::Part::kLeads);
  EXPECT_EQ(leader.group, group_);
  EXPECT_EQ(leader.epoch, epoch());
  const Role follower = PlanFor(1);
  EXPECT_EQ(follower.part, Role::Part::kFollows);
  EXPECT_EQ(follower.group, group_);
  EXPECT_EQ(follower.leader.id, Id(0));
  EXPECT_EQ(follower.leader.port, 7000);
  EXPECT_EQ(PlanFor(2).part, Role::Part::kLeads);
}

TEST_F(RolePlanTest, DoesNothingBeforeATopologyIsConfirmed) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(PlanRole(*topology_, Id(i), false), Role());
}

TEST_F(RolePlanTest, ChangesPlacesWithAPromotion) {
  const Epoch before = epoch();
  topology_ = Must(topology_, Promote{group_, Id(1), before, 0, true});
  EXPECT_EQ(PlanFor(1).part, Role::Part::kLeads);
  EXPECT_GT(PlanFor(1).epoch, before);
  EXPECT_EQ(PlanFor(0).part, Role::Part::kFollows);
  EXPECT_EQ(PlanFor(0).leader.id, Id(1));
}

TEST_F(RolePlanTest, WaitsWhileNobodyLeads) {
  topology_ = Must(topology_, StepDown{group_, epoch()});
  for (const int i : {0, 1}) {
    EXPECT_EQ(PlanFor(i).part, Role::Part::kWaits);
    EXPECT_EQ(PlanFor(i).group, group_);
  }
}

TEST_F(RolePlanTest, WaitsForALeaderThatHasNoAddress) {
  TopologyParts parts = topology_->parts();
  for (Node& node : parts.nodes) {
    if (node.id == Id(0)) node.host.clear();
  }
  topology_ = *Topology::FromParts(std::move(parts));
  EXPECT_EQ(PlanFor(1).part, Role::Part::kWaits);
}

TEST_F(RolePlanTest, IsNothingForAStrangerAndInSeveralGroups) {
  EXPECT_EQ(PlanFor(7), Role());
  topology_ = *Topology::FromMembers({Member(0), Member(1)}, 1);  // Each leads, and follows.
  EXPECT_EQ(PlanFor(0), Role());
}

}  // namespace
}  // namespace henge::cluster
