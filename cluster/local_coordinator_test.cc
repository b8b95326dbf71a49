// SPDX-License-Identifier: Apache-2.0
#include "cluster/local_coordinator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace henge::cluster {
namespace {

NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

TopologyPtr Three() {
  std::vector<Node> nodes;
  for (int i = 0; i < 3; ++i) {
    nodes.push_back({.id = Id(i), .host = "h", .port = static_cast<uint16_t>(7000 + i)});
  }
  return *Topology::ByHand(std::move(nodes));
}

class Seen final : public TopologyWatcher {
 public:
  void OnTopology(const TopologyPtr& topology) override { versions.push_back(topology->version()); }
  void OnLeader(std::optional<NodeId> now) override { leader = now; }
  std::vector<uint64_t> versions;
  std::optional<NodeId> leader;
};

absl::Status Do(Coordinator& node, const Change& change, uint64_t request = 0) {
  absl::Status outcome = absl::UnknownError("not done");
  node.Propose({.request = request, .change = change},
               [&](const absl::Status& status) { outcome = status; });
  return outcome;
}

TEST(LocalCoordinator, TellsEveryNodeOfEachChange) {
  LocalConsensus consensus(Three());
  LocalCoordinator a(consensus, Id(0));
  LocalCoordinator b(consensus, Id(1));
  Seen seen;
  b.Watch(&seen);
  EXPECT_TRUE(Do(a, AddSlots{Id(0), {1}}).ok());
  EXPECT_EQ(seen.versions, (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(b.topology()->OwnerOf(1)->id, Id(0));
  EXPECT_EQ(Do(b, AddSlots{Id(1), {1}}).code(), absl::StatusCode::kAlreadyExists);
  consensus.SetLeader(Id(0));
  EXPECT_TRUE(a.IsLeader());
  EXPECT_FALSE(b.IsLeader());
  EXPECT_EQ(seen.leader, Id(0));
  b.Unwatch(&seen);
  EXPECT_TRUE(Do(a, AddSlots{Id(0), {2}}).ok());
  EXPECT_EQ(seen.versions.size(), 2u);
}

TEST(LocalCoordinator, AppliesARequestOnce) {
  LocalConsensus consensus(Three());
  LocalCoordinator a(consensus, Id(0));
  const uint64_t request = a.NewRequest();
  EXPECT_TRUE(Do(a, BumpEpoch{Id(0)}, request).ok());
  EXPECT_TRUE(Do(a, BumpEpoch{Id(0)}, request).ok());
  EXPECT_EQ(a.topology()->epoch(), 1u);
  const uint64_t refused = a.NewRequest();
  EXPECT_FALSE(Do(a, DelSlots{{5}}, refused).ok());
  EXPECT_TRUE(Do(a, AddSlots{Id(0), {5}}).ok());
  EXPECT_FALSE(Do(a, DelSlots{{5}}, refused).ok());  // Its outcome stands.
}

TEST(LocalCoordinator, CutsNodesOff) {
  LocalConsensus consensus(Three());
  LocalCoordinator a(consensus, Id(0));
  LocalCoordinator b(consensus, Id(1));
  b.Disconnect();
  EXPECT_TRUE(Do(a, BumpEpoch{Id(0)}).ok());
  EXPECT_EQ(b.topology()->version(), 1u);
  EXPECT_EQ(Do(b, BumpEpoch{Id(1)}).code(), absl::StatusCode::kUnavailable);
  bool ok = true;
  b.Barrier(100, [&](const absl::Status& status) { ok = status.ok(); });
  EXPECT_FALSE(ok);
  b.Disconnect(true);
  const uint64_t request = b.NewRequest();
  EXPECT_EQ(Do(b, BumpEpoch{Id(1)}, request).code(), absl::StatusCode::kDeadlineExceeded);
  b.Connect();
  EXPECT_EQ(b.topology()->epoch(), 2u);  // It came through, late.
  EXPECT_TRUE(Do(b, BumpEpoch{Id(1)}, request).ok());
  EXPECT_EQ(b.topology()->epoch(), 2u);
}

TEST(LocalCoordinator, TakesProposalsFromManyThreads) {
  LocalConsensus consensus(Three());
  std::vector<std::thread> threads;
  std::atomic<int> applied{0};
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&consensus, &applied, i] {
      LocalCoordinator node(consensus, Id(i));
      Seen seen;
      node.Watch(&seen);
      for (int k = 0; k < 50; ++k) {
        if (Do(node, BumpEpoch{Id(i)}, node.NewRequest()).ok()) ++applied;
      }
      node.Unwatch(&seen);
      EXPECT_TRUE(std::is_sorted(seen.versions.begin(), seen.versions.end()));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(applied, 150);
  EXPECT_EQ(consensus.topology()->epoch(), 150u);
}

}  // namespace
}  // namespace henge::cluster
