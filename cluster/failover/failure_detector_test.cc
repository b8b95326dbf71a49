// SPDX-License-Identifier: Apache-2.0
// Judgements one at a time; all together: simulation_test.cc.
#include "cluster/failover/failure_detector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cluster/failover/candidates.h"
#include "cluster/failover/handover.h"

namespace henge::cluster {
namespace {

constexpr int64_t kMs = 1000;

NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

// n0 leads with n1 and n2 in sync; n3 is in office.
class DetectorTest : public ::testing::Test {
 protected:
  DetectorTest() {
    std::vector<Node> nodes;
    for (int i = 0; i < 4; ++i) {
      nodes.push_back({.id = Id(i), .host = "h", .port = static_cast<uint16_t>(i + 1)});
    }
    topology_ = *Topology::ByHand(std::move(nodes));
    group_ = topology_->groups()[topology_->GroupsLedBy(topology_->IndexOf(Id(0))).front()].id;
    Do(AddFollower{group_, Id(1)});
    Do(AddFollower{group_, Id(2)});
    Do(SetInSync{group_, {Id(0), Id(1), Id(2)}, 0, 2});
    Do(TakeOffice{Id(3), 1, LeaseMsFor(1500)});
    judge_ = std::make_unique<FailureDetector>(Id(3), topology_, 1500, now_);
  }

  void Do(const Change& change) {
    const auto next = Apply(*topology_, change);
    ASSERT_TRUE(next.ok()) << next.status();
    topology_ = *next;
    if (judge_ != nullptr) judge_->Adopt(topology_, now_);
  }
  Epoch epoch() const { return topology_->FindGroup(group_)->epoch; }

  void Beat(int i, uint64_t offset = 10, DataState data = DataState::kLive,
            uint64_t incarnation = 1) {
    judge_->Hear({.node = Id(i),
                  .incarnation = incarnation,
                  .sent_micros = now_,
                  .topology_version = topology_->version(),
                  .groups = {{.group = group_, .epoch = epoch(), .offset = offset, .data = data}}},
                 now_);
  }
  // Leases that the beats heard so far bring.
  size_t Leases() {
    size_t leases = 0;
    for (const BeatAnswer& answer : judge_->Confirm(judge_->StartConfirm())) {
      leases += answer.leases.size();
    }
    return leases;
  }
  // Passes time in steps, with beats of `alive`, until something is promoted or the time is up.
  std::optional<Promote> Pass(int64_t ms, const std::vector<int>& alive) {
    for (const int64_t until = now_ + ms * kMs; now_ < until;) {
      now_ += 100 * kMs;
      for (const int i : alive) Beat(i);
      (void)judge_->Confirm(judge_->StartConfirm());
      for (const Judgement& judgement : judge_->Tick(now_)) {
        if (const auto* promote = std::get_if<Promote>(&judgement.change)) return *promote;
      }
    }
    return std::nullopt;
  }

  int64_t now_ = 1'000'000;
  TopologyPtr topology_;
  GroupId group_;
  std::unique_ptr<FailureDetector> judge_;
};

TEST_F(DetectorTest, PromotesWhenTheLeaderIsSilent) {
  EXPECT_FALSE(Pass(5000, {0, 1, 2, 3}));
  const int64_t last = now_;
  const auto promote = Pass(5000, {1, 2, 3});
  ASSERT_TRUE(promote);
  EXPECT_TRUE(promote->to == Id(1) || promote->to == Id(2));
  EXPECT_EQ(promote->term, 1u);
  EXPECT_GE(now_ - last, 1500 * kMs);
  EXPECT_LE(now_ - last, 1700 * kMs);
  EXPECT_FALSE(Pass(1000, {1, 2, 3}));  // Once.
  judge_->Settled(*promote, false);
  EXPECT_TRUE(Pass(1000, {1, 2, 3}));
}

TEST_F(DetectorTest, GivesLeasesToTheLeaderAlone) {
  for (int i = 0; i < 4; ++i) Beat(i);
  EXPECT_EQ(Leases(), 1u);
  const uint64_t early = judge_->StartConfirm();
  Beat(0);  // After the barrier began: not by that one.
  EXPECT_TRUE(judge_->Confirm(early).empty());
  EXPECT_EQ(Leases(), 1u);
  Beat(0, 10, DataState::kRecovered);
  EXPECT_EQ(Leases(), 0u);
}

TEST_F(DetectorTest, GivesNothingWhenAnotherIsInOffice) {
  Beat(0);
  Do(TakeOffice{Id(2), 2});
  EXPECT_FALSE(judge_->in_office());
  EXPECT_EQ(Leases(), 0u);
  EXPECT_FALSE(Pass(5000, {1, 2}));
}

// A process that took office again for its node: what its last life judged is refused, and the
// leases that it gave are waited out.
TEST_F(DetectorTest, IsNotBoundByAJudgementOfItsLastLife) {
  EXPECT_FALSE(Pass(2000, {0, 1, 2, 3}));
  const auto on_its_way = Pass(5000, {1, 2, 3});
  ASSERT_TRUE(on_its_way);
  Do(TakeOffice{Id(3), 2, LeaseMsFor(1500)});
  judge_ = std::make_unique<FailureDetector>(Id(3), topology_, 1500, now_);
  Beat(0);
  EXPECT_EQ(Leases(), 1u);  // It was heard again in time.
  EXPECT_TRUE(absl::IsAborted(Apply(*topology_, *on_its_way).status()));
  const int64_t began = now_;
  EXPECT_TRUE(Pass(5000, {1, 2, 3}));
  EXPECT_GE(now_ - began, LeaseMsFor(1500) * kMs);
}

// And for as long as readers were answered in them.
TEST_F(DetectorTest, WaitsForLeasesOfEarlierTerms) {
  Do(TakeOffice{Id(2), 2, 60'000});
  Do(TakeOffice{Id(3), 3, LeaseMsFor(1500)});
  judge_ = std::make_unique<FailureDetector>(Id(3), topology_, 1500, now_);
  EXPECT_FALSE(Pass(75'000, {1, 2, 3}));
  EXPECT_FALSE(judge_->has_waited(now_));
  EXPECT_TRUE(Pass(3000, {1, 2, 3}));
  EXPECT_TRUE(judge_->has_waited(now_));
}

TEST_F(DetectorTest, PromotesNobodyWhoIsNotInSyncOrHasNothing) {
  Do(SetInSync{group_, {Id(0)}, 0, 3});
  EXPECT_FALSE(Pass(5000, {1, 2, 3}));
  const auto& down = judge_->groups_down();
  EXPECT_EQ(std::count(down.begin(), down.end(), group_), 1);
  Do(SetInSync{group_, {Id(0), Id(1)}, 0, 4});
  for (int i = 0; i < 30; ++i) {
    now_ += 100 * kMs;
    Beat(1, 10, DataState::kNothing);
    EXPECT_FALSE(Pass(100, {3}));
  }
}

TEST_F(DetectorTest, ReplacesALeaderThatHasRestarted) {
  EXPECT_FALSE(Pass(2000, {0, 1, 2, 3}));
  std::optional<Promote> promote;
  for (int i = 0; i < 20 && !promote; ++i) {
    Beat(0, 0, DataState::kNothing, 2);
    promote = Pass(100, {1, 2, 3});
  }
  ASSERT_TRUE(promote);
  EXPECT_NE(promote->to, Id(0));
}

TEST_F(DetectorTest, LetsALeaderThatWasAloneLeadAgain) {
  Do(SetInSync{group_, {Id(0)}, 0, 3});
  std::optional<Promote> promote;
  for (int i = 0; i < 30 && !promote; ++i) {
    Beat(0, 0, DataState::kNothing, 2);
    promote = Pass(100, {1, 2, 3});
  }
  ASSERT_TRUE(promote);
  EXPECT_EQ(promote->to, Id(0));
  Do(*promote);
  Beat(0, 0, DataState::kNothing, 2);
  EXPECT_EQ(Leases(), 1u);  // The judge knew that it has nothing.
  Beat(0, 0, DataState::kNothing, 3);
  EXPECT_EQ(Leases(), 0u);  // But not of this process.
}

// What it says was so before the follower was in step with its leader.
TEST_F(DetectorTest, DoesNotBelieveABeatThatCameLate) {
  EXPECT_FALSE(Pass(2000, {0, 1, 2, 3}));
  const auto beat = [&](int i, uint64_t incarnation, int64_t sent, DataState data) {
    judge_->Hear({.node = Id(i),
                  .incarnation = incarnation,
                  .sent_micros = sent,
                  .topology_version = topology_->version(),
                  .groups = {{.group = group_, .epoch = epoch(), .offset = 5, .data = data}}},
                 now_);
  };
  const int64_t before = now_ - 50 * kMs;
  EXPECT_FALSE(Pass(1300, {1, 2, 3}));
  beat(1, 1, before, DataState::kRecovered);
  beat(2, 9, before, DataState::kRecovered);  // Of the process before.
  now_ += 300 * kMs;
  std::optional<Promote> promote;
  for (const Judgement& judgement : judge_->Tick(now_)) {
    if (const auto* found = std::get_if<Promote>(&judgement.change)) promote = *found;
  }
  ASSERT_TRUE(promote) << "both are live still";
  EXPECT_NE(promote->to, Id(0));
  now_ += 1500 * kMs;
  beat(2, 10, 1, DataState::kRecovered);  // The machine was started anew.
  EXPECT_FALSE(judge_->IsSilent(Id(2), now_));
}

// The report by which a follower was promoted may be of a process that has ended since. As long as
// it has not said whom it acknowledges with, the old leader is asked, too.
TEST_F(DetectorTest, AsksTheOldLeaderWhenTheNewOneRestartsBeforeItServes) {
  Do(SetInSync{group_, {Id(0), Id(1)}, 0, 3});
  EXPECT_FALSE(Pass(2000, {0, 1, 2, 3}));
  auto promote = Pass(5000, {1, 2, 3});
  ASSERT_TRUE(promote);
  Do(*promote);
  const auto restarted = [&](uint64_t offset) {
    Beat(1, offset, DataState::kRecovered, 2);
    return Pass(100, {2, 3});
  };
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(restarted(5));
  EXPECT_EQ(Leases(), 0u);
  for (int i = 0; i < 30 && !(promote = restarted(5)); ++i) Beat(0, 10, DataState::kRecovered, 2);
  ASSERT_TRUE(promote);
  EXPECT_EQ(promote->to, Id(0));  // It has more.
}

TEST_F(DetectorTest, AsksNobodyElseWhenTheNewLeaderRestartsAfterItSaidThatItIsAlone) {
  Do(SetInSync{group_, {Id(0), Id(1)}, 0, 3});
  EXPECT_FALSE(Pass(2000, {0, 1, 2, 3}));
  auto promote = Pass(5000, {1, 2, 3});
  ASSERT_TRUE(promote);
  Do(*promote);
  Do(SetInSync{group_, {Id(1)}, epoch(), topology_->FindGroup(group_)->revision});
  promote.reset();
  for (int i = 0; i < 30 && !promote; ++i) {
    Beat(1, 5, DataState::kRecovered, 2);
    promote = Pass(100, {2, 3});
  }
  ASSERT_TRUE(promote);
  EXPECT_EQ(promote->to, Id(1));
}

// It loaded all that its leader has, joined, and stood still before it said so; what it said last
// is of before.
TEST_F(DetectorTest, DoesNotBelieveThatAMemberHasLessFromBeforeItJoined) {
  Do(SetInSync{group_, {Id(0)}, 0, 3});
  EXPECT_FALSE(Pass(2000, {0, 1, 2, 3}));
  Beat(1, 5, DataState::kRecovered);
  Do(SetInSync{group_, {Id(0), Id(1)}, 0, topology_->FindGroup(group_)->revision});
  const auto restarted = [&] {
    Beat(0, 7, DataState::kRecovered, 2);
    return Pass(100, {2, 3});
  };
  for (int i = 0; i < 14; ++i) ASSERT_FALSE(restarted()) << "node 1 may have more";
  ASSERT_FALSE(judge_->IsSilent(Id(1), now_));
  Beat(1, 9);
  const auto promote = restarted();
  ASSERT_TRUE(promote);
  EXPECT_EQ(promote->to, Id(1));
}

// Power failed: who was to lead last need not be who has most.
TEST_F(DetectorTest, OfThoseWhoCameBackTheOneWithMostLeads) {
  constexpr auto kFound = DataState::kRecovered;
  std::map<NodeId, GroupReport> reports;
  const auto chosen = [&] {
    return ChooseLeader(*topology_, *topology_->FindGroup(group_), Id(0), [&](const NodeId& id) {
      const auto at = reports.find(id);
      return at == reports.end() ? nullptr : &at->second;
    });
  };
  reports[Id(0)] = {.epoch = 4, .data_epoch = 4, .offset = 100, .data = kFound};
  reports[Id(1)] = {.epoch = 4, .data_epoch = 4, .offset = 101, .data = kFound};
  EXPECT_EQ(chosen(), std::nullopt);  // The third may have more.
  reports[Id(2)] = {.epoch = 5, .data_epoch = 3, .offset = 900, .data = kFound};
  EXPECT_EQ(chosen(), Id(1));
  reports[Id(0)].data_epoch = 5;
  EXPECT_EQ(chosen(), Id(0));
  reports[Id(2)].data = DataState::kLoading;
  EXPECT_EQ(chosen(), std::nullopt);
}

TEST_F(DetectorTest, FailsOverWhenForced) {
  EXPECT_FALSE(Pass(2000, {0, 1, 2, 3}));
  EXPECT_FALSE(judge_->Force(group_, Id(3), now_).ok());
  ASSERT_TRUE(judge_->Force(group_, Id(2), now_).ok());
  Beat(0);
  EXPECT_EQ(Leases(), 0u);
  const int64_t asked = now_;
  const auto promote = Pass(5000, {0, 1, 2, 3});
  ASSERT_TRUE(promote);
  EXPECT_EQ(promote->to, Id(2));
  EXPECT_GE(now_ - asked, 1000 * kMs);  // The lease was waited out.
}

TEST_F(DetectorTest, MarksNodesThatAreSilentAndThatAreBack) {
  EXPECT_FALSE(Pass(100, {0, 1, 2, 3}));
  std::vector<Judgement> marks;
  for (int i = 0; i < 20 && marks.empty(); ++i) {
    now_ += 100 * kMs;
    for (const int node : {0, 1, 3}) Beat(node);
    marks = judge_->Tick(now_);
  }
  ASSERT_EQ(marks.size(), 1u);
  const auto mark = std::get<MarkNode>(marks.front().change);
  EXPECT_EQ(mark.id, Id(2));
  EXPECT_TRUE(mark.failed);
  Do(mark);
  judge_->Settled(mark, true);
  Beat(2);
  ASSERT_EQ(judge_->Tick(now_).size(), 1u);
}

TEST_F(DetectorTest, JudgesNobodyAfterItStoodStillItself) {
  EXPECT_FALSE(Pass(2000, {0, 1, 2, 3}));
  now_ += 10'000 * kMs;
  EXPECT_TRUE(judge_->Tick(now_).empty());
  EXPECT_FALSE(Pass(1000, {1, 2, 3}));
  EXPECT_TRUE(Pass(1000, {1, 2, 3}));
}

TEST(Lease, EndsEarlierThanTheJudgeWaits) {
  LeaseHolder lease;
  EXPECT_FALSE(lease.MayAcknowledge(0));
  lease.Lead(5);
  lease.Grant(4, 0, 1000 * kMs);
  EXPECT_FALSE(lease.MayAcknowledge(1));
  lease.Grant(5, 0, 1000 * kMs);
  EXPECT_TRUE(lease.MayAcknowledge(989 * kMs));
  EXPECT_FALSE(lease.MayAcknowledge(990 * kMs));
  EXPECT_EQ(JudgeWaitMicros(1000 * kMs), 1010 * kMs);
  lease.Lead(6);
  EXPECT_FALSE(lease.MayAcknowledge(1));
}

TEST(Handover, SurrendersBeforeItProposes) {
  LeaseHolder lease;
  const GroupId group = GroupId::FromName("g");
  Handover handover(lease);
  EXPECT_FALSE(handover.Start(group, Id(1), 1000));
  lease.Lead(5);
  lease.Grant(5, 0, 1'000'000);
  ASSERT_TRUE(handover.Start(group, Id(1), 1000));
  handover.Stopped(100);
  handover.FollowerAt(Id(2), 200);
  handover.FollowerAt(Id(1), 99);
  EXPECT_EQ(handover.Tick(10), Handover::Action::kNone);
  EXPECT_TRUE(lease.MayAcknowledge(10));
  handover.FollowerAt(Id(1), 100);
  EXPECT_EQ(handover.Tick(11), Handover::Action::kPropose);
  EXPECT_FALSE(lease.MayAcknowledge(11));
  EXPECT_EQ(handover.OnOutcome(Handover::Outcome::kUnknown), Handover::Action::kPropose);
  EXPECT_FALSE(lease.MayAcknowledge(11));
  EXPECT_EQ(handover.OnOutcome(Handover::Outcome::kRefused), Handover::Action::kResume);
  EXPECT_TRUE(lease.MayAcknowledge(11));
  ASSERT_TRUE(handover.Start(group, Id(1), 1000));
  EXPECT_EQ(handover.Tick(1000), Handover::Action::kResume);  // Not in time.
  ASSERT_TRUE(handover.Start(group, Id(1), 5000));
  handover.Stopped(100);
  handover.FollowerAt(Id(1), 100);
  EXPECT_EQ(handover.Tick(1500), Handover::Action::kPropose);
  EXPECT_EQ(handover.OnOutcome(Handover::Outcome::kSuperseded), Handover::Action::kDone);
  EXPECT_FALSE(lease.MayAcknowledge(1500));
}

}  // namespace
}  // namespace henge::cluster
