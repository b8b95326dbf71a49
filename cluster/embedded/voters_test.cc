// SPDX-License-Identifier: Apache-2.0
#include "cluster/embedded/voters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/random.h"

namespace henge::cluster {
namespace {

NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

std::vector<Node> Nodes(int count) {
  std::vector<Node> nodes;
  for (int i = 0; i < count; ++i)
    nodes.push_back({.id = Id(i), .host = "h", .port = static_cast<uint16_t>(7000 + i)});
  return nodes;
}

std::set<NodeId> Ids(const std::vector<Node>& nodes) {
  std::set<NodeId> ids;
  for (const Node& node : nodes) ids.insert(node.id);
  return ids;
}

std::vector<NodeId> Choose(const std::vector<Node>& nodes, const std::set<NodeId>& voting,
                           const std::set<NodeId>& lost = {}) {
  return ChooseVoters(**Topology::ByHand(nodes), voting, Ids(nodes), lost);
}

TEST(Voters, AreAnOddNumberAndAtMostSeven) {
  const std::map<int, size_t> expected = {{1, 1}, {2, 1}, {3, 3}, {4, 3},
                                          {6, 5}, {7, 7}, {8, 7}, {30, 7}};
  for (const auto& [nodes, voters] : expected) {
    EXPECT_EQ(FirstVoters(Nodes(nodes)).size(), voters) << nodes;
    EXPECT_EQ(Choose(Nodes(nodes), {}).size(), voters) << nodes;
  }
}

TEST(Voters, AreOfZonesApartAndThenByPriority) {
  std::vector<Node> nodes = Nodes(6);
  for (int i = 0; i < 6; ++i) nodes[static_cast<size_t>(i)].zone = i < 4 ? "a" : i < 5 ? "b" : "c";
  nodes[2].priority = 5;
  nodes.resize(6);
  const std::vector<NodeId> three = [&] {
    std::vector<Node> no_vote = nodes;
    no_vote[0].no_vote = no_vote[1].no_vote = true;
    return FirstVoters(no_vote);  // Four may: three do.
  }();
  EXPECT_EQ(three.size(), 3u);
  for (const int i : {2, 4, 5}) EXPECT_EQ(std::ranges::count(three, Id(i)), 1) << i;
}

TEST(Voters, StayUnlessTheyMustNotVote) {
  std::vector<Node> nodes = Nodes(5);
  nodes.push_back({.id = Id(9), .host = "h", .port = 9, .priority = 100});
  const std::set<NodeId> voting = {Id(0), Id(1), Id(2), Id(3), Id(4)};
  EXPECT_EQ(Choose(nodes, voting), std::vector<NodeId>(voting.begin(), voting.end()));
  nodes[1].leaving = true;
  nodes[2].no_vote = true;
  const std::vector<NodeId> chosen = Choose(nodes, voting);
  EXPECT_EQ(chosen.size(), 3u);
  for (const int i : {1, 2}) EXPECT_EQ(std::ranges::count(chosen, Id(i)), 0) << i;
}

TEST(Voters, WhoIsLostIsReplacedIfAnybodyCanBe) {
  const std::vector<Node> four = Nodes(4);
  const std::set<NodeId> voting = {Id(0), Id(1), Id(2)};
  const std::vector<NodeId> replaced = Choose(four, voting, {Id(1)});
  EXPECT_EQ(std::set<NodeId>(replaced.begin(), replaced.end()),
            (std::set<NodeId>{Id(0), Id(2), Id(3)}));
  EXPECT_EQ(Choose(Nodes(3), voting, {Id(1)}).size(), 3u);
  // The one that could take its place is lost, too.
  EXPECT_EQ(std::ranges::count(Choose(four, voting, {Id(1), Id(3)}), Id(3)), 0);
}

TEST(Voters, ComeBeforeOthersGoAndTheOneInChargeGoesLast) {
  const auto sorted = [](std::vector<NodeId> ids) {
    std::ranges::sort(ids);
    return ids;
  };
  const std::vector<NodeId> wanted = sorted({Id(1), Id(2), Id(3)});
  using Kind = VoterStep::Kind;
  EXPECT_EQ(NextVoterStep(wanted, {Id(0), Id(1), Id(2)}, Id(0)),
            (VoterStep{Kind::kPromote, Id(3)}));
  EXPECT_EQ(NextVoterStep(wanted, {Id(0), Id(1), Id(2), Id(3), Id(4)}, Id(0)),
            (VoterStep{Kind::kDemote, Id(4)}));
  EXPECT_EQ(NextVoterStep(wanted, {Id(0), Id(1), Id(2), Id(3)}, Id(0)),
            (VoterStep{Kind::kDemote, Id(0)}));
  EXPECT_EQ(NextVoterStep(wanted, {Id(1), Id(2), Id(3)}, Id(1)), std::nullopt);
  EXPECT_EQ(NextVoterStep({}, {Id(1)}, Id(1)), std::nullopt);
}

// From anywhere the steps end, with never none voting, and then nothing is to be done.
TEST(Voters, StepsEnd) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    std::vector<Node> nodes = Nodes(1 + static_cast<int>(random.Below(12)));
    std::set<NodeId> voting;
    std::set<NodeId> lost;
    for (Node& node : nodes) {
      node.no_vote = random.Below(5) == 0;
      node.zone = std::string(random.Below(3), 'z');
      node.priority = static_cast<int32_t>(random.Below(3));
      if (random.Below(2) == 0) voting.insert(node.id);
      if (random.Below(4) == 0) lost.insert(node.id);
    }
    if (voting.empty()) voting.insert(nodes[0].id);
    const NodeId self = *voting.begin();
    lost.erase(self);
    int steps = 0;
    while (const auto step = NextVoterStep(Choose(nodes, voting, lost), voting, self)) {
      ASSERT_LT(++steps, 40) << "seed " << seed;
      if (step->kind == VoterStep::Kind::kPromote) {
        ASSERT_TRUE(voting.insert(step->node).second);
      } else {
        ASSERT_EQ(voting.erase(step->node), 1u);
      }
      ASSERT_FALSE(voting.empty()) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace henge::cluster
