// SPDX-License-Identifier: Apache-2.0
// Between the messages' fields and the domain's types. WireReader keeps its first error: read all,
// look once at the end; what is read after an error means nothing.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/topology.h"
#include "cluster/topology/refusals.h"
#include "henge/topology.pb.h"

namespace henge::cluster {

template <class Id>
std::string TextOrNone(const Id& id) {
  return id.IsZero() ? std::string() : id.str();
}

void WriteNode(const Node& node, henge::topology::Node& out);
void WriteMigration(const Migration& migration, henge::topology::Migration& out);
void WriteRanges(const std::vector<SlotRange>& ranges,
                 google::protobuf::RepeatedPtrField<henge::topology::SlotRange>& out);

class WireReader {
 public:
  using Texts = google::protobuf::RepeatedPtrField<std::string>;
  using WireRanges = google::protobuf::RepeatedPtrField<henge::topology::SlotRange>;

  bool ok() const { return status_.ok(); }
  const absl::Status& status() const { return status_; }
  void Fail(std::string_view why) {
    if (ok()) status_ = Senseless(Absl(why));
  }

  NodeId NodeNamed(std::string_view text) { return Id<NodeId>(text); }
  NodeId NodeOrNone(std::string_view text) { return text.empty() ? NodeId() : Id<NodeId>(text); }
  GroupId Group(std::string_view text) { return Id<GroupId>(text); }
  GroupId GroupOrNone(std::string_view text) {
    return text.empty() ? GroupId() : Id<GroupId>(text);
  }
  std::vector<NodeId> Nodes(const Texts& texts);
  henge::cluster::Node Node(const henge::topology::Node& in);
  Migration Migrating(const henge::topology::Migration& in);

  Slot SlotNumber(uint32_t value) {
    if (value >= kSlots) Fail("a slot out of range");
    return static_cast<Slot>(value % kSlots);
  }
  uint16_t Port(uint32_t value) {
    if (value > std::numeric_limits<uint16_t>::max()) Fail("a port out of range");
    return static_cast<uint16_t>(value);
  }
  // Each within the slots and no more of them than there are; else none.
  std::vector<SlotRange> Ranges(const WireRanges& in);

 private:
  static bool IsPlain(std::string_view text);

  template <class Kind>
  Kind Id(std::string_view text) {
    const auto id = Kind::Parse(text);
    if (!id || id->IsZero()) Fail("an id that is not 40 hex digits, or all zeros");
    return id.value_or(Kind());
  }

  absl::Status status_;
};

}  // namespace henge::cluster
