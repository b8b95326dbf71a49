// SPDX-License-Identifier: Apache-2.0
#include "cluster/embedded/coordinator_identity.h"

#include <gtest/gtest.h>

#include <array>

#include "persistence/simulated_disk.h"

namespace henge::cluster {
namespace {

CoordinatorIdentity Sample(uint64_t stay) {
  const NodeId node = NodeId::FromName("n");
  return {.node = node,
          .token = "t",
          .peer = 77 + stay,
          .stay = stay,
          .founded = true,
          .cluster = "c",
          .first = *Topology::ByHand({{.id = node, .port = 7000}}),
          .first_members = {{.peer = 77, .node = node, .bus_port = 17000, .voter = true}},
          .known = {{.peer = 5, .node = NodeId::FromName("m"), .host = "::1", .bus_port = 1}},
          .tokens = {{NodeId::FromName("m"), "u"}},
          .joining = PendingJoin{.peer = 9, .host = "h", .bus_port = 3}};
}

void ExpectSame(const CoordinatorIdentity& a, const CoordinatorIdentity& b) {
  EXPECT_EQ(a.node, b.node);
  EXPECT_EQ(a.token, b.token);
  EXPECT_EQ(a.peer, b.peer);
  EXPECT_EQ(a.stay, b.stay);
  EXPECT_EQ(a.founded, b.founded);
  EXPECT_EQ(a.begun, b.begun);
  EXPECT_EQ(a.cluster, b.cluster);
  EXPECT_EQ(a.first->fingerprint(), b.first->fingerprint());
  EXPECT_EQ(a.first_members, b.first_members);
  EXPECT_EQ(a.known, b.known);
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.joining, b.joining);
}

TEST(CoordinatorIdentity, IsReadAsItWasWritten) {
  persistence::SimulatedDisk disk(1);
  IdentityFile file(disk, "d");
  const auto none = file.Read();
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_FALSE(none->has_value());
  ASSERT_TRUE(file.Write(Sample(1)).ok());
  const auto read = file.Read();
  ASSERT_TRUE(read.ok()) << read.status();
  ExpectSame(**read, Sample(1));
}

// The one before or the new one, whole, whenever the power fails.
TEST(CoordinatorIdentity, IsReplacedAsAWhole) {
  int old_ones = 0;
  int new_ones = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    for (uint64_t operations = 0; operations < 8; ++operations) {
      persistence::SimulatedDisk disk(seed);
      IdentityFile file(disk, "d");
      ASSERT_TRUE(file.Read().ok());
      ASSERT_TRUE(file.Write(Sample(1)).ok());
      disk.SetPowerFailsAfter(operations);
      const bool written = file.Write(Sample(2)).ok();
      disk.Crash();
      const auto read = file.Read();
      ASSERT_TRUE(read.ok() && read->has_value()) << read.status();
      EXPECT_TRUE(!written || (*read)->stay == 2);
      ExpectSame(**read, Sample((*read)->stay));
      ++((*read)->stay == 1 ? old_ones : new_ones);
    }
  }
  EXPECT_GT(old_ones, 0);
  EXPECT_GT(new_ones, 0);
}

TEST(CoordinatorIdentity, DamageIsTold) {
  persistence::SimulatedDisk disk(1);
  IdentityFile file(disk, "d");
  ASSERT_TRUE(file.Read().ok());
  ASSERT_TRUE(file.Write(Sample(1)).ok());
  const std::string whole((*disk.Read("d/identity"))->bytes());
  for (size_t at = 0; at < whole.size(); at += 7) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    auto out = disk.Open("d/identity", persistence::FileSystem::Opening::kCreateOrEmpty);
    const std::array<std::string_view, 1> pieces = {damaged};
    ASSERT_TRUE((*out)->Append(pieces).status.ok());
    EXPECT_EQ(file.Read().status().code(), absl::StatusCode::kDataLoss) << at;
  }
}

TEST(KnownPeer, IsCarriedAsText) {
  const KnownPeer peer{.peer = 4,
                       .node = NodeId::FromName("n"),
                       .host = "fe80::1",
                       .bus_port = 17000,
                       .voter = true};
  EXPECT_EQ(FromMember(ToMember(peer)), peer);
  const KnownPeer hostless{.peer = 4, .node = NodeId::FromName("n"), .bus_port = 17000};
  EXPECT_EQ(FromMember(ToMember(hostless)), hostless);
  for (const char* text : {"", "x", "127.0.0.1:80", "n :", "zz h:99999999", ": "})
    EXPECT_TRUE(FromMember({.id = 1, .address = text}).node.IsZero()) << text;
  EXPECT_EQ(FoundersPeer(peer.node), FoundersPeer(peer.node));
  EXPECT_NE(FoundersPeer(peer.node), FoundersPeer(NodeId::FromName("m")));
}

}  // namespace
}  // namespace henge::cluster
