// SPDX-License-Identifier: Apache-2.0
#include "cluster/embedded/agreed_topology.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "cluster/topology/codec.h"
#include "cluster/topology/sample_changes.h"

namespace henge::cluster {
namespace {

NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

TopologyPtr Two() {
  return *Topology::ByHand(
      {{.id = Id(0), .host = "h", .port = 7000}, {.id = Id(1), .host = "h", .port = 7001}});
}

std::string Bump(uint64_t number, int node = 0) {
  return EncodeEntry({.proposer = 7, .number = number, .change = BumpEpoch{Id(node)}});
}

TEST(AgreedTopology, IsFoundedOnce) {
  AgreedTopology agreed;
  agreed.Apply(1, Bump(1));
  EXPECT_EQ(agreed.OutcomeOf(7, 1)->code(), absl::StatusCode::kFailedPrecondition);
  agreed.Apply(2, EncodeFounding("c", *Two()));
  EXPECT_EQ(agreed.topology()->version(), 1u);
  agreed.Apply(3, Bump(2));
  agreed.Apply(4, EncodeFounding("other", *Two()));
  EXPECT_EQ(agreed.cluster(), "c");
  EXPECT_EQ(agreed.topology()->version(), 2u);
}

TEST(AgreedTopology, KeepsWhatBecameOfEachProposal) {
  AgreedTopology agreed;
  agreed.Apply(1, EncodeFounding("c", *Two()));
  agreed.Apply(2, Bump(1));
  agreed.Apply(3, Bump(2, 5));
  EXPECT_TRUE(agreed.OutcomeOf(7, 1)->ok());
  EXPECT_EQ(agreed.OutcomeOf(7, 2)->code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(agreed.OutcomeOf(8, 1).has_value());
  agreed.Apply(4, Bump(1));  // Again: it has its outcome.
  EXPECT_EQ(agreed.topology()->epoch(), 1u);
  for (uint64_t i = 0; i < AgreedTopology::kMaxOutcomes; ++i) agreed.Apply(5 + i, Bump(10 + i));
  EXPECT_FALSE(agreed.OutcomeOf(7, 1).has_value());
  EXPECT_TRUE(agreed.OutcomeOf(7, 10).has_value());
}

TEST(AgreedTopology, PassesOverWhatCannotBeRead) {
  int told = 0;
  AgreedTopology agreed({.topology = [&](const TopologyPtr&) { ++told; }});
  agreed.Apply(1, EncodeFounding("c", *Two()));
  agreed.Apply(2, "\xff\xff garbage");
  agreed.Apply(3, "");
  std::string bad = Bump(9);
  bad.resize(bad.size() - 4);
  agreed.Apply(4, bad);
  EXPECT_EQ(agreed.topology()->version(), 1u);
  EXPECT_EQ(told, 1);
}

// One goes on all the time; the other is loaded from the first's snapshots now and then.
TEST(AgreedTopology, SnapshotsAndReplayGiveTheSameState) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    const Dice dice = [&](uint64_t below) { return random.Below(below); };
    AgreedTopology whole;
    AgreedTopology other;
    const std::string founding = EncodeFounding("c", *Two());
    whole.Apply(1, founding);
    other.Apply(1, founding);
    for (consensus::Index index = 2; index < 300; ++index) {
      const std::string entry = EncodeEntry({.proposer = 1 + dice(3),
                                             .number = 1 + dice(250),
                                             .change = SampleChange(*whole.topology(), dice)});
      whole.Apply(index, entry);
      if (dice(20) == 0) {
        other.Load(index, whole.Save());
      } else {
        other.Apply(index, entry);
      }
      ASSERT_EQ(whole.topology()->fingerprint(), other.topology()->fingerprint())
          << "seed " << seed;
    }
    ASSERT_EQ(whole.Save(), other.Save()) << "seed " << seed;
    EXPECT_GT(whole.topology()->version(), 10u);
  }
}

}  // namespace
}  // namespace henge::cluster
