// SPDX-License-Identifier: Apache-2.0
#include "cluster/life/petitions.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

#include "cluster/life/testing/loopback.h"

namespace henge::cluster {
namespace {

// Ends attempts as it is told.
class ScriptedCoordinator final : public Coordinator {
 public:
  TopologyPtr topology() const override { return Topology::Empty(); }
  std::optional<NodeId> leader() const override { return std::nullopt; }
  bool IsLeader() const override { return false; }
  void Watch(TopologyWatcher*) override {}
  void Unwatch(TopologyWatcher*) override {}
  uint64_t NewRequest() override { return ++requests_; }
  void Propose(Proposal proposal, ProposalDone done) override {
    asked.push_back(proposal.request);
    done_.push_back(std::move(done));
  }
  void Barrier(int64_t, BarrierDone) override {}

  void End(const absl::Status& outcome) { std::exchange(done_.back(), nullptr)(outcome); }
  std::vector<uint64_t> asked;

 private:
  uint64_t requests_ = 0;
  std::vector<ProposalDone> done_;
};

// The test's thread stands for the desk's: it waits until errands are done.
class PetitionsTest : public ::testing::Test {
 protected:
  PetitionsTest() : courier_(std::chrono::milliseconds(1000), [] {}) { desk_->Open(&courier_); }
  ~PetitionsTest() override {
    desk_->Close();
    courier_.Stop();
  }
  void OnDesk(const std::function<void()>& errand) {
    Outcome done;
    desk_->Call([&errand, told = done.told()] {
      errand();
      told(absl::OkStatus());
    });
    (void)done.Await();
  }
  void Ask() {
    OnDesk([this] {
      id_ = petitions_.Ask(BumpEpoch{}, [this](const absl::Status& s) { outcome_ = s; });
    });
  }
  void End(const absl::Status& outcome) {
    OnDesk([&] { coordinator_.End(outcome); });
    OnDesk([] {});  // What that has left there is done.
  }
  void Tick() {
    OnDesk([this] { petitions_.Tick(); });
  }

  ScriptedCoordinator coordinator_;
  const std::shared_ptr<Desk> desk_ = std::make_shared<Desk>();
  Petitions petitions_{coordinator_, desk_, 100};
  uint64_t id_ = 0;
  std::optional<absl::Status> outcome_;
  Courier courier_;
};

const absl::Status kUnknown = absl::DeadlineExceededError("unknown");
const absl::Status kNotOrdered = absl::UnavailableError("not ordered");
const absl::Status kRefused = absl::AbortedError("refused");

TEST_F(PetitionsTest, TellsADefiniteOutcomeOnce) {
  for (const absl::Status& definite : {absl::OkStatus(), kNotOrdered, kRefused}) {
    outcome_.reset();
    Ask();
    const size_t attempts = coordinator_.asked.size();
    Tick();  // It is on its way.
    EXPECT_EQ(coordinator_.asked.size(), attempts);
    EXPECT_FALSE(outcome_);
    End(definite);
    EXPECT_EQ(outcome_, definite);
    Tick();
    EXPECT_EQ(coordinator_.asked.size(), attempts);
  }
}

TEST_F(PetitionsTest, AsksAgainUnderTheSameRequestWhileNothingIsKnown) {
  Ask();
  End(kUnknown);
  EXPECT_FALSE(outcome_);
  Tick();
  EXPECT_EQ(coordinator_.asked, (std::vector<uint64_t>{id_, id_}));
  End(kNotOrdered);  // This attempt was not; the first may be.
  EXPECT_FALSE(outcome_);
  Tick();
  End(kRefused);
  EXPECT_EQ(outcome_, kRefused);
}

TEST_F(PetitionsTest, ForgetsWhenItIsToldTo) {
  Ask();
  OnDesk([this] { petitions_.Forget(id_); });
  End(kUnknown);
  Tick();
  EXPECT_FALSE(outcome_);
  EXPECT_EQ(coordinator_.asked.size(), 1u);
}

}  // namespace
}  // namespace henge::cluster
