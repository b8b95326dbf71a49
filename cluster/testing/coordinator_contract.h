// SPDX-License-Identifier: Apache-2.0
// What cluster/coordinator.h promises, as tests of any coordinator: a World has three nodes of one
// cluster, node(i) with the id Id(i). Not for the product.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "cluster/coordinator.h"
#include "cluster/embedded/testing/test_cluster.h"

namespace henge::cluster {

template <class World>
class CoordinatorContract : public ::testing::Test {
 protected:
  Coordinator& node(size_t i) { return world_.node(i); }
  static NodeId Id(int i) { return World::Id(i); }
  static Epoch EpochOf(const Coordinator& coordinator, int i) {
    return coordinator.topology()->Find(Id(i))->config_epoch;
  }
  World world_;
};
TYPED_TEST_SUITE_P(CoordinatorContract);

TYPED_TEST_P(CoordinatorContract, WhatIsOkIsThereBeforeTheProposerIsTold) {
  for (size_t i = 0; i < 3; ++i) {
    Coordinator& node = this->node(i);
    const NodeId id = this->Id(static_cast<int>(i));
    Epoch seen = 0;
    const absl::Status status = TestCluster::Wait([&](auto done) {
      node.Propose({.change = BumpEpoch{id}, .timeout_ms = 15'000},
                   [&, done](const absl::Status& outcome) {
                     seen = node.topology()->Find(id)->config_epoch;
                     done(outcome);
                   });
    });
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_GT(seen, 0u);
  }
}

TYPED_TEST_P(CoordinatorContract, WhatIsRefusedHasApplysCodeAndNoEffect) {
  Coordinator& node = this->node(2);
  ASSERT_TRUE(TestCluster::Barrier(node).ok());
  const uint64_t version = node.topology()->version();
  EXPECT_EQ(TestCluster::Propose(node, RemoveNode{NodeId::FromName("x")}).code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(TestCluster::Propose(node, AddSlots{this->Id(0), {1}}).code(),
            absl::StatusCode::kAlreadyExists);
  const absl::Status outdated = TestCluster::Wait([&](auto done) {
    node.Propose(
        {.change = BumpEpoch{this->Id(0)}, .expected_version = version + 7, .timeout_ms = 15'000},
        std::move(done));
  });
  EXPECT_EQ(outdated.code(), absl::StatusCode::kAborted);
  ASSERT_TRUE(TestCluster::Barrier(node).ok());
  EXPECT_EQ(node.topology()->version(), version);
}

TYPED_TEST_P(CoordinatorContract, ARequestHasOneOutcomeHoweverOftenItIsProposed) {
  Coordinator& node = this->node(0);
  const uint64_t request = node.NewRequest();
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(TestCluster::Propose(node, BumpEpoch{this->Id(0)}, request).ok());
  const Epoch once = this->EpochOf(node, 0);
  const uint64_t refused = node.NewRequest();
  EXPECT_NE(refused, request);
  const Change set{SetConfigEpoch{this->Id(1), 1000}};
  const Change bump{BumpEpoch{this->Id(1)}};
  ASSERT_TRUE(TestCluster::Propose(node, bump).ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(TestCluster::Propose(node, set, refused).code(),
              absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(this->EpochOf(node, 0), once);
  EXPECT_EQ(this->EpochOf(node, 1), once + 1);
}

TYPED_TEST_P(CoordinatorContract, AfterABarrierWhatOthersCommittedIsKnown) {
  for (size_t i = 0; i < 9; ++i) {
    Coordinator& proposer = this->node(i % 3);
    Coordinator& reader = this->node((i + 1) % 3);
    const int who = static_cast<int>(i % 3);
    ASSERT_TRUE(TestCluster::Propose(proposer, BumpEpoch{this->Id(who)}).ok());
    const Epoch bumped = this->EpochOf(proposer, who);
    ASSERT_TRUE(TestCluster::Barrier(reader).ok());
    EXPECT_GE(this->EpochOf(reader, who), bumped);
  }
}

TYPED_TEST_P(CoordinatorContract, AWatcherKnowsThePresentAtOnceAndNothingAfterwards) {
  Coordinator& node = this->node(1);
  RecordingWatcher watcher;
  node.Watch(&watcher);
  ASSERT_NE(watcher.topology(), nullptr);
  ASSERT_TRUE(TestCluster::Propose(node, BumpEpoch{this->Id(1)}).ok());
  const uint64_t version = node.topology()->version();
  EXPECT_TRUE(TestCluster::Until([&] { return watcher.topology()->version() >= version; }));
  EXPECT_TRUE(TestCluster::Until([&] { return watcher.leader().has_value(); }));
  EXPECT_TRUE(TestCluster::Until([&] { return node.leader() == watcher.leader(); }));
  node.Unwatch(&watcher);
  const uint64_t last = watcher.topology()->version();
  ASSERT_TRUE(TestCluster::Propose(node, BumpEpoch{this->Id(1)}).ok());
  EXPECT_EQ(watcher.topology()->version(), last);
  EXPECT_TRUE(watcher.in_order());
}

TYPED_TEST_P(CoordinatorContract, CallbacksMayCallBack) {
  Coordinator& node = this->node(0);
  RecordingWatcher watcher;
  const absl::Status status = TestCluster::Wait([&](auto done) {
    node.Propose({.change = BumpEpoch{this->Id(0)}, .timeout_ms = 15'000},
                 [&, done](const absl::Status& first) {
                   if (!first.ok()) return done(first);
                   node.Watch(&watcher);
                   node.Barrier(15'000, [&, done](const absl::Status& second) {
                     node.Unwatch(&watcher);
                     if (!second.ok()) return done(second);
                     node.Propose({.change = BumpEpoch{this->Id(0)}, .timeout_ms = 15'000}, done);
                   });
                 });
  });
  EXPECT_TRUE(status.ok()) << status;
}

// Which document a version is, on any node.
class VersionWatcher final : public TopologyWatcher {
 public:
  void OnTopology(const TopologyPtr& topology) override {
    const std::lock_guard lock(mutex_);
    seen_.emplace(topology->version(), topology->fingerprint());
  }
  void OnLeader(std::optional<NodeId>) override {}
  std::map<uint64_t, uint64_t> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<uint64_t, uint64_t> seen_;
};

TYPED_TEST_P(CoordinatorContract, EachVersionIsOneDocumentEverywhere) {
  std::array<VersionWatcher, 3> watchers;
  for (size_t i = 0; i < 3; ++i) this->node(i).Watch(&watchers[i]);
  const Epoch before = this->node(0).topology()->epoch();
  std::atomic<uint64_t> applied{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([this, i, &applied] {
      Coordinator& node = this->node(static_cast<size_t>(i));
      for (int k = 0; k < 20; ++k) {
        const absl::Status status =
            TestCluster::Propose(node, BumpEpoch{this->Id(i)}, node.NewRequest());
        EXPECT_TRUE(status.ok()) << status;
        if (status.ok()) ++applied;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::map<uint64_t, uint64_t> all;
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(TestCluster::Barrier(this->node(i)).ok());
    EXPECT_EQ(this->node(i).topology()->epoch(), before + applied);
    this->node(i).Unwatch(&watchers[i]);
    for (const auto& [version, fingerprint] : watchers[i].seen())
      EXPECT_EQ(all.emplace(version, fingerprint).first->second, fingerprint) << version;
  }
  EXPECT_GT(all.size(), 1u);
}

REGISTER_TYPED_TEST_SUITE_P(CoordinatorContract, WhatIsOkIsThereBeforeTheProposerIsTold,
                            WhatIsRefusedHasApplysCodeAndNoEffect,
                            ARequestHasOneOutcomeHoweverOftenItIsProposed,
                            AfterABarrierWhatOthersCommittedIsKnown,
                            AWatcherKnowsThePresentAtOnceAndNothingAfterwards, CallbacksMayCallBack,
                            EachVersionIsOneDocumentEverywhere);

}  // namespace henge::cluster
