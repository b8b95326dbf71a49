// SPDX-License-Identifier: Apache-2.0
#include "cluster/topology/wire_reader.h"

namespace henge::cluster {

void WriteNode(const Node& node, henge::topology::Node& out) {
  out.set_id(node.id.str());
  out.set_name(node.name);
  out.set_host(node.host);
  out.set_port(node.port);
  out.set_tls_port(node.tls_port);
  out.set_bus_port(node.bus_port);
  out.set_hostname(node.hostname);
  out.set_priority(node.priority);
  out.set_zone(node.zone);
  out.set_weight(node.weight);
  out.set_virtual_nodes(node.virtual_nodes);
  out.set_config_epoch(node.config_epoch);
  out.set_no_failover(node.no_failover);
  out.set_no_vote(node.no_vote);
  out.set_leaving(node.leaving);
  out.set_failed(node.failed);
}

void WriteRanges(const std::vector<SlotRange>& ranges,
                 google::protobuf::RepeatedPtrField<henge::topology::SlotRange>& out) {
  for (const auto& [first, last] : ranges) {
    henge::topology::SlotRange& range = *out.Add();
    range.set_first(first);
    range.set_last(last);
  }
}

void WriteMigration(const Migration& migration, henge::topology::Migration& out) {
  out.set_id(migration.id);
  out.set_from(TextOrNone(migration.from));
  out.set_to(TextOrNone(migration.to));
  WriteRanges(migration.slots, *out.mutable_slots());
}

// Texts come as bytes of any kind; names and hosts end up in lines of text.
bool WireReader::IsPlain(std::string_view text) {
  if (text.size() > kMaxText) return false;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') return false;
  }
  return true;
}

henge::cluster::Node WireReader::Node(const henge::topology::Node& in) {
  if (!IsPlain(in.name()) || !IsPlain(in.host()) || !IsPlain(in.hostname()) ||
      !IsPlain(in.zone())) {
    Fail("a name that is too long or has control characters");
    return {};
  }
  return {.id = NodeNamed(in.id()),
          .name = in.name(),
          .host = in.host(),
          .port = Port(in.port()),
          .tls_port = Port(in.tls_port()),
          .bus_port = Port(in.bus_port()),
          .hostname = in.hostname(),
          .priority = in.priority(),
          .zone = in.zone(),
          .weight = in.weight(),
          .virtual_nodes = in.virtual_nodes(),
          .config_epoch = in.config_epoch(),
          .no_failover = in.no_failover(),
          .no_vote = in.no_vote(),
          .leaving = in.leaving(),
          .failed = in.failed()};
}

std::vector<NodeId> WireReader::Nodes(const Texts& texts) {
  std::vector<NodeId> ids;
  if (static_cast<size_t>(texts.size()) > kMaxMembers) {
    Fail("too many nodes");
    return ids;
  }
  ids.reserve(static_cast<size_t>(texts.size()));
  for (const std::string& text : texts) ids.push_back(NodeNamed(text));
  return ids;
}

std::vector<SlotRange> WireReader::Ranges(const WireRanges& in) {
  std::vector<SlotRange> ranges;
  int64_t slots = 0;
  for (const henge::topology::SlotRange& range : in) {
    if (range.first() > range.last() || range.last() >= kSlots) {
      Fail("slots that are out of range or order");
      return {};
    }
    slots += int64_t{range.last()} - range.first() + 1;
    if (slots > kSlots) {
      Fail("more slots than there are");
      return {};
    }
    ranges.push_back({static_cast<Slot>(range.first()), static_cast<Slot>(range.last())});
  }
  return ranges;
}

Migration WireReader::Migrating(const henge::topology::Migration& in) {
  if (!IsPlain(in.id())) Fail("a migration's name is too long or has control characters");
  return {
      .id = in.id(), .from = Group(in.from()), .to = Group(in.to()), .slots = Ranges(in.slots())};
}

}  // namespace henge::cluster
