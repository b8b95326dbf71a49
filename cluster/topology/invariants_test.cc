// SPDX-License-Identifier: Apache-2.0
// A sound document, broken in one place at a time: each break is refused. And bytes from outside.
#include "cluster/topology/invariants.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "cluster/topology/change.h"
#include "cluster/topology/codec.h"
#include "henge/topology.pb.h"

namespace henge::cluster {
namespace {

NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

TopologyParts Sound() {
  TopologyParts parts;
  parts.version = 7;
  parts.epoch = 4;
  for (int i = 0; i < 3; ++i) {
    parts.nodes.push_back({.id = Id(i),
                           .name = "n" + std::to_string(i),
                           .host = "h",
                           .port = static_cast<uint16_t>(7000 + i)});
  }
  const GroupId a = GroupId::FromName("a");
  const GroupId b = GroupId::FromName("b");
  parts.groups.push_back({.id = a,
                          .leader = Id(0),
                          .followers = {Id(1)},
                          .in_sync = {Id(0), Id(1)},
                          .epoch = 4,
                          .revision = 2});
  parts.groups.push_back({.id = b, .leader = Id(2), .in_sync = {Id(2)}, .epoch = 1});
  for (size_t slot = 0; slot < 10; ++slot) parts.slots[slot] = 0;
  parts.marks.push_back({.slot = 1, .migrating_to = b, .importing = b, .importing_from = a});
  parts.migrations.push_back({.id = "m", .from = a, .to = b, .slots = {{4, 5}, {7, 7}}});
  parts.voters = {Id(0)};
  parts.office = {.judge = Id(0), .term = 1};
  return parts;
}

TEST(Invariants, TakeASoundDocument) {
  const auto topology = Topology::FromParts(Sound());
  ASSERT_TRUE(topology.ok()) << topology.status();
  const auto back = ParseTopology(Serialize(**topology));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ((*back)->parts(), (*topology)->parts());
}

TEST(Invariants, RefuseEachBreak) {
  const std::vector<std::pair<std::string, std::function<void(TopologyParts&)>>> breaks = {
      {"node without id", [](auto& p) { p.nodes[0].id = NodeId(); }},
      {"node twice", [](auto& p) { p.nodes.push_back(p.nodes[0]); }},
      {"address twice", [](auto& p) { p.nodes[0].port = p.nodes[1].port; }},
      {"long name", [](auto& p) { p.nodes[0].zone = std::string(256, 'x'); }},
      {"no weight", [](auto& p) { p.nodes[0].weight = 0; }},
      {"weight NaN", [](auto& p) { p.nodes[0].weight = std::numeric_limits<double>::quiet_NaN(); }},
      {"config epoch ahead", [](auto& p) { p.nodes[0].config_epoch = 5; }},
      {"group without id", [](auto& p) { p.groups[0].id = GroupId(); }},
      {"group twice", [](auto& p) { p.groups[1].id = p.groups[0].id; }},
      {"group ahead", [](auto& p) { p.groups[0].epoch = 5; }},
      {"unknown leader", [](auto& p) { p.groups[0].leader = Id(9); }},
      {"leader follows", [](auto& p) { p.groups[0].followers.push_back(Id(0)); }},
      {"follower twice", [](auto& p) { p.groups[0].followers.push_back(Id(1)); }},
      {"unknown follower", [](auto& p) { p.groups[0].followers.push_back(Id(9)); }},
      {"stranger in sync", [](auto& p) { p.groups[0].in_sync.push_back(Id(2)); }},
      {"leader not in sync", [](auto& p) { p.groups[0].in_sync = {Id(1)}; }},
      {"nobody in sync", [](auto& p) { p.groups[0].in_sync.clear(); }},
      {"in sync twice", [](auto& p) { p.groups[0].in_sync.push_back(Id(1)); }},
      {"deposed leader", [](auto& p) { p.groups[0].deposed = {Id(0)}; }},
      {"deposed stranger", [](auto& p) { p.groups[0].deposed = {Id(2)}; }},
      {"node in two groups", [](auto& p) { p.groups[1].followers.push_back(Id(1)); }},
      {"node in no group",
       [](auto& p) { p.groups[0].followers.clear(), p.groups[0].in_sync = {Id(0)}; }},
      {"slot of no group", [](auto& p) { p.slots[9] = 2; }},
      {"too few slots", [](auto& p) { p.slots.pop_back(); }},
      {"empty mark", [](auto& p) { p.marks.push_back({.slot = 2}); }},
      {"two marks", [](auto& p) { p.marks.push_back(p.marks[0]); }},
      {"mark to the owner", [](auto& p) { p.marks[0].migrating_to = p.groups[0].id; }},
      {"owner imports", [](auto& p) { p.marks[0].importing = p.groups[0].id; }},
      {"mark of nobody's slot", [](auto& p) { p.marks[0].slot = 100; }},
      {"mark of unknown group", [](auto& p) { p.marks[0].migrating_to = GroupId::FromName("x"); }},
      {"mark out of range", [](auto& p) { p.marks[0].slot = kSlots; }},
      {"imports from nowhere", [](auto& p) { p.marks[0].importing_from = GroupId(); }},
      {"migration to itself", [](auto& p) { p.migrations[0].to = p.migrations[0].from; }},
      {"migration twice", [](auto& p) { p.migrations.push_back(p.migrations[0]); }},
      {"slot in two migrations",
       [](auto& p) {
         p.migrations.push_back(p.migrations[0]);
         p.migrations[1].id = "n";
       }},
      {"migration of another's slots", [](auto& p) { p.migrations[0].slots = {{9, 10}}; }},
      {"migration without order", [](auto& p) { p.migrations[0].slots = {{7, 7}, {4, 5}}; }},
      {"migration of neighbours apart", [](auto& p) { p.migrations[0].slots = {{4, 5}, {6, 6}}; }},
      {"migration out of range", [](auto& p) { p.migrations[0].slots = {{4, 60000}}; }},
      {"migration without slots", [](auto& p) { p.migrations[0].slots.clear(); }},
      {"migration without a name", [](auto& p) { p.migrations[0].id.clear(); }},
      {"voter twice", [](auto& p) { p.voters = {Id(0), Id(0)}; }},
      {"unknown voter", [](auto& p) { p.voters = {Id(9)}; }},
      {"unknown judge", [](auto& p) { p.office.judge = Id(9); }},
      {"lease longer than the wait", [](auto& p) { p.office.lease_ms = 5; }},
      {"term out of range", [](auto& p) { p.office.term = kMaxCounter + 1; }},
      {"version out of range", [](auto& p) { p.version = kMaxCounter + 1; }},
      {"virtual node twice",
       [](auto& p) {
         p.placement.mode = PlacementMode::kByRing;
         p.groups[0].home = p.groups[1].home = Id(0);
       }},
      {"ring without groups",
       [](auto& p) {
         p.placement = {.mode = PlacementMode::kByRing, .followers = 0, .groups_per_node = 0};
       }},
  };
  for (const auto& [name, damage] : breaks) {
    TopologyParts parts = Sound();
    damage(parts);
    EXPECT_FALSE(Topology::FromParts(std::move(parts)).ok()) << name;
  }
}

// CheckStep is behind Apply, which never breaks it; so it is shown documents by itself.
TEST(Invariants, RefuseStepsBack) {
  const TopologyPtr before = *Topology::FromParts(Sound());
  const auto step = [&](const std::function<void(TopologyParts&)>& change) {
    TopologyParts parts = Sound();
    ++parts.version;
    change(parts);
    const auto after = Topology::FromParts(std::move(parts));
    EXPECT_TRUE(after.ok()) << after.status();
    return CheckStep(*before, **after).ok();
  };
  EXPECT_TRUE(step([](auto&) {}));
  EXPECT_FALSE(step([](auto& p) { ++p.version; }));
  EXPECT_FALSE(step([](auto& p) { p.office.term = 0; }));
  EXPECT_FALSE(step([](auto& p) { p.groups[0].epoch = 3; }));
  EXPECT_FALSE(step([](auto& p) { p.groups[0].revision = 1; }));
  EXPECT_FALSE(step([](auto& p) { p.groups[0].in_sync = {Id(0)}; }));
  EXPECT_FALSE(step([](auto& p) { p.groups[0].deposed = {Id(1)}; }));
  const auto swap_leader = [](TopologyParts& p) {
    p.groups[0].leader = Id(1);
    p.groups[0].followers = {Id(0)};
    p.groups[0].revision = 3;
  };
  EXPECT_FALSE(step(swap_leader));
  EXPECT_TRUE(step([&](TopologyParts& p) {
    swap_leader(p);
    p.groups[0].epoch = p.epoch = 5;
  }));
}

TEST(Codec, RefusesWhatIsTooLargeOrNoMessage) {
  EXPECT_FALSE(ParseTopology(std::string(kMaxDocumentBytes + 1, '\0')).ok());
  EXPECT_FALSE(ParseChange(std::string(kMaxChangeBytes + 1, '\0')).ok());
  EXPECT_FALSE(ParseTopology("\xff\xff\xff").ok());
  EXPECT_FALSE(ParseChange("").ok());
}

TEST(Codec, RefusesFieldsOutOfRange) {
  henge::topology::Document document;
  Write(**Topology::FromParts(Sound()), document);
  ASSERT_TRUE(Read(document).ok());
  const auto refused = [&](const std::function<void(henge::topology::Document&)>& damage) {
    henge::topology::Document damaged = document;
    damage(damaged);
    return !Read(damaged).ok();
  };
  EXPECT_TRUE(refused([](auto& d) { d.mutable_nodes(0)->set_port(65536); }));
  EXPECT_TRUE(refused([](auto& d) { d.mutable_nodes(0)->set_id("short"); }));
  EXPECT_TRUE(refused([](auto& d) { d.mutable_nodes(0)->set_host("a\r\nb"); }));
  EXPECT_TRUE(refused([](auto& d) { d.mutable_marks(0)->set_slot(16384); }));
  EXPECT_TRUE(refused([](auto& d) { *d.mutable_groups(1)->add_slots() = d.groups(0).slots(0); }));
  EXPECT_TRUE(refused([](auto& d) {
    for (int i = 0; i < 100; ++i) d.mutable_groups(0)->add_in_sync(Id(0).str());
  }));
  EXPECT_TRUE(refused([](auto& d) {
    for (int i = 0; i < 2000; ++i) d.mutable_migrations(0)->add_slots()->set_last(16383);
  }));
  EXPECT_TRUE(refused([](auto& d) {
    for (int i = 0; i < 2000; ++i) d.add_nodes();
  }));
}

// docs/internals/cluster.md has the figure.
TEST(Codec, WritesAThousandNodesInLessThanAMebibyte) {
  std::vector<Node> nodes;
  for (int i = 0; i < 1000; ++i) {
    nodes.push_back({.id = Id(i), .host = "10.0." + std::to_string(i), .port = 7000});
  }
  const auto topology = Topology::FromMembers(std::move(nodes), 1);
  ASSERT_TRUE(topology.ok()) << topology.status();
  const std::string bytes = Serialize(**topology);
  RecordProperty("bytes", static_cast<int>(bytes.size()));
  EXPECT_LT(bytes.size(), 1u << 20);
  const auto back = ParseTopology(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ((*back)->fingerprint(), (*topology)->fingerprint());
}

}  // namespace
}  // namespace henge::cluster
