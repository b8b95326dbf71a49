// SPDX-License-Identifier: Apache-2.0
#include "cluster/topology/codec.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <limits>
#include <utility>

#include "cluster/topology/refusals.h"
#include "cluster/topology/wire_reader.h"
#include "henge/topology.pb.h"

namespace henge::cluster {
namespace {

namespace wire = henge::topology;

std::string TextOf(const google::protobuf::MessageLite& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

template <class Message>
absl::Status Parse(std::string_view bytes, size_t limit, Message& out) {
  if (bytes.size() > limit) return Senseless("more than ", limit, " bytes of topology");
  if (out.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return absl::OkStatus();
  return Senseless("bytes that are no message about a topology");
}

void WriteGroups(const Topology& topology, wire::Document& out) {
  for (GroupIndex i = 0; i < topology.groups().size(); ++i) {
    const Group& group = topology.groups()[i];
    wire::Group& written = *out.add_groups();
    written.set_id(group.id.str());
    written.set_leader(TextOrNone(group.leader));
    for (const NodeId& id : group.followers) written.add_followers(id.str());
    for (const NodeId& id : group.in_sync) written.add_in_sync(id.str());
    for (const NodeId& id : group.deposed) written.add_deposed(id.str());
    written.set_epoch(group.epoch);
    written.set_revision(group.revision);
    written.set_home(TextOrNone(group.home));
    written.set_number(group.number);
    WriteRanges(topology.RangesOfGroup(i), *written.mutable_slots());
  }
}

void ReadGroup(WireReader& reader, const wire::Group& in, TopologyParts& parts) {
  if (in.followers_size() > static_cast<int>(kMaxFollowers) ||
      in.in_sync_size() > static_cast<int>(kMaxFollowers) + 1 ||
      in.deposed_size() > static_cast<int>(kMaxFollowers)) {
    return reader.Fail("a group has too many members");
  }
  const auto index = static_cast<GroupIndex>(parts.groups.size());
  parts.groups.push_back({.id = reader.Group(in.id()),
                          .leader = reader.NodeOrNone(in.leader()),
                          .followers = reader.Nodes(in.followers()),
                          .in_sync = reader.Nodes(in.in_sync()),
                          .deposed = reader.Nodes(in.deposed()),
                          .epoch = in.epoch(),
                          .revision = in.revision(),
                          .home = reader.NodeOrNone(in.home()),
                          .number = in.number()});
  for (const auto& [first, last] : reader.Ranges(in.slots())) {
    for (int slot = first; slot <= last; ++slot) {
      GroupIndex& owner = parts.slots[static_cast<size_t>(slot)];
      if (owner != kNoGroup) return reader.Fail("a slot has two owners");
      owner = index;
    }
  }
}

PlacementRule ReadPlacement(WireReader& reader, const wire::Placement& in) {
  if (in.mode() != wire::Placement::BY_HAND && in.mode() != wire::Placement::BY_RING) {
    reader.Fail("an unknown way of placement");
  }
  return {.mode = in.mode() == wire::Placement::BY_RING ? PlacementMode::kByRing
                                                        : PlacementMode::kByHand,
          .followers = in.followers(),
          .groups_per_node = in.groups_per_node()};
}

absl::Status CheckCounts(const wire::Document& in) {
  const auto above = [](int count, size_t most) { return static_cast<size_t>(count) > most; };
  if (above(in.nodes_size(), kMaxMembers) || above(in.groups_size(), kMaxGroups) ||
      above(in.marks_size(), kSlots) || above(in.migrations_size(), kMaxMigrations) ||
      above(in.voters_size(), kMaxVoters)) {
    return Senseless("a topology with too many nodes, groups, marks, migrations or voters");
  }
  return absl::OkStatus();
}

}  // namespace

void Write(const Topology& topology, wire::Document& out) {
  out.set_version(topology.version());
  out.set_epoch(topology.epoch());
  const PlacementRule& rule = topology.placement();
  out.mutable_placement()->set_mode(rule.mode == PlacementMode::kByRing ? wire::Placement::BY_RING
                                                                        : wire::Placement::BY_HAND);
  out.mutable_placement()->set_followers(rule.followers);
  out.mutable_placement()->set_groups_per_node(rule.groups_per_node);
  for (const Node& node : topology.nodes()) WriteNode(node, *out.add_nodes());
  WriteGroups(topology, out);
  for (const SlotMark& mark : topology.marks()) {
    wire::SlotMark& written = *out.add_marks();
    written.set_slot(mark.slot);
    written.set_migrating_to(TextOrNone(mark.migrating_to));
    written.set_importing(TextOrNone(mark.importing));
    written.set_importing_from(TextOrNone(mark.importing_from));
  }
  for (const Migration& migration : topology.migrations()) {
    WriteMigration(migration, *out.add_migrations());
  }
  for (const NodeId& voter : topology.voters()) out.add_voters(voter.str());
  out.mutable_office()->set_judge(TextOrNone(topology.office().judge));
  out.mutable_office()->set_term(topology.office().term);
  out.mutable_office()->set_lease_ms(topology.office().lease_ms);
  out.mutable_office()->set_wait_ms(topology.office().wait_ms);
}

absl::StatusOr<TopologyPtr> Read(const wire::Document& in) {
  if (absl::Status status = CheckCounts(in); !status.ok()) return status;
  WireReader reader;
  TopologyParts parts;
  parts.version = in.version();
  parts.epoch = in.epoch();
  parts.placement = ReadPlacement(reader, in.placement());
  for (const wire::Node& node : in.nodes()) parts.nodes.push_back(reader.Node(node));
  for (const wire::Group& group : in.groups()) {
    if (reader.ok()) ReadGroup(reader, group, parts);
  }
  for (const wire::SlotMark& mark : in.marks()) {
    parts.marks.push_back({.slot = reader.SlotNumber(mark.slot()),
                           .migrating_to = reader.GroupOrNone(mark.migrating_to()),
                           .importing = reader.GroupOrNone(mark.importing()),
                           .importing_from = reader.GroupOrNone(mark.importing_from())});
  }
  for (const wire::Migration& migration : in.migrations()) {
    if (reader.ok()) parts.migrations.push_back(reader.Migrating(migration));
  }
  parts.voters = reader.Nodes(in.voters());
  parts.office = {.judge = reader.NodeOrNone(in.office().judge()),
                  .term = in.office().term(),
                  .lease_ms = in.office().lease_ms(),
                  .wait_ms = in.office().wait_ms()};
  if (!reader.ok()) return reader.status();
  return Topology::FromParts(std::move(parts));
}

std::string Serialize(const Topology& topology) {
  wire::Document document;
  Write(topology, document);
  return TextOf(document);
}

absl::StatusOr<TopologyPtr> ParseTopology(std::string_view bytes) {
  wire::Document document;
  absl::Status status = Parse(bytes, kMaxDocumentBytes, document);
  if (!status.ok()) return status;
  return Read(document);
}

std::string Serialize(const ExpectingChange& change) {
  wire::TopologyChange message;
  Write(change, message);
  return TextOf(message);
}

absl::StatusOr<ExpectingChange> ParseChange(std::string_view bytes) {
  wire::TopologyChange message;
  absl::Status status = Parse(bytes, kMaxChangeBytes, message);
  if (!status.ok()) return status;
  return Read(message);
}

}  // namespace henge::cluster
