// SPDX-License-Identifier: Apache-2.0
#include "cluster/topology.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <bit>
#include <bitset>
#include <numeric>
#include <set>
#include <string_view>
#include <utility>

#include "base/strings.h"

namespace henge::cluster {
namespace {

using SlotSet = std::bitset<kSlots>;

std::string Address(const Node& node) { return absl::StrCat(node.host, ":", node.port); }

absl::Status CheckAddresses(const std::vector<Node>& nodes) {
  std::set<std::string> seen;
  for (const Node& node : nodes) {
    if (node.host.empty() || node.port == 0) {
      return absl::InvalidArgumentError(absl::StrCat("node ", node.name, " has no address"));
    }
    if (!seen.insert(Address(node)).second) {
      return absl::InvalidArgumentError(absl::StrCat("two nodes have the address ", Address(node)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<NodeIndex>> OwnersByRing(const std::vector<Node>& nodes) {
  std::vector<Member> members;
  members.reserve(nodes.size());
  for (const Node& node : nodes) {
    members.push_back({.id = node.id.str(),
                       .weight = node.weight,
                       .virtual_nodes = node.virtual_nodes,
                       .zone = node.zone,
                       .priority = node.priority});
  }
  absl::StatusOr<Ring> ring = Ring::Make(members);
  if (!ring.ok()) return ring.status();
  const Placement placement = ring->Place();
  std::vector<NodeIndex> owners;  // Nodes and members both stand sorted by id.
  owners.reserve(kSlots);
  for (const MemberIndex member : placement.owner) owners.push_back(static_cast<NodeIndex>(member));
  return owners;
}

// FNV-1a over a stream of fields; strings carry their length.
class Digest {
 public:
  void Add(uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) AddByte(static_cast<uint8_t>(value >> shift));
  }
  void Add(std::string_view text) {
    Add(text.size());
    for (const char c : text) AddByte(static_cast<uint8_t>(c));
  }
  uint64_t value() const { return value_; }

 private:
  void AddByte(uint8_t byte) { value_ = (value_ ^ byte) * 0x100000001b3; }
  uint64_t value_ = 0xcbf29ce484222325;
};

}  // namespace

TopologyPtr Topology::Empty() {
  return *FromParts(0, 0, {}, std::vector<NodeIndex>(kSlots, kNoNode));
}

absl::StatusOr<TopologyPtr> Topology::FromMembers(std::vector<Node> nodes) {
  if (absl::Status status = CheckAddresses(nodes); !status.ok()) return status;
  std::sort(nodes.begin(), nodes.end(), [](const Node& a, const Node& b) { return a.id < b.id; });
  Epoch epoch = 0;
  for (Node& node : nodes) node.config_epoch = ++epoch;  // Distinct, as Redis wants them.
  auto owners = OwnersByRing(nodes);
  if (!owners.ok()) return owners.status();
  return FromParts(1, epoch, std::move(nodes), *std::move(owners));
}

absl::StatusOr<TopologyPtr> Topology::FromParts(uint64_t version, Epoch epoch,
                                                std::vector<Node> nodes,
                                                std::vector<NodeIndex> owners) {
  if (nodes.size() > kMaxMembers || owners.size() != kSlots) {
    return absl::InvalidArgumentError("a topology has at most 1000 nodes and exactly 16384 slots");
  }
  std::vector<NodeIndex> order(nodes.size());  // order[new] = old
  std::iota(order.begin(), order.end(), NodeIndex{0});
  std::sort(order.begin(), order.end(),
            [&](NodeIndex a, NodeIndex b) { return nodes[a].id < nodes[b].id; });
  std::vector<NodeIndex> moved_to(nodes.size());
  std::shared_ptr<Topology> topology(new Topology);
  for (size_t i = 0; i < order.size(); ++i) {
    moved_to[order[i]] = static_cast<NodeIndex>(i);
    topology->nodes_.push_back(std::move(nodes[order[i]]));
  }
  for (NodeIndex& owner : owners) {
    if (owner == kNoNode) continue;
    if (owner >= moved_to.size()) return absl::InvalidArgumentError("a slot's owner is no node");
    owner = moved_to[owner];
  }
  topology->version_ = version;
  topology->epoch_ = epoch;
  topology->owners_ = std::move(owners);
  if (absl::Status status = topology->Index(); !status.ok()) return status;
  return topology;
}

absl::Status Topology::Index() {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = nodes_[i];
    if (node.name.empty()) node.name = node.id.str();
    if (node.id.IsZero()) return absl::InvalidArgumentError("a node has no id");
    if (i > 0 && node.id == nodes_[i - 1].id) {
      return absl::InvalidArgumentError(
          absl::StrCat("nodes ", nodes_[i - 1].name, " and ", node.name, " have the same id"));
    }
    if (node.config_epoch > epoch_) {
      return absl::InvalidArgumentError(
          absl::StrCat("node ", node.name, " is ahead of the topology's epoch"));
    }
  }
  IndexSlots();
  fingerprint_ = Fingerprint();
  return absl::OkStatus();
}

void Topology::IndexSlots() {
  ranges_.resize(nodes_.size());
  slot_counts_.resize(nodes_.size());
  for (int slot = 0; slot < kSlots; ++slot) {
    const NodeIndex owner = owners_[slot];
    if (owner == kNoNode) continue;
    const auto here = static_cast<Slot>(slot);
    auto& ranges = ranges_[owner];
    if (!ranges.empty() && ranges.back().last + 1 == slot) {
      ranges.back().last = here;
    } else {
      ranges.push_back({here, here});
    }
    ++slot_counts_[owner];
    ++assigned_slots_;
  }
  slot_owner_count_ = static_cast<int>(
      std::count_if(slot_counts_.begin(), slot_counts_.end(), [](int count) { return count > 0; }));
}

uint64_t Topology::Fingerprint() const {
  Digest digest;
  digest.Add(epoch_);
  digest.Add(nodes_.size());
  for (const Node& node : nodes_) {
    digest.Add(node.id.view());
    digest.Add(node.host);
    digest.Add(static_cast<uint64_t>(node.port) << 16 | node.bus_port);
    digest.Add(static_cast<uint64_t>(static_cast<int64_t>(node.priority)));
    digest.Add(node.zone);
    digest.Add(std::bit_cast<uint64_t>(node.weight));
    digest.Add(node.virtual_nodes);
    digest.Add(node.config_epoch);
  }
  for (const NodeIndex owner : owners_) digest.Add(owner);
  return digest.value();
}

NodeIndex Topology::IndexOf(const NodeId& id) const {
  const auto at =
      std::lower_bound(nodes_.begin(), nodes_.end(), id,
                       [](const Node& node, const NodeId& key) { return node.id < key; });
  if (at == nodes_.end() || at->id != id) return kNoNode;
  return static_cast<NodeIndex>(at - nodes_.begin());
}

const Node* Topology::Find(const NodeId& id) const {
  const NodeIndex index = IndexOf(id);
  return index == kNoNode ? nullptr : &nodes_[index];
}

namespace {

// A topology under change: its parts, and one method for each kind of change.
class Draft {
 public:
  explicit Draft(const Topology& from) : from_(from), epoch_(from.epoch()), nodes_(from.nodes()) {
    owners_.reserve(kSlots);
    for (int slot = 0; slot < kSlots; ++slot) {
      owners_.push_back(from.OwnerIndex(static_cast<Slot>(slot)));
    }
  }

  absl::StatusOr<TopologyPtr> Finish() && {
    return Topology::FromParts(from_.version() + 1, epoch_, std::move(nodes_), std::move(owners_));
  }

  absl::Status operator()(const AddNode& change) {
    if (from_.Find(change.node.id) != nullptr) {
      return absl::AlreadyExistsError(
          absl::StrCat("node ", Absl(change.node.id.view()), " is known"));
    }
    nodes_.push_back(change.node);
    epoch_ = std::max(epoch_, change.node.config_epoch);
    return CheckAddresses(nodes_);
  }

  absl::Status operator()(const RemoveNode& change) {
    const auto index = Known(change.id);
    if (!index.ok()) return index.status();
    if (from_.SlotCount(*index) > 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("node ", Absl(change.id.view()), " owns slots"));
    }
    nodes_.erase(nodes_.begin() + *index);
    for (NodeIndex& owner : owners_) {
      if (owner != kNoNode && owner > *index) --owner;
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const AddSlots& change) {
    const auto to = Known(change.to);
    if (!to.ok()) return to.status();
    SlotSet seen;
    for (const Slot slot : change.slots) {
      if (absl::Status status = CheckOnce(slot, seen); !status.ok()) return status;
      if (owners_[slot] != kNoNode) {
        return absl::AlreadyExistsError(absl::StrCat("slot ", slot, " is already busy"));
      }
    }
    for (const Slot slot : change.slots) owners_[slot] = *to;
    return absl::OkStatus();
  }

  absl::Status operator()(const DelSlots& change) {
    SlotSet seen;
    for (const Slot slot : change.slots) {
      if (absl::Status status = CheckOnce(slot, seen); !status.ok()) return status;
      if (owners_[slot] == kNoNode) {
        return absl::FailedPreconditionError(absl::StrCat("slot ", slot, " is already unassigned"));
      }
    }
    for (const Slot slot : change.slots) owners_[slot] = kNoNode;
    return absl::OkStatus();
  }

  absl::Status operator()(const SetSlotOwner& change) {
    const auto to = Known(change.to);
    if (!to.ok()) return to.status();
    SlotSet seen;
    if (absl::Status status = CheckOnce(change.slot, seen); !status.ok()) return status;
    owners_[change.slot] = *to;
    return absl::OkStatus();
  }

  absl::Status operator()(const PlaceByRing& /*change*/) {
    auto owners = OwnersByRing(nodes_);
    if (!owners.ok()) return owners.status();
    owners_ = *std::move(owners);
    return absl::OkStatus();
  }

  absl::Status operator()(const BumpEpoch& change) {
    const auto index = Known(change.id);
    if (!index.ok()) return index.status();
    nodes_[*index].config_epoch = ++epoch_;
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<NodeIndex> Known(const NodeId& id) const {
    const NodeIndex index = from_.IndexOf(id);
    if (index == kNoNode) {
      return absl::NotFoundError(absl::StrCat("node ", Absl(id.view()), " is unknown"));
    }
    return index;
  }

  static absl::Status CheckOnce(Slot slot, SlotSet& seen) {
    if (slot >= kSlots) return absl::FailedPreconditionError("slot out of range");
    if (seen.test(slot)) {
      return absl::FailedPreconditionError(absl::StrCat("slot ", slot, " is specified twice"));
    }
    seen.set(slot);
    return absl::OkStatus();
  }

  const Topology& from_;
  Epoch epoch_;
  std::vector<Node> nodes_;
  std::vector<NodeIndex> owners_;
};

}  // namespace

absl::StatusOr<TopologyPtr> Apply(const Topology& topology, const Change& change) {
  Draft draft(topology);
  if (absl::Status status = std::visit(draft, change); !status.ok()) return status;
  return std::move(draft).Finish();
}

}  // namespace henge::cluster
