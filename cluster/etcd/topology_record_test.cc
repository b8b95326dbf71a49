// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/topology_record.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "henge/topology_record.pb.h"

namespace henge::cluster {
namespace {

TopologyPtr Members(int count, size_t text, uint32_t groups_per_node = 1) {
  std::vector<Node> nodes;
  for (int i = 0; i < count; ++i) {
    nodes.push_back({.id = NodeId::FromName(std::to_string(i)),
                     .name = std::string(text, 'n'),
                     .host = "h" + std::to_string(i) + std::string(text > 200 ? 240 : 0, 'x'),
                     .port = 7000,
                     .bus_port = 17000,
                     .hostname = std::string(text, 'h'),
                     .zone = std::string(text, 'z'),
                     .virtual_nodes = 32});
  }
  return *Topology::FromMembers(std::move(nodes), 0, groups_per_node);
}

TEST(TopologyRecord, IsReadAsItWasWritten) {
  TopologyRecord record{.cluster = "c", .topology = Members(3, 1)};
  record.Remember(7);
  record.Remember(~uint64_t{0});
  const auto bytes = Encode(record);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const auto read = DecodeRecord(*bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->cluster, "c");
  EXPECT_EQ(read->topology->parts(), record.topology->parts());
  EXPECT_EQ(read->applied, record.applied);
  EXPECT_TRUE(read->WasApplied(7));
  EXPECT_FALSE(read->WasApplied(8));
}

TEST(TopologyRecord, RemembersTheLastRequests) {
  TopologyRecord record;
  for (uint64_t request = 1; request <= TopologyRecord::kMaxApplied + 1; ++request)
    record.Remember(request);
  EXPECT_FALSE(record.WasApplied(1));
  EXPECT_TRUE(record.WasApplied(2));
  EXPECT_EQ(record.applied.size(), TopologyRecord::kMaxApplied);
}

TEST(TopologyRecord, OfAThousandNodesHasRoomInEtcdAndNotMuchMore) {
  const auto common = Encode({.cluster = "c", .topology = Members(1000, 8)});
  EXPECT_TRUE(common.ok()) << common.status();
  const auto wordy = Encode({.cluster = "c", .topology = Members(1000, kMaxText, 4)});
  EXPECT_EQ(wordy.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(TopologyRecord, RefusesWhatIsNone) {
  EXPECT_TRUE(absl::IsDataLoss(DecodeRecord("garbage").status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeRecord("").status()));
  EXPECT_TRUE(
      absl::IsDataLoss(DecodeRecord(std::string(TopologyRecord::kMaxBytes + 1, 'x')).status()));
  const std::string good = *Encode({.cluster = "c", .topology = Members(2, 1)});
  EXPECT_TRUE(absl::IsDataLoss(DecodeRecord(std::string_view(good).substr(0, 100)).status()));
  henge::coordinator::TopologyRecord later;
  ASSERT_TRUE(later.ParseFromString(good));
  later.set_format(2);
  EXPECT_TRUE(absl::IsDataLoss(DecodeRecord(later.SerializeAsString()).status()));
}

}  // namespace
}  // namespace henge::cluster
