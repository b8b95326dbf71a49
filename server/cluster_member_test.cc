// SPDX-License-Identifier: Apache-2.0
// From configuration to a member of a cluster: what it starts from and what it refuses.
#include "server/cluster_member.h"

#include <absl/strings/match.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <future>
#include <string>

#include "base/random.h"

namespace henge::server {
namespace {

class Nobody final : public cluster::RelayListener {
  void OnRelayed(std::string_view, std::string_view) override {}
};
Nobody nobody;

// A group's data that nobody has.
class NoData final : public cluster::GroupHost {
 public:
  void Lead(const cluster::GroupId&, Epoch) override {}
  void Follow(const cluster::GroupId&, Epoch, const LeaderAddress&) override {}
  void Leave() override {}
  void SetLease(int64_t) override {}
  void BecomeLive() override {}
  void CountInSync(std::span<const cluster::NodeId>) override {}
  std::vector<Follower> Followers() override { return {}; }
  void StopWrites() override {}
  std::optional<uint64_t> StoppedAt() override { return 0; }
  void ResumeWrites() override {}
  cluster::GroupReport Report() override { return {}; }
  cluster::NodeLoad Load() override { return {}; }
};

ClusterMember::Parts Parts() {
  return {.listener = nobody,
          .make_group = [](const cluster::NodeId&) { return std::make_unique<NoData>(); },
          .services = {}};
}

class ClusterMemberTest : public ::testing::Test {
 protected:
  ClusterMemberTest() {
    char name[] = "/tmp/henge-member-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~ClusterMemberTest() override { std::filesystem::remove_all(folder_); }

  // Another one with each call.
  std::string NewFolder() { return folder_ + "/" + std::to_string(++folders_); }
  absl::StatusOr<std::unique_ptr<ClusterMember>> StartAnywhere(ClusterConfig config);

  std::string folder_;
  int folders_ = 0;
};

const std::vector<std::string> kLoopback = {"127.0.0.1", "-::1"};

// A port that nobody is likely to use.
uint16_t SomePort() { return static_cast<uint16_t>(20'000 + ThreadRandom().Below(10'000)); }

// Tries ports until one is free.
absl::StatusOr<std::unique_ptr<ClusterMember>> ClusterMemberTest::StartAnywhere(
    ClusterConfig config) {
  absl::StatusOr<std::unique_ptr<ClusterMember>> member = absl::UnknownError("not tried");
  for (int attempt = 0; attempt < 20 && !member.ok(); ++attempt) {
    config.bus_port = SomePort();
    for (ClusterNodeConfig& node : config.nodes) node.bus_port = SomePort();
    config.directory = NewFolder();
    member = ClusterMember::Start(config, kLoopback, 7000, Parts());
  }
  return member;
}

TEST_F(ClusterMemberTest, AloneItHasNoSlotsAndANewId) {
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

TEST_F(ClusterMemberTest, AloneItTakesAllSlots) {
  const auto member = StartAnywhere({});
  ASSERT_TRUE(member.ok()) << member.status();
  cluster::ClusterView& view = (*member)->view();
  cluster::AddSlots all{.to = view.my_id(), .slots = {}};
  for (int slot = 0; slot < kSlots; ++slot) all.slots.push_back(static_cast<Slot>(slot));
  std::promise<absl::Status> done;
  view.Propose(all, [&](const absl::Status& status) { done.set_value(status); });
  const absl::Status outcome = done.get_future().get();
  ASSERT_TRUE(outcome.ok()) << outcome;
  EXPECT_TRUE(view.IsMine(0));
}

TEST_F(ClusterMemberTest, PlacesTheSlotsOfConfiguredNodes) {
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

// It waits for etcd, which is not there, and tells others the address that is on the way to it.
TEST_F(ClusterMemberTest, WithEtcdItNeedsNoEtcdToStart) {
  const auto member = StartAnywhere({.coordinator = CoordinatorKind::kEtcd,
                                     .etcd_endpoints = {"127.0.0.1:1"},
                                     .etcd_prefix = "/t"});
  ASSERT_TRUE(member.ok()) << member.status();
  const cluster::TopologyPtr topology = (*member)->view().topology();
  ASSERT_EQ(topology->nodes().size(), 1u);
  EXPECT_EQ(topology->nodes()[0].host, "127.0.0.1");
  EXPECT_EQ((*member)->view().health(), cluster::ClusterHealth::kFail);
  EXPECT_FALSE(StartAnywhere({.coordinator = CoordinatorKind::kEtcd}).ok());
}

TEST_F(ClusterMemberTest, RefusesTheFolderOfTheOtherCoordinator) {
  for (const auto first : {CoordinatorKind::kEmbedded, CoordinatorKind::kEtcd}) {
    ClusterConfig config{
        .directory = NewFolder(), .coordinator = first, .etcd_endpoints = {"127.0.0.1:1"}};
    absl::StatusOr<std::unique_ptr<ClusterMember>> member = absl::UnknownError("not tried");
    for (int attempt = 0; attempt < 20 && !member.ok(); ++attempt) {
      config.bus_port = SomePort();
      member = ClusterMember::Start(config, kLoopback, 7000, Parts());
    }
    ASSERT_TRUE(member.ok()) << member.status();
    member->reset();
    config.coordinator =
        first == CoordinatorKind::kEtcd ? CoordinatorKind::kEmbedded : CoordinatorKind::kEtcd;
    member = ClusterMember::Start(config, kLoopback, 7000, Parts());
    EXPECT_EQ(member.status().code(), absl::StatusCode::kFailedPrecondition);
  }
}

TEST_F(ClusterMemberTest, RefusesASelfThatIsNoNode) {
  const ClusterConfig config{.self = "d", .nodes = {{.id = "a", .host = "h", .port = 7000}}};
  const auto member = ClusterMember::Start(config, kLoopback, 7000, Parts());
  ASSERT_FALSE(member.ok());
  EXPECT_TRUE(absl::StrContains(member.status().message(), "\"d\""));
}

TEST_F(ClusterMemberTest, RefusesAPortWithoutRoomForTheBus) {
  const auto member = ClusterMember::Start({}, kLoopback, 60'000, Parts());
  ASSERT_FALSE(member.ok());
  EXPECT_TRUE(absl::StrContains(member.status().message(), "bus"));
}

TEST_F(ClusterMemberTest, RefusesABusPortInUse) {
  ClusterConfig config;
  const auto first = StartAnywhere(config);
  ASSERT_TRUE(first.ok()) << first.status();
  config.bus_port = (*first)->view().topology()->nodes()[0].bus_port;
  config.directory = NewFolder();
  EXPECT_FALSE(ClusterMember::Start(config, kLoopback, 7000, Parts()).ok());
}

TEST_F(ClusterMemberTest, IsTheSameNodeAfterARestart) {
  ClusterConfig config{.directory = NewFolder(), .bus_port = SomePort()};
  auto member = ClusterMember::Start(config, kLoopback, 7000, Parts());
  ASSERT_TRUE(member.ok()) << member.status();
  const cluster::NodeId id = (*member)->view().my_id();
  const auto second = ClusterMember::Start(config, kLoopback, 7000, Parts());
  ASSERT_FALSE(second.ok());
  EXPECT_TRUE(absl::StrContains(second.status().message(), "already used by a different"));
  member->reset();
  member = ClusterMember::Start(config, kLoopback, 7000, Parts());
  ASSERT_TRUE(member.ok()) << member.status();
  EXPECT_EQ((*member)->view().my_id(), id);
}

}  // namespace
}  // namespace henge::server
