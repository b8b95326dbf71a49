// SPDX-License-Identifier: Apache-2.0
// From configuration to a member of a cluster: what it starts from and what it refuses.
#include "server/cluster_member.h"

#include <absl/strings/match.h>
#include <gtest/gtest.h>

#include <string>

#include "base/random.h"

namespace henge::server {
namespace {

class Nobody final : public cluster::RelayListener {
  void OnRelayed(std::string_view, std::string_view) override {}
};
Nobody nobody;

const std::vector<std::string> kLoopback = {"127.0.0.1", "-::1"};

// A port that nobody is likely to use.
uint16_t SomePort() { return static_cast<uint16_t>(20'000 + ThreadRandom().Below(10'000)); }

// Tries ports until one is free.
absl::StatusOr<std::unique_ptr<ClusterMember>> StartAnywhere(ClusterConfig config) {
  absl::StatusOr<std::unique_ptr<ClusterMember>> member = absl::UnknownError("not tried");
  for (int attempt = 0; attempt < 20 && !member.ok(); ++attempt) {
    config.bus_port = SomePort();
    for (ClusterNodeConfig& node : config.nodes) node.bus_port = SomePort();
    member = ClusterMember::Start(config, kLoopback, 7000, nobody);
  }
  return member;
}

TEST(ClusterMember, AloneItHasNoSlotsAndANewId) {
  const auto first = StartAnywhere({});
  const auto second = StartAnywhere({});
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_NE((*first)->view().my_id(), (*second)->view().my_id());
  const cluster::TopologyPtr topology = (*first)->view().topology();
  EXPECT_EQ(topology->nodes().size(), 1u);
  EXPECT_EQ(topology->nodes()[0].host, "");
  EXPECT_EQ(topology->assigned_slots(), 0);
  EXPECT_EQ((*first)->view().health(), cluster::ClusterHealth::kFail);
}

TEST(ClusterMember, AloneItTakesAllSlots) {
  const auto member = StartAnywhere({});
  ASSERT_TRUE(member.ok()) << member.status();
  cluster::ClusterView& view = (*member)->view();
  cluster::AddSlots all{.to = view.my_id(), .slots = {}};
  for (int slot = 0; slot < kSlots; ++slot) all.slots.push_back(static_cast<Slot>(slot));
  absl::Status done = absl::UnknownError("not told");
  view.Propose(all, [&](const absl::Status& status) { done = status; });
  ASSERT_TRUE(done.ok()) << done;
  EXPECT_TRUE(view.IsMine(0));
  EXPECT_EQ(view.health(), cluster::ClusterHealth::kOk);
}

TEST(ClusterMember, PlacesTheSlotsOfConfiguredNodes) {
  ClusterConfig config{.self = "b"};
  for (const char* name : {"a", "b", "c"}) {
    config.nodes.push_back({.id = name,
                            .host = "127.0.0.1",
                            .port = static_cast<uint16_t>(7000 + config.nodes.size())});
  }
  const auto member = StartAnywhere(config);
  ASSERT_TRUE(member.ok()) << member.status();
  cluster::ClusterView& view = (*member)->view();
  EXPECT_EQ(view.my_id(), cluster::NodeId::FromName("b"));
  EXPECT_EQ(view.topology()->assigned_slots(), kSlots);
  EXPECT_EQ(view.topology()->slot_owner_count(), 3);
  EXPECT_EQ(view.Links().size(), 2u);
}

TEST(ClusterMember, RefusesASelfThatIsNoNode) {
  const ClusterConfig config{.self = "d", .nodes = {{.id = "a", .host = "h", .port = 7000}}};
  const auto member = ClusterMember::Start(config, kLoopback, 7000, nobody);
  ASSERT_FALSE(member.ok());
  EXPECT_TRUE(absl::StrContains(member.status().message(), "\"d\""));
}

TEST(ClusterMember, RefusesAPortWithoutRoomForTheBus) {
  const auto member = ClusterMember::Start({}, kLoopback, 60'000, nobody);
  ASSERT_FALSE(member.ok());
  EXPECT_TRUE(absl::StrContains(member.status().message(), "bus"));
}

TEST(ClusterMember, RefusesABusPortInUse) {
  ClusterConfig config;
  const auto first = StartAnywhere(config);
  ASSERT_TRUE(first.ok()) << first.status();
  config.bus_port = (*first)->view().topology()->nodes()[0].bus_port;
  EXPECT_FALSE(ClusterMember::Start(config, kLoopback, 7000, nobody).ok());
}

}  // namespace
}  // namespace henge::server
