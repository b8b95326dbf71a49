// SPDX-License-Identifier: Apache-2.0
// Several lives in this process, over gRPC on loopback: failovers, hand-overs, judges that come and
// go. Whatever is waited for, the model of the data (testing/fake_group.h) watches the order of
// what must never be.
#include "cluster/life/node_life.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "cluster/bus_server.h"
#include "cluster/life/testing/fake_group.h"
#include "cluster/life/testing/loopback.h"
#include "cluster/local_coordinator.h"

namespace henge::cluster {
namespace {

constexpr int64_t kTimeoutMs = 400;
constexpr int kNodes = 3;

NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

struct Process {
  std::shared_ptr<FakeGroup::Host> host;
  std::unique_ptr<NodeLife> life;
  std::unique_ptr<BusServer> server;  // Stops after the life: Kill.
};

// n0 leads a group with n1 and n2 behind it; n2 leads the coordinator.
class NodeLifeTest : public ::testing::Test {
 protected:
  NodeLifeTest() {
    std::vector<Node> nodes;
    for (int i = 0; i < kNodes; ++i) {
      nodes.push_back({.id = Id(i),
                       .host = "127.0.0.1",
                       .port = static_cast<uint16_t>(1 + i),
                       .bus_port = FreePort()});
    }
    TopologyPtr topology = *Topology::ByHand(std::move(nodes));
    group_ = topology->groups()[topology->GroupsLedBy(topology->IndexOf(Id(0))).front()].id;
    for (const int i : {1, 2}) topology = *Apply(*topology, AddFollower{group_, Id(i)});
    consensus_ = std::make_unique<LocalConsensus>(topology);
    consensus_->SetLeader(Id(2));
    for (int i = 0; i < kNodes; ++i) {
      coordinators_.push_back(std::make_unique<LocalCoordinator>(*consensus_, Id(i)));
      processes_.emplace_back();
      Begin(i);
    }
    writer_ = std::thread([this] {
      while (!stopping_) {
        data_.Write();
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    });
  }

  ~NodeLifeTest() override {
    for (int i = 0; i < kNodes; ++i) Kill(i);
    stopping_ = true;
    writer_.join();
    EXPECT_EQ(data_.failure(), "");
  }

  void Begin(int i, DataState data = DataState::kNothing) {
    Process& process = At(i);
    process.host = data_.Begin(Id(i), data);
    process.life = std::make_unique<NodeLife>(
        NodeLifeOptions{
            .self = Id(i), .node_timeout_ms = kTimeoutMs, .incarnation = ++incarnations_},
        coordinator(i), *process.host);
    process.life->Start();
    auto server = BusServer::Start({.port = consensus_->topology()->Find(Id(i))->bus_port},
                                   {process.life->service()});
    ASSERT_TRUE(server.ok()) << server.status();
    process.server = *std::move(server);
  }
  // Without a word: as far as others can see, the process has died.
  void Kill(int i) {
    Process& process = At(i);
    if (process.life == nullptr) return;
    data_.End(Id(i));
    process.life->Stop();
    process.server.reset();
    process.life.reset();
  }

  Process& At(int i) { return processes_[static_cast<size_t>(i)]; }
  NodeLife& life(int i) { return *At(i).life; }
  LocalCoordinator& coordinator(int i) { return *coordinators_[static_cast<size_t>(i)]; }
  Group group() const { return *consensus_->topology()->FindGroup(group_); }
  bool IsFailed(int i) const { return consensus_->topology()->Find(Id(i))->failed; }

  testing::AssertionResult AllInSync() {
    const bool all = Eventually([&] { return group().in_sync.size() == kNodes; });
    if (all && Acknowledges()) return testing::AssertionSuccess();
    auto failure = testing::AssertionFailure() << data_.failure();
    for (int i = 0; i < kNodes; ++i) {
      if (At(i).life == nullptr) continue;
      const LifeFacts facts = life(i).facts();
      failure << "\nn" << i << ": part " << static_cast<int>(facts.role.part) << ", epoch "
              << facts.role.epoch << ", sent " << facts.beats_sent << " and heard "
              << facts.answers_heard << ", in touch " << life(i).InTouch() << ", judges "
              << facts.judges << ", heard " << facts.beats_heard << " and answered "
              << facts.answers_sent << ", in sync " << group().IsInSync(Id(i));
    }
    return failure;
  }
  // Writes are acknowledged, from here on.
  bool Acknowledges() {
    const uint64_t before = data_.acknowledged();
    return Eventually([&] { return data_.acknowledged() > before + 5; });
  }
  bool Leads(int i) {
    return Eventually([&] { return data_.Acknowledger() == Id(i); });
  }
  bool AnotherLeads(int than) {
    return Eventually([&] {
      const NodeId leader = data_.Acknowledger();
      return !leader.IsZero() && leader != Id(than);
    });
  }

  absl::Status HandOver(int from, const NodeId& to, int64_t timeout_ms = 5000) {
    Outcome outcome;
    life(from).HandOver(to, timeout_ms, outcome.told());
    return outcome.Await();
  }
  absl::Status FailOver(int to, NodeLife::Failover kind) {
    Outcome outcome;
    life(to).FailOver(kind, 5000, outcome.told());
    return outcome.Await();
  }

  FakeGroup data_;
  GroupId group_;
  std::unique_ptr<LocalConsensus> consensus_;
  std::vector<std::unique_ptr<LocalCoordinator>> coordinators_;
  std::vector<Process> processes_;
  uint64_t incarnations_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread writer_;
};

TEST_F(NodeLifeTest, BringsAllInSync) {
  ASSERT_TRUE(AllInSync());
  EXPECT_EQ(data_.Acknowledger(), Id(0));
  EXPECT_EQ(life(0).facts().role.part, Role::Part::kLeads);
  for (const int i : {1, 2}) EXPECT_EQ(life(i).facts().role.leader.id, Id(0));
  for (int i = 0; i < kNodes; ++i) EXPECT_TRUE(life(i).InTouch());
  const LifeFacts judge = life(2).facts();
  EXPECT_EQ(judge.judges, consensus_->topology()->office().term);
  EXPECT_GT(judge.beats_heard, 0u);
  EXPECT_GT(judge.answers_sent, 0u);
  EXPECT_EQ(life(0).facts().term, judge.judges);
  EXPECT_EQ(life(0).facts().beats_heard, 0u);  // To the judge alone.
}

TEST_F(NodeLifeTest, FailsOverWhenALeaderDies) {
  ASSERT_TRUE(AllInSync());
  Kill(0);
  ASSERT_TRUE(AnotherLeads(0));
  EXPECT_TRUE(Acknowledges());
  EXPECT_TRUE(Eventually([&] { return IsFailed(0); }));
  Begin(0);
  ASSERT_TRUE(AllInSync());
  EXPECT_TRUE(Eventually([&] { return !IsFailed(0); }));
  EXPECT_NE(data_.Acknowledger(), Id(0));
  EXPECT_EQ(data_.given_up(), 0u);
}

TEST_F(NodeLifeTest, DropsAFollowerThatDies) {
  ASSERT_TRUE(AllInSync());
  Kill(1);
  EXPECT_TRUE(Eventually([&] { return !group().IsInSync(Id(1)); }));
  EXPECT_TRUE(Acknowledges());
  EXPECT_EQ(group().leader, Id(0));
}

TEST_F(NodeLifeTest, PutsALeaderAsideThatHasRestarted) {
  ASSERT_TRUE(AllInSync());
  Kill(0);
  Begin(0, DataState::kRecovered);  // Before anybody noticed.
  ASSERT_TRUE(AnotherLeads(0));
  ASSERT_TRUE(AllInSync());
  EXPECT_EQ(data_.given_up(), 0u);
}

TEST_F(NodeLifeTest, StartsAgainWhenAllHaveDied) {
  ASSERT_TRUE(AllInSync());
  for (int i = 0; i < kNodes; ++i) Kill(i);
  for (int i = 0; i < kNodes; ++i) Begin(i, DataState::kRecovered);
  EXPECT_TRUE(AllInSync());
}

TEST_F(NodeLifeTest, HandsOverToTheBestFollower) {
  ASSERT_TRUE(AllInSync());
  ASSERT_TRUE(HandOver(0, NodeId()).ok());
  ASSERT_TRUE(AnotherLeads(0));
  EXPECT_TRUE(group().IsInSync(Id(0)));
  EXPECT_TRUE(Acknowledges());
  EXPECT_EQ(data_.given_up(), 0u);
}

TEST_F(NodeLifeTest, HandsOverToAFollowerThatAsks) {
  ASSERT_TRUE(AllInSync());
  for (const int i : {1, 2, 0, 1}) {
    const absl::Status status = FailOver(i, NodeLife::Failover::kGraceful);
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_TRUE(Leads(i));
    ASSERT_TRUE(Acknowledges());
  }
  EXPECT_EQ(data_.given_up(), 0u);
}

TEST_F(NodeLifeTest, RefusesFailoversThatMakeNoSense) {
  ASSERT_TRUE(AllInSync());
  EXPECT_TRUE(absl::IsFailedPrecondition(FailOver(0, NodeLife::Failover::kGraceful)));
  EXPECT_TRUE(absl::IsFailedPrecondition(FailOver(1, NodeLife::Failover::kTakeover)));
  EXPECT_TRUE(absl::IsFailedPrecondition(HandOver(1, Id(2))));  // It does not lead.
  EXPECT_TRUE(absl::IsFailedPrecondition(HandOver(0, Id(7))));
  Kill(1);
  ASSERT_TRUE(Eventually([&] { return !group().IsInSync(Id(1)); }));
  EXPECT_TRUE(absl::IsFailedPrecondition(HandOver(0, Id(1))));
  EXPECT_EQ(data_.Acknowledger(), Id(0));
}

TEST_F(NodeLifeTest, GoesOnLeadingWhenAHandOverIsNotInTime) {
  ASSERT_TRUE(AllInSync());
  data_.CutOff(Id(1), true);  // In sync still, and never there.
  EXPECT_TRUE(absl::IsDeadlineExceeded(HandOver(0, Id(1), 20)));
  EXPECT_TRUE(Acknowledges());
  EXPECT_EQ(data_.Acknowledger(), Id(0));
}

TEST_F(NodeLifeTest, AcknowledgesNothingWhileAHandOversOutcomeIsUnknown) {
  ASSERT_TRUE(AllInSync());
  coordinator(0).Disconnect(true);
  Outcome outcome;
  life(0).HandOver(Id(1), 5000, outcome.told());
  ASSERT_TRUE(Eventually([&] { return data_.Acknowledger().IsZero(); }));
  coordinator(0).Connect();
  EXPECT_TRUE(outcome.Await().ok());
  EXPECT_TRUE(AnotherLeads(0));
  EXPECT_EQ(data_.given_up(), 0u);
}

TEST_F(NodeLifeTest, FailsOverByForceOfTheJudge) {
  for (const int to : {1, 2}) {  // By the network, and at the judge itself.
    ASSERT_TRUE(AllInSync());
    // The judge must have heard that it is.
    ASSERT_TRUE(Eventually([&] { return FailOver(to, NodeLife::Failover::kForce).ok(); }));
    ASSERT_TRUE(Leads(to));
  }
  EXPECT_EQ(data_.given_up(), 0u);
}

TEST_F(NodeLifeTest, GoesOnWhenTheJudgesNodeDies) {
  ASSERT_TRUE(AllInSync());
  Kill(2);
  consensus_->SetLeader(Id(1));
  ASSERT_TRUE(Eventually([&] { return life(1).facts().judges != 0; }));
  ASSERT_TRUE(Eventually([&] { return IsFailed(2); }));
  EXPECT_TRUE(Acknowledges());
  EXPECT_EQ(group().leader, Id(0));
  Kill(0);
  ASSERT_TRUE(AnotherLeads(0));
  EXPECT_EQ(data_.given_up(), 0u);
}

TEST_F(NodeLifeTest, JudgesInANewTermAfterARestart) {
  ASSERT_TRUE(AllInSync());
  const uint64_t before = consensus_->topology()->office().term;
  Kill(2);
  Begin(2);  // It leads the coordinator still.
  ASSERT_TRUE(Eventually([&] { return life(2).facts().judges != 0; }));
  EXPECT_GT(life(2).facts().judges, before);
  ASSERT_TRUE(AllInSync());
  EXPECT_EQ(data_.given_up(), 0u);
}

TEST_F(NodeLifeTest, TakesAnotherNodeTimeoutWhenTheJudgeIsTold) {
  ASSERT_TRUE(AllInSync());
  const auto office = [&] { return consensus_->topology()->office(); };
  const uint64_t term = office().term;
  life(0).SetNodeTimeout(9000);  // Leads, and does not judge.
  constexpr int64_t kLonger = 3 * kTimeoutMs;
  life(2).SetNodeTimeout(kLonger);
  ASSERT_TRUE(Eventually([&] { return office().lease_ms == LeaseMsFor(kLonger); }));
  EXPECT_GT(office().term, term);
  ASSERT_TRUE(Eventually([&] {
    return life(0).facts().lease_until > SystemClock().MonotonicMicros() + kTimeoutMs * 1000;
  }));
  for (int i = 0; i < kNodes; ++i) life(i).SetNodeTimeout(kTimeoutMs);
  ASSERT_TRUE(Eventually([&] { return office().lease_ms == LeaseMsFor(kTimeoutMs); }));
  // When the longer ones are over it says so, for the judge after it.
  ASSERT_TRUE(Eventually([&] { return office().wait_ms == office().lease_ms; }));
  ASSERT_TRUE(AllInSync());
  Kill(0);
  ASSERT_TRUE(AnotherLeads(0));
  EXPECT_EQ(data_.given_up(), 0u);
}

TEST_F(NodeLifeTest, LosesItsLeaseWhenCutOff) {
  ASSERT_TRUE(AllInSync());
  coordinator(0).Disconnect();
  data_.CutOff(Id(0), true);
  ASSERT_TRUE(AnotherLeads(0));
  EXPECT_TRUE(Eventually([&] { return !life(0).InTouch(); }));
  EXPECT_EQ(life(0).facts().role.part, Role::Part::kLeads);  // As far as it knows.
  coordinator(0).Connect();
  data_.CutOff(Id(0), false);
  EXPECT_TRUE(AllInSync());
  EXPECT_TRUE(Eventually([&] { return life(0).InTouch(); }));
  EXPECT_EQ(life(0).facts().role.part, Role::Part::kFollows);
  EXPECT_EQ(data_.given_up(), 0u);
}

TEST_F(NodeLifeTest, DoesNothingBeforeABarrierAfterItsStart) {
  ASSERT_TRUE(AllInSync());
  Kill(1);
  coordinator(1).Disconnect();
  Begin(1);
  ASSERT_TRUE(Eventually([&] { return !group().IsInSync(Id(1)); }));
  EXPECT_EQ(life(1).facts().role, Role());
  coordinator(1).Connect();
  EXPECT_TRUE(AllInSync());
}

TEST_F(NodeLifeTest, IsOverInAnotherCluster) {
  ASSERT_TRUE(AllInSync());
  Outcome outcome;
  coordinator(0).Disconnect(true);
  life(0).HandOver(Id(1), 60'000, outcome.told());
  coordinator(0).Move();
  ASSERT_TRUE(AnotherLeads(0));
  EXPECT_FALSE(life(0).InTouch());
  EXPECT_LT(life(0).facts().lease_until, SystemClock().MonotonicMicros());
  Kill(0);
  EXPECT_TRUE(absl::IsUnavailable(outcome.Await()));
}

TEST_F(NodeLifeTest, ReplacesAStreamThatHangs) {
  ASSERT_TRUE(AllInSync());
  const uint16_t port = consensus_->topology()->Find(Id(1))->bus_port;
  Kill(1);
  const int deaf = ListeningSocket(port);  // Takes connections, and says nothing on them.
  ASSERT_GE(deaf, 0);
  consensus_->SetLeader(Id(1));
  EXPECT_TRUE(Eventually([&] { return !life(0).InTouch(); }));
  close(deaf);
  Begin(1);
  EXPECT_TRUE(Eventually([&] { return life(0).InTouch(); }));
  EXPECT_TRUE(AllInSync());
}

TEST_F(NodeLifeTest, AnswersWhoeverAskedWhenItStops) {
  ASSERT_TRUE(AllInSync());
  coordinator(0).Disconnect(true);
  Outcome outcome;
  life(0).HandOver(Id(1), 60'000, outcome.told());
  Kill(0);
  EXPECT_TRUE(absl::IsUnavailable(outcome.Await()));
}

}  // namespace
}  // namespace henge::cluster
