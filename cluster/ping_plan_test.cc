// SPDX-License-Identifier: Apache-2.0
#include "cluster/ping_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "cluster/cluster_state.h"

namespace henge::cluster {
namespace {

constexpr int64_t kPeriodMs = 500;

NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

std::vector<PingCandidate> Peers(int count) {
  std::vector<PingCandidate> peers;
  for (int i = 1; i <= count; ++i) peers.push_back({.id = Id(i), .tried = true});
  std::sort(peers.begin(), peers.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return peers;
}

TEST(PingPlan, AFewPeersAreAllPingedEachPeriod) {
  PingPlan plan;
  const auto peers = Peers(PingPlan::kEverybody);
  for (int round = 0; round < 3; ++round) EXPECT_EQ(plan.Next(Id(0), peers).size(), peers.size());
}

TEST(PingPlan, GoesRoundAmongMany) {
  PingPlan plan;
  const auto peers = Peers(200);
  std::set<size_t> seen;
  for (int round = 0; round < 25; ++round) {
    const auto next = plan.Next(Id(0), peers);
    EXPECT_EQ(next.size(), PingPlan::kInTurn);
    seen.insert(next.begin(), next.end());
  }
  EXPECT_EQ(seen.size(), 200u);  // Each once.
}

TEST(PingPlan, NodesDoNotAllPingTheSameOnes) {
  const auto peers = Peers(200);
  std::map<size_t, int> times;
  for (int node = 1000; node < 1200; ++node) {
    PingPlan plan;
    for (const size_t i : plan.Next(Id(node), peers)) ++times[i];
  }
  for (const auto& [peer, count] : times) EXPECT_LE(count, 60) << peer;  // Eight on average.
}

TEST(PingPlan, CloseOnesComeEachTimeAndNewOnesSoon) {
  PingPlan plan;
  auto peers = Peers(200);
  peers[7].close = peers[150].close = true;
  for (auto& peer : peers) peer.tried = false;
  int rounds = 0;
  for (bool left = true; left; ++rounds) {
    const auto next = plan.Next(Id(0), peers);
    EXPECT_LE(next.size(), PingPlan::kMost);
    for (const size_t i : next) peers[i].tried = true;
    EXPECT_TRUE(rounds == 0 || std::count(next.begin(), next.end(), 150u) == 1);
    left = std::any_of(peers.begin(), peers.end(), [](const auto& peer) { return !peer.tried; });
  }
  EXPECT_LE(rounds, 200 / static_cast<int>(PingPlan::kUntried) + 1);
}

TEST(PingPlan, WhoDoesNotAnswerIsAskedAgainButNotAllAtOnce) {
  PingPlan plan;
  auto peers = Peers(200);
  peers[42].unanswered = true;
  for (int round = 0; round < 5; ++round) {
    const auto next = plan.Next(Id(0), peers);
    EXPECT_EQ(std::count(next.begin(), next.end(), 42u), 1);
  }
  for (auto& peer : peers) peer.unanswered = peer.close = true;
  EXPECT_EQ(plan.Next(Id(0), peers).size(),
            PingPlan::kClose + PingPlan::kUnanswered + PingPlan::kInTurn);
}

// --- A node of a large cluster, by a clock that stands still -------------------------------------

class Nothing final : public ClusterOperations {
 public:
  void Propose(Change, ProposalDone) override {}
  void Meet(std::string, uint16_t, uint16_t, ProposalDone) override {}
  void Reset(bool, ProposalDone) override {}
  void Failover(FailoverMode, ProposalDone) override {}
};

class Large {
 public:
  explicit Large(int nodes) {
    std::vector<Node> members;
    for (int i = 0; i < nodes; ++i) {
      const auto port = static_cast<uint16_t>(i + 1);
      members.push_back(
          {.id = Id(i), .host = "h", .port = port, .bus_port = port, .virtual_nodes = 16});
    }
    state_ = *ClusterState::Make({.my_id = Id(0), .node_timeout_ms = 1500},
                                 *Topology::FromMembers(std::move(members)), clock_);
    state_->Use(nothing_);
  }

  void Round() {
    state_->OnRound();
    for (const PeerAddress& peer : state_->PeersToPing()) {
      state_->OnPingSent(peer.id);
      const int64_t gap = clock_.MonotonicMicros() / 1000 - std::exchange(at_[peer.id], now_ms());
      if (gap != now_ms()) longest_gap_ = std::max(longest_gap_, gap);
      if (dead_.contains(peer.id)) {
        state_->OnPingFailed(peer.id, "refused");
      } else {
        state_->OnPong(peer.id, {.sender = peer.id});
      }
    }
    clock_.Advance(kPeriodMs);
  }
  int64_t now_ms() const { return clock_.MonotonicMicros() / 1000; }
  PeerLink LinkTo(int i) const {
    for (const PeerLink& link : state_->Links()) {
      if (link.id == Id(i)) return link;
    }
    return {};
  }
  int Failed() const {
    const auto links = state_->Links();
    return static_cast<int>(
        std::count_if(links.begin(), links.end(), [](const auto& link) { return link.failed; }));
  }

  ManualClock clock_;
  Nothing nothing_;
  std::unique_ptr<ClusterState> state_;
  std::map<NodeId, int64_t> at_;
  std::set<NodeId> dead_;
  int64_t longest_gap_ = 0;
};

// docs/internals/cluster.md tells these figures. As many come as go: who pings whom is spread
// evenly.
TEST(PingPlan, WhatANodeSendsDoesNotGrowWithTheCluster) {
  const std::vector<std::pair<int, double>> expected = {
      {3, 4}, {17, 32}, {20, 16}, {100, 16}, {1000, 16}};
  for (const auto& [nodes, pings] : expected) {
    Large cluster(nodes);
    for (int round = 0; round < 240; ++round) cluster.Round();
    const uint64_t before = cluster.state_->bus_stats().pings_sent;
    for (int round = 0; round < 240; ++round) cluster.Round();
    const uint64_t sent = cluster.state_->bus_stats().pings_sent - before;
    EXPECT_NEAR(static_cast<double>(sent) * 1000 / (240 * kPeriodMs), pings, 0.1) << nodes;
    EXPECT_LE(cluster.longest_gap_, std::max<int64_t>(1, (nodes + 7) / 8) * kPeriodMs) << nodes;
    EXPECT_EQ(cluster.Failed(), 0);
  }
}

TEST(PingPlan, OnlyWhoWasPingedInVainIsSilent) {
  Large cluster(300);
  for (int round = 0; round < 60; ++round) cluster.Round();
  cluster.dead_ = {Id(200)};
  int rounds = 0;
  for (; cluster.Failed() == 0; ++rounds) {
    ASSERT_LT(rounds, 38 + 5);  // Its turn, and the node timeout.
    cluster.Round();
  }
  EXPECT_TRUE(cluster.LinkTo(200).failed);
  EXPECT_FALSE(cluster.LinkTo(200).connected);
  EXPECT_GT(cluster.LinkTo(200).ping_sent, 0);
  EXPECT_EQ(cluster.Failed(), 1);
  cluster.dead_.clear();
  cluster.Round();  // Whoever does not answer is asked each time.
  EXPECT_EQ(cluster.Failed(), 0);
  EXPECT_TRUE(cluster.LinkTo(200).connected);
}

TEST(PingPlan, AnAbsenceOfPingsIsNoSilence) {
  Large cluster(300);
  for (int round = 0; round < 60; ++round) cluster.Round();
  cluster.clock_.Advance(3'600'000);
  cluster.state_->OnRound();
  EXPECT_EQ(cluster.Failed(), 0);
}

TEST(PingPlan, AllAreTriedSoonAfterTheStart) {
  Large cluster(1000);
  int rounds = 0;
  const auto all = [&] {
    const auto links = cluster.state_->Links();
    return std::all_of(links.begin(), links.end(), [](const auto& link) { return link.connected; });
  };
  for (; !all(); ++rounds) cluster.Round();
  EXPECT_LE(rounds, 1000 / static_cast<int>(PingPlan::kUntried) + 1);
}

}  // namespace
}  // namespace henge::cluster
