// SPDX-License-Identifier: Apache-2.0
#include "server/cluster/group_news.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/cluster/group_picture.h"

namespace henge::server {
namespace {

using cluster::Node;
using cluster::NodeId;
using cluster::PeerLink;
using commands::GroupMember;
using commands::GroupPicture;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Message = GroupNews::Message;

const NodeId kFirst = NodeId::FromName("a"), kSecond = NodeId::FromName("b"),
             kThird = NodeId::FromName("c");

// A leader, 7000, and its two followers, of a cluster named mymaster.
GroupPicture Three() {
  GroupPicture group{.name = "mymaster", .epoch = 1, .quorum = 2, .in_touch = true};
  for (int i = 0; i < 3; ++i) {
    GroupMember member{.id = "id" + std::to_string(i), .host = "h", .port = 7000 + i};
    member.leads = i == 0;
    member.in_sync = true;
    group.members.push_back(member);
  }
  return group;
}

TEST(GroupNews, NothingIsNewInTheFirstPictureOfAGroupThatIsWell) {
  GroupNews news;
  EXPECT_THAT(news.Review(Three(), 1000), IsEmpty());
  EXPECT_THAT(news.Review(Three(), 1100), IsEmpty());
}

TEST(GroupNews, ASilentFollowerIsTold) {
  GroupNews news;
  GroupPicture group = Three();
  news.Review(group, 1000);
  group.members[1].silent = true;
  EXPECT_THAT(news.Review(group, 1100),
              ElementsAre(Message{"+sdown", "slave h:7001 h 7001 @ mymaster h 7000"}));
  EXPECT_THAT(news.Review(group, 1200), IsEmpty());
  group.members[1].silent = false;
  EXPECT_THAT(news.Review(group, 1300),
              ElementsAre(Message{"-sdown", "slave h:7001 h 7001 @ mymaster h 7000"}));
}

TEST(GroupNews, ALeaderThatWasJudgedIsDownForAllUntilItIsHeardAgain) {
  GroupNews news;
  GroupPicture group = Three();
  news.Review(group, 1000);
  group.members[0].silent = group.members[0].failed = true;
  EXPECT_THAT(news.Review(group, 1100),
              ElementsAre(Message{"+sdown", "master mymaster h 7000"},
                          Message{"+odown", "master mymaster h 7000 #quorum 2/2"}));
  EXPECT_THAT(news.Review(group, 1200), IsEmpty());
  group.members[0].silent = group.members[0].failed = false;
  EXPECT_THAT(news.Review(group, 1300), ElementsAre(Message{"-sdown", "master mymaster h 7000"},
                                                    Message{"-odown", "master mymaster h 7000"}));
}

TEST(GroupNews, AFollowerThatWasJudgedIsSilentOnly) {
  GroupNews news;
  GroupPicture group = Three();
  news.Review(group, 1000);
  group.members[2].silent = group.members[2].failed = true;
  EXPECT_THAT(news.Review(group, 1100),
              ElementsAre(Message{"+sdown", "slave h:7002 h 7002 @ mymaster h 7000"}));
}

TEST(GroupNews, AnotherLeaderIsToldOnceWithItsFollowers) {
  GroupNews news;
  GroupPicture group = Three();
  news.Review(group, 1000);
  group.members[0].leads = false;
  group.members[1].leads = true;
  EXPECT_THAT(news.Review(group, 1100),
              ElementsAre(Message{"+switch-master", "mymaster h 7000 h 7001"},
                          Message{"+slave", "slave h:7000 h 7000 @ mymaster h 7001"},
                          Message{"+slave", "slave h:7002 h 7002 @ mymaster h 7001"}));
  EXPECT_THAT(news.Review(group, 1200), IsEmpty());
}

TEST(GroupNews, WithoutALeaderNothingIsToldAndTheLastOneIsRemembered) {
  GroupNews news;
  GroupPicture group = Three();
  news.Review(group, 1000);
  group.members[0].leads = false;
  EXPECT_THAT(news.Review(group, 1100), IsEmpty());
  group.members[2].leads = true;
  EXPECT_EQ(news.Review(group, 1200).front(),
            (Message{"+switch-master", "mymaster h 7000 h 7002"}));
}

TEST(GroupNews, TellsForHowLongThingsAreSo) {
  GroupNews news;
  GroupPicture group = Three();
  news.Review(group, 1000);
  group.members[0].silent = group.members[0].failed = true;
  group.members[1].in_sync = false;
  news.Review(group, 1500);
  news.AddAges(group, 1800);
  EXPECT_EQ(group.members[0].silent_for, 300);
  EXPECT_EQ(group.members[0].failed_for, 300);
  EXPECT_EQ(group.members[0].role_for, 800);
  EXPECT_EQ(group.members[1].unsynced_for, 300);
  EXPECT_EQ(group.members[1].silent_for, 0);
  EXPECT_EQ(group.members[2].unsynced_for, 0);
}

// --- The picture ---------------------------------------------------------------------------------

cluster::TopologyPtr Agreed() {
  std::vector<Node> nodes;
  for (const NodeId& id : {kFirst, kSecond, kThird}) {
    const auto port = static_cast<uint16_t>(7000 + nodes.size());
    nodes.push_back({.id = id, .host = "h", .port = port, .bus_port = port});
  }
  nodes[0].priority = 10;
  nodes[1].priority = 7;
  cluster::TopologyPtr topology = *cluster::Topology::OneGroup(std::move(nodes));
  const cluster::Group& group = topology->groups().front();
  return *cluster::Apply(*topology, cluster::SetInSync{.group = group.id,
                                                       .members = {kFirst, kSecond},
                                                       .expected_epoch = group.epoch,
                                                       .expected_revision = group.revision});
}

const GroupMember& Of(const GroupPicture& group, const NodeId& id) {
  for (const GroupMember& member : group.members) {
    if (member.id == id.str()) return member;
  }
  ADD_FAILURE();
  return group.members.front();
}

TEST(GroupPicture, IsWhatTheTopologyAndTheLinksSay) {
  PeerLink link{.id = kFirst, .connected = false, .failed = true, .ping_sent = 400};
  link.pong_received = 300;
  link.offset = 9;
  GroupPicture group{.name = "mymaster", .in_touch = true};
  AddMembers(*Agreed(), kSecond, {link}, 1000, group);
  ASSERT_EQ(group.members.size(), 3u);
  const GroupMember& leader = Of(group, kFirst);
  EXPECT_TRUE(leader.leads && leader.silent && !leader.connected && !leader.failed);
  EXPECT_EQ(leader.pinged_ago, 600);
  EXPECT_EQ(leader.heard_ago, 700);
  EXPECT_EQ(leader.offset, 9u);
  EXPECT_TRUE(Of(group, kSecond).self && Of(group, kSecond).in_sync);
  EXPECT_EQ(Of(group, kSecond).priority, 93);
  EXPECT_FALSE(Of(group, kThird).in_sync);
}

TEST(GroupPicture, AMinoritysWordOfItsLeaderIsThatItIsSilent) {
  GroupPicture group{.name = "mymaster", .in_touch = false};
  AddMembers(*Agreed(), kFirst, {}, 1000, group);
  EXPECT_TRUE(Of(group, kFirst).silent);
  EXPECT_FALSE(Of(group, kSecond).silent);
}

TEST(GroupPicture, WhoIsInNoGroupSeesNobody) {
  GroupPicture group{.name = "mymaster"};
  AddMembers(*Agreed(), NodeId::FromName("stranger"), {}, 1000, group);
  EXPECT_TRUE(group.members.empty());
}

}  // namespace
}  // namespace henge::server
