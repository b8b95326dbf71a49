// SPDX-License-Identifier: Apache-2.0
#include "cluster/cluster_state.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"

namespace henge::cluster {
namespace {

NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

TopologyPtr Three() {
  std::vector<Node> nodes;
  for (int i = 0; i < 3; ++i) {
    nodes.push_back({.id = Id(i),
                     .host = "127.0.0.1",
                     .port = static_cast<uint16_t>(7000 + i),
                     .bus_port = static_cast<uint16_t>(17000 + i)});
  }
  return *Topology::FromMembers(std::move(nodes));
}

// Within the call.
absl::Status Propose(ClusterView& view, Change change) {
  absl::Status done = absl::UnknownError("not told");
  view.Propose(std::move(change), [&](const absl::Status& status) { done = status; });
  return done;
}

// Changes what a state has as if all had agreed.
class Agreeing final : public ClusterOperations {
 public:
  explicit Agreeing(ClusterState& state) : state_(state) { state.Use(*this); }
  void Propose(Change change, ProposalDone done) override {
    const auto next = Apply(*state_.topology(), change);
    done(next.ok() ? state_.Adopt(*next) : next.status());
  }
  void Meet(std::string, uint16_t, uint16_t, ProposalDone done) override { Note("meet", done); }
  void Reset(bool, ProposalDone done) override { Note("reset", done); }
  void Failover(FailoverMode, ProposalDone done) override { Note("failover", done); }
  std::vector<std::string> asked;

 private:
  void Note(const char* what, const ProposalDone& done) {
    asked.emplace_back(what);
    done(absl::OkStatus());
  }
  ClusterState& state_;
};

class ClusterStateTest : public ::testing::Test {
 protected:
  std::unique_ptr<ClusterState> Make(bool full_coverage = true) {
    return *ClusterState::Make(
        {.my_id = Id(0), .node_timeout_ms = 1000, .require_full_coverage = full_coverage},
        topology_, clock_);
  }
  Beat BeatOf(int i) {
    return {.sender = Id(i),
            .topology_version = 1,
            .epoch = 3,
            .fingerprint = topology_->fingerprint()};
  }
  PeerLink LinkOf(const ClusterState& state, int i) {
    for (const PeerLink& link : state.Links()) {
      if (link.id == Id(i)) return link;
    }
    ADD_FAILURE() << "no link";
    return {};
  }

  ManualClock clock_;
  TopologyPtr topology_ = Three();
};

TEST_F(ClusterStateTest, StandaloneServesEverything) {
  const auto state = ClusterState::Standalone(Id(7));
  EXPECT_FALSE(state->enabled());
  EXPECT_TRUE(state->IsMine(0));
  EXPECT_TRUE(state->IsMine(16383));
  EXPECT_EQ(state->health(), ClusterHealth::kOk);
  EXPECT_EQ(state->OwnerOf(0), nullptr);
  EXPECT_FALSE(Propose(*state, AddSlots{Id(7), {1}}).ok());
}

TEST_F(ClusterStateTest, ServesItsSlotsAndNamesTheOthersOwners) {
  const auto state = Make();
  for (int i = 0; i < kSlots; ++i) {
    const auto slot = static_cast<Slot>(i);
    ASSERT_EQ(state->IsMine(slot), state->OwnerOf(slot)->id == Id(0));
  }
  EXPECT_EQ(state->health(), ClusterHealth::kOk);
  EXPECT_EQ(state->Links().size(), 2u);
}

TEST_F(ClusterStateTest, RefusesATopologyWithoutItselfOrFromThePast) {
  EXPECT_FALSE(ClusterState::Make({.my_id = Id(9)}, topology_, clock_).ok());
  const auto state = Make();
  EXPECT_FALSE(state->Adopt(topology_).ok());
}

TEST_F(ClusterStateTest, ProposedChangesShowAtOnce) {
  const auto state = Make();
  Agreeing agreeing(*state);
  Slot slot = 0;
  while (!state->IsMine(slot)) ++slot;
  EXPECT_TRUE(Propose(*state, SetSlotOwner{slot, Id(1)}).ok());
  EXPECT_FALSE(state->IsMine(slot));
  EXPECT_EQ(state->OwnerOf(slot)->id, Id(1));
  EXPECT_TRUE(Propose(*state, DelSlots{{slot}}).ok());
  EXPECT_EQ(state->OwnerOf(slot), nullptr);
  EXPECT_EQ(state->health(), ClusterHealth::kFail);
  EXPECT_TRUE(Propose(*state, AddSlots{Id(0), {slot}}).ok());
  EXPECT_TRUE(state->IsMine(slot));
  EXPECT_EQ(state->health(), ClusterHealth::kOk);
}

TEST_F(ClusterStateTest, RefusesToDecideAloneForSeveralNodes) {
  const auto state = Make();
  EXPECT_TRUE(state->DecidesAlone());
  EXPECT_TRUE(absl::IsFailedPrecondition(Propose(*state, BumpEpoch{Id(0)})));
  absl::Status done;
  state->Meet("127.0.0.1", 1, 2, [&](const absl::Status& status) { done = status; });
  EXPECT_TRUE(absl::IsFailedPrecondition(done));
  EXPECT_EQ(state->topology(), topology_);
}

TEST_F(ClusterStateTest, GivesOperationsToWhoeverCoordinates) {
  const auto state = Make();
  Agreeing agreeing(*state);
  EXPECT_FALSE(state->DecidesAlone());
  const auto ignore = [](const absl::Status&) {};
  state->Meet("127.0.0.1", 1, 2, ignore);
  state->Reset(true, ignore);
  state->Failover(FailoverMode::kForce, ignore);
  EXPECT_EQ(agreeing.asked, (std::vector<std::string>{"meet", "reset", "failover"}));
}

TEST_F(ClusterStateTest, RemembersForAMinuteWhoWasForgotten) {
  const auto state = Make();
  Agreeing agreeing(*state);
  for (int i = 0; i < kSlots; ++i) {
    ASSERT_TRUE(Propose(*state, SetSlotOwner{static_cast<Slot>(i), Id(0)}).ok());
  }
  EXPECT_FALSE(state->WasForgotten(Id(2)));
  absl::Status done = absl::UnknownError("not told");
  state->Forget(Id(2), [&](const absl::Status& status) { done = status; });
  EXPECT_TRUE(done.ok()) << done;
  EXPECT_TRUE(state->WasForgotten(Id(2)));
  EXPECT_FALSE(state->WasForgotten(Id(1)));
  clock_.Advance(61'000);
  EXPECT_FALSE(state->WasForgotten(Id(2)));
}

TEST_F(ClusterStateTest, KnowsItsPartInEachSlot) {
  std::vector<Node> nodes = topology_->nodes();
  for (Node& node : nodes) node.config_epoch = 0;
  topology_ = *Topology::ByHand(nodes, std::vector<NodeIndex>(kSlots, topology_->IndexOf(Id(0))));
  const auto state = Make();
  Agreeing agreeing(*state);
  const auto group_of = [&](int i) {
    return state->topology()
        ->groups()[state->topology()->GroupsLedBy(state->topology()->IndexOf(Id(i))).front()]
        .id;
  };
  EXPECT_TRUE(state->IsSettled(1));
  ASSERT_TRUE(Propose(*state, MarkMigrating{1, group_of(1)}).ok());
  EXPECT_TRUE(state->IsMine(1));
  EXPECT_FALSE(state->IsSettled(1));
  EXPECT_TRUE(state->IsSettled(2));
  ASSERT_TRUE(Propose(*state, MarkStable{1, group_of(0)}).ok());
  EXPECT_TRUE(state->IsSettled(1));
  for (int i = 0; i < kSlots; ++i) {
    ASSERT_TRUE(Propose(*state, SetSlotOwner{static_cast<Slot>(i), Id(1)}).ok());
  }
  ASSERT_TRUE(Propose(*state, MarkImporting{1, group_of(0), group_of(1)}).ok());
  EXPECT_FALSE(state->IsMine(1));
  EXPECT_FALSE(state->IsSettled(1));
  ASSERT_TRUE(Propose(*state, MarkStable{1, group_of(0)}).ok());
  EXPECT_FALSE(state->IsFollowed(1));
  ASSERT_TRUE(Propose(*state, AddFollower{group_of(1), Id(0)}).ok());
  EXPECT_TRUE(state->IsFollowed(1));
  EXPECT_FALSE(state->IsMine(1));
}

TEST_F(ClusterStateTest, WhatWasJudgedCountsWhereSomebodyJudges) {
  const auto state = Make();
  Agreeing agreeing(*state);
  state->OnPingSent(Id(2));
  clock_.Advance(1100);
  state->OnRound();
  EXPECT_TRUE(LinkOf(*state, 2).failed);
  EXPECT_EQ(state->health(), ClusterHealth::kOk);  // An opinion only.
  ASSERT_TRUE(Propose(*state, TakeOffice{.judge = Id(0), .term = 1}).ok());
  ASSERT_TRUE(Propose(*state, MarkNode{.id = Id(2), .failed = true, .term = 1}).ok());
  EXPECT_EQ(state->health(), ClusterHealth::kFail);
}

TEST_F(ClusterStateTest, LinksTellWhatTheBusSaw) {
  const auto state = Make();
  EXPECT_FALSE(LinkOf(*state, 1).connected);
  state->OnPingSent(Id(1));
  const UnixMillis sent = clock_.NowMillis();
  EXPECT_EQ(LinkOf(*state, 1).ping_sent, sent);
  clock_.Advance(10);
  state->OnPingSent(Id(1));
  EXPECT_EQ(LinkOf(*state, 1).ping_sent, sent);  // The oldest that waits.
  state->OnPong(Id(1), BeatOf(1));
  PeerLink link = LinkOf(*state, 1);
  EXPECT_TRUE(link.connected);
  EXPECT_TRUE(link.agrees);
  EXPECT_EQ(link.ping_sent, 0);
  EXPECT_EQ(link.pong_received, sent + 10);
  EXPECT_EQ(link.since, sent + 10);
  EXPECT_EQ(link.topology_version, 1u);
  clock_.Advance(10);
  state->OnPingSent(Id(1));
  state->OnPingFailed(Id(1), "refused");
  link = LinkOf(*state, 1);
  EXPECT_FALSE(link.connected);
  EXPECT_EQ(link.error, "refused");
  EXPECT_EQ(link.ping_sent, sent + 20);
  EXPECT_EQ(state->bus_stats().pings_sent, 3u);
  EXPECT_EQ(state->bus_stats().pongs_received, 1u);
}

TEST_F(ClusterStateTest, SeesWhoDisagrees) {
  const auto state = Make();
  Beat beat = BeatOf(2);
  beat.fingerprint ^= 1;
  EXPECT_TRUE(state->OnPing(beat));
  EXPECT_FALSE(LinkOf(*state, 2).agrees);
  beat.sender = Id(9);
  EXPECT_FALSE(state->OnPing(beat));
}

TEST_F(ClusterStateTest, ASilentOwnerFailsTheClusterUntilItAnswers) {
  const auto state = Make();
  state->OnPingSent(Id(1));
  state->OnPingSent(Id(2));
  clock_.Advance(900);
  state->OnPong(Id(1), BeatOf(1));
  clock_.Advance(200);
  state->OnRound();
  EXPECT_FALSE(LinkOf(*state, 1).failed);
  EXPECT_TRUE(LinkOf(*state, 2).failed);
  EXPECT_EQ(state->health(), ClusterHealth::kFail);
  state->OnPong(Id(2), BeatOf(2));
  EXPECT_EQ(state->health(), ClusterHealth::kOk);
}

// Takes what is logged while it lives.
class LogLines final : public LogSink {
 public:
  LogLines() { SetLogSink(this); }
  ~LogLines() override { SetLogSink(nullptr); }
  void Write(LogLevel, std::string_view message, std::span<const LogField>) override {
    lines_.emplace_back(message);
  }
  std::vector<std::string> Take() { return std::exchange(lines_, {}); }

 private:
  std::vector<std::string> lines_;
};

TEST_F(ClusterStateTest, LogsWhatChangesOnce) {
  using Lines = std::vector<std::string>;
  LogLines log;
  const auto state = Make();
  EXPECT_EQ(log.Take(), Lines{"Cluster state changed"});
  for (int round = 0; round < 3; ++round) {
    for (const int i : {1, 2}) state->OnPong(Id(i), BeatOf(i));
  }
  EXPECT_EQ(log.Take(), (Lines{"Connected to a node", "Connected to a node"}));
  Beat stranger = BeatOf(1);
  stranger.fingerprint ^= 1;
  for (int round = 0; round < 3; ++round) EXPECT_TRUE(state->OnPing(stranger));
  EXPECT_EQ(log.Take(), Lines{"A node knows other members or slots than this one"});
  state->OnPingSent(Id(2));
  for (int round = 0; round < 3; ++round) {
    clock_.Advance(600);
    state->OnPong(Id(1), BeatOf(1));
    state->OnPingFailed(Id(2), "no route");
    state->OnRound();
  }
  EXPECT_EQ(log.Take(), (Lines{"A node agrees about members and slots", "A node does not answer",
                               "A node has been silent for longer than cluster-node-timeout",
                               "Cluster state changed"}));
  state->OnPong(Id(2), BeatOf(2));
  EXPECT_EQ(log.Take(),
            (Lines{"Connected to a node", "A node is heard again", "Cluster state changed"}));
}

TEST_F(ClusterStateTest, WithoutFullCoverageOnlyAMinorityFails) {
  const auto state = Make(false);
  state->OnPingSent(Id(2));
  clock_.Advance(1100);
  state->OnRound();
  EXPECT_TRUE(LinkOf(*state, 2).failed);
  EXPECT_EQ(state->health(), ClusterHealth::kOk);
  state->OnPingSent(Id(1));
  clock_.Advance(1100);
  state->OnRound();
  EXPECT_EQ(state->health(), ClusterHealth::kFail);
}

TEST_F(ClusterStateTest, ReadersRunBesideChanges) {
  const auto state = Make();
  Agreeing agreeing(*state);
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop) {
      for (int i = 0; i < kSlots; i += 97) {
        const auto slot = static_cast<Slot>(i);
        ASSERT_TRUE(state->IsMine(slot) || state->OwnerOf(slot) != nullptr);
      }
      state->Links();
    }
  });
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(Propose(*state, SetSlotOwner{static_cast<Slot>(i * 97 % kSlots), Id(i % 3)}).ok());
    state->OnPong(Id(1 + i % 2), BeatOf(1 + i % 2));
  }
  stop = true;
  reader.join();
}

}  // namespace
}  // namespace henge::cluster
