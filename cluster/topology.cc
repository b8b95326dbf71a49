// SPDX-License-Identifier: Apache-2.0
#include "cluster/topology.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <string_view>
#include <utility>

#include "cluster/topology/change.h"
#include "cluster/topology/invariants.h"

namespace henge::cluster {
namespace {

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
  template <class Id>
  void Add(const std::vector<Id>& ids) {
    Add(ids.size());
    for (const Id& id : ids) Add(id.view());
  }
  uint64_t value() const { return value_; }

 private:
  void AddByte(uint8_t byte) { value_ = (value_ ^ byte) * 0x100000001b3; }
  uint64_t value_ = 0xcbf29ce484222325;
};

void AddNodes(Digest& digest, const std::vector<Node>& nodes) {
  digest.Add(nodes.size());
  for (const Node& node : nodes) {
    digest.Add(node.id.view());
    digest.Add(node.host);
    digest.Add(uint64_t{node.port} << 32 | uint64_t{node.bus_port} << 16 | node.tls_port);
    digest.Add(node.hostname);
    digest.Add(static_cast<uint64_t>(static_cast<int64_t>(node.priority)));
    digest.Add(node.zone);
    digest.Add(std::bit_cast<uint64_t>(node.weight));
    digest.Add(node.virtual_nodes);
    digest.Add(node.config_epoch);
    digest.Add(uint64_t{node.no_failover} | uint64_t{node.no_vote} << 1 |
               uint64_t{node.leaving} << 2 | uint64_t{node.failed} << 3);
  }
}

void AddGroups(Digest& digest, const std::vector<Group>& groups) {
  digest.Add(groups.size());
  for (const Group& group : groups) {
    digest.Add(group.id.view());
    digest.Add(group.leader.view());
    digest.Add(group.followers);
    digest.Add(group.in_sync);
    digest.Add(group.deposed);
    digest.Add(group.epoch);
    digest.Add(group.revision);
    digest.Add(group.home.view());
    digest.Add(group.number);
  }
}

uint64_t FingerprintOf(const TopologyParts& parts) {
  Digest digest;
  digest.Add(parts.epoch);
  AddNodes(digest, parts.nodes);
  AddGroups(digest, parts.groups);
  for (const GroupIndex group : parts.slots) digest.Add(group);
  digest.Add(parts.marks.size());
  for (const SlotMark& mark : parts.marks) {
    digest.Add(mark.slot);
    digest.Add(mark.migrating_to.view());
    digest.Add(mark.importing.view());
    digest.Add(mark.importing_from.view());
  }
  digest.Add(parts.migrations.size());
  for (const Migration& migration : parts.migrations) {
    digest.Add(migration.id);
    digest.Add(migration.from.view());
    digest.Add(migration.to.view());
    for (const auto& [first, last] : migration.slots) digest.Add(uint64_t{first} << 16 | last);
  }
  digest.Add(parts.voters);
  digest.Add(parts.office.judge.view());
  digest.Add(parts.office.term);
  digest.Add(uint64_t{parts.office.lease_ms} << 32 | parts.office.wait_ms);
  digest.Add(static_cast<uint64_t>(parts.placement.mode));
  digest.Add(uint64_t{parts.placement.followers} << 32 | parts.placement.groups_per_node);
  return digest.value();
}

// Sorts the groups; what indexes them follows. A slot's index that is out of range stays so.
void SortGroups(TopologyParts& parts) {
  std::vector<Group> groups = std::move(parts.groups);
  std::vector<size_t> order(groups.size());  // order[new] = old
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return groups[a].id < groups[b].id; });
  std::vector<GroupIndex> moved_to(groups.size());
  parts.groups.clear();
  for (size_t i = 0; i < order.size(); ++i) {
    moved_to[order[i]] = static_cast<GroupIndex>(i);
    parts.groups.push_back(std::move(groups[order[i]]));
  }
  for (GroupIndex& group : parts.slots) {
    if (group < moved_to.size()) group = moved_to[group];
  }
}

void Sort(TopologyParts& parts) {
  std::sort(parts.nodes.begin(), parts.nodes.end(),
            [](const Node& a, const Node& b) { return a.id < b.id; });
  for (Node& node : parts.nodes) {
    if (node.name.empty()) node.name = node.id.str();
  }
  SortGroups(parts);
  for (Group& group : parts.groups) {
    std::sort(group.followers.begin(), group.followers.end());
    std::sort(group.in_sync.begin(), group.in_sync.end());
    std::sort(group.deposed.begin(), group.deposed.end());
  }
  std::sort(parts.marks.begin(), parts.marks.end(),
            [](const SlotMark& a, const SlotMark& b) { return a.slot < b.slot; });
  std::sort(parts.migrations.begin(), parts.migrations.end(),
            [](const Migration& a, const Migration& b) { return a.id < b.id; });
  std::sort(parts.voters.begin(), parts.voters.end());
}

void Extend(std::vector<SlotRange>& ranges, Slot slot) {
  if (!ranges.empty() && ranges.back().last + 1 == slot) {
    ranges.back().last = slot;
  } else {
    ranges.push_back({slot, slot});
  }
}

// The place of `key` in what is sorted by `name_of`, or its end.
template <class Vector, class Key, class NameOf>
auto FindSorted(const Vector& sorted, const Key& key, NameOf name_of) {
  const auto at =
      std::lower_bound(sorted.begin(), sorted.end(), key,
                       [&](const auto& item, const Key& k) { return name_of(item) < k; });
  return at != sorted.end() && name_of(*at) == key ? at : sorted.end();
}

absl::Status NeedAddresses(const std::vector<Node>& nodes) {
  for (const Node& node : nodes) {
    if (node.host.empty() || node.port == 0) {
      return absl::InvalidArgumentError(absl::StrCat("node ", node.name, " has no address"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool Group::IsFollower(const NodeId& node) const {
  return std::binary_search(followers.begin(), followers.end(), node);
}

bool Group::IsInSync(const NodeId& node) const {
  return std::binary_search(in_sync.begin(), in_sync.end(), node);
}

bool Group::IsDeposed(const NodeId& node) const {
  return std::binary_search(deposed.begin(), deposed.end(), node);
}

TopologyPtr Topology::Empty() { return *FromParts({}); }

static_assert(kNoGroup == kNoNode);

absl::StatusOr<TopologyPtr> Topology::ByHand(std::vector<Node> nodes,
                                             const std::vector<NodeIndex>& owners) {
  if (nodes.size() > kMaxMembers || (!owners.empty() && owners.size() != kSlots)) {
    return absl::InvalidArgumentError(absl::StrCat("a topology has at most ", kMaxMembers,
                                                   " nodes and exactly ", kSlots, " slots"));
  }
  TopologyParts parts;
  parts.version = 1;
  for (const Node& node : nodes) parts.epoch = std::max(parts.epoch, node.config_epoch);
  for (const Node& node : nodes) {
    parts.groups.push_back({.id = GroupId::FromName("group of " + node.id.str()),
                            .leader = node.id,
                            .in_sync = {node.id},
                            .epoch = parts.epoch});
  }
  parts.nodes = std::move(nodes);
  // Groups stand as nodes do; "no node" is "no group".
  if (!owners.empty()) parts.slots = owners;
  return FromParts(std::move(parts));
}

absl::StatusOr<TopologyPtr> Topology::FromMembers(std::vector<Node> nodes, uint32_t followers,
                                                  uint32_t groups_per_node) {
  if (absl::Status status = NeedAddresses(nodes); !status.ok()) return status;
  TopologyParts parts;
  parts.placement.mode = PlacementMode::kByRing;
  parts.nodes = std::move(nodes);
  std::sort(parts.nodes.begin(), parts.nodes.end(),
            [](const Node& a, const Node& b) { return a.id < b.id; });
  for (Node& node : parts.nodes) node.config_epoch = ++parts.epoch;  // Distinct, as in Redis.
  const auto unplaced = FromParts(std::move(parts));
  if (!unplaced.ok()) return unplaced.status();
  return Apply(**unplaced, PlaceByRing{.followers = followers, .groups_per_node = groups_per_node});
}

absl::StatusOr<TopologyPtr> Topology::OneGroup(std::vector<Node> nodes) {
  if (nodes.empty()) return absl::InvalidArgumentError("a group needs a node");
  if (absl::Status status = NeedAddresses(nodes); !status.ok()) return status;
  const auto leader =
      std::max_element(nodes.begin(), nodes.end(),
                       [](const Node& a, const Node& b) { return a.priority < b.priority; });
  // An epoch of its own: data that was there before the group is of none.
  TopologyParts parts{.version = 1, .epoch = 1};
  Group group{.id = GroupId::FromName("group of " + leader->id.str()),
              .leader = leader->id,
              .in_sync = {leader->id},
              .epoch = parts.epoch};
  for (const Node& node : nodes) {
    if (node.id != leader->id) group.followers.push_back(node.id);
  }
  parts.groups.push_back(std::move(group));
  parts.nodes = std::move(nodes);
  parts.slots.assign(kSlots, 0);
  return FromParts(std::move(parts));
}

absl::StatusOr<TopologyPtr> Topology::FromParts(TopologyParts parts) {
  // Before anything indexes by them; CheckParts looks at the rest.
  if (parts.groups.size() > kMaxGroups || parts.slots.size() != kSlots) {
    return absl::InvalidArgumentError(absl::StrCat("a topology has at most ", kMaxGroups,
                                                   " groups and exactly ", kSlots, " slots"));
  }
  Sort(parts);
  if (absl::Status status = CheckParts(parts); !status.ok()) return status;
  std::shared_ptr<Topology> topology(new Topology(std::move(parts)));
  topology->IndexGroups();
  topology->IndexSlots();
  topology->fingerprint_ = FingerprintOf(topology->parts_);
  return topology;
}

void Topology::IndexGroups() {
  led_.resize(parts_.nodes.size());
  followed_.resize(parts_.nodes.size());
  leaders_.reserve(parts_.groups.size());
  for (GroupIndex i = 0; i < parts_.groups.size(); ++i) {
    const Group& group = parts_.groups[i];
    const NodeIndex leader = group.leader.IsZero() ? kNoNode : IndexOf(group.leader);
    leaders_.push_back(leader);
    if (leader != kNoNode) led_[leader].push_back(i);
    for (const NodeId& follower : group.followers) followed_[IndexOf(follower)].push_back(i);
  }
}

void Topology::IndexSlots() {
  group_ranges_.resize(parts_.groups.size());
  group_slot_counts_.resize(parts_.groups.size());
  ranges_.resize(parts_.nodes.size());
  slot_counts_.resize(parts_.nodes.size());
  for (int i = 0; i < kSlots; ++i) {
    const auto slot = static_cast<Slot>(i);
    const GroupIndex group = parts_.slots[slot];
    if (group == kNoGroup) continue;
    Extend(group_ranges_[group], slot);
    ++group_slot_counts_[group];
    ++assigned_slots_;
    const NodeIndex owner = leaders_[group];
    if (owner == kNoNode) continue;
    Extend(ranges_[owner], slot);
    ++slot_counts_[owner];
  }
  slot_owner_count_ = static_cast<int>(
      std::count_if(slot_counts_.begin(), slot_counts_.end(), [](int count) { return count > 0; }));
}

NodeIndex Topology::IndexOf(const NodeId& id) const {
  const auto at =
      FindSorted(parts_.nodes, id, [](const Node& node) -> const NodeId& { return node.id; });
  return at == parts_.nodes.end() ? kNoNode : static_cast<NodeIndex>(at - parts_.nodes.begin());
}

const Node* Topology::Find(const NodeId& id) const {
  const NodeIndex index = IndexOf(id);
  return index == kNoNode ? nullptr : &parts_.nodes[index];
}

GroupIndex Topology::GroupIndexOf(const GroupId& id) const {
  const auto at =
      FindSorted(parts_.groups, id, [](const Group& group) -> const GroupId& { return group.id; });
  return at == parts_.groups.end() ? kNoGroup : static_cast<GroupIndex>(at - parts_.groups.begin());
}

const Group* Topology::FindGroup(const GroupId& id) const {
  const GroupIndex index = GroupIndexOf(id);
  return index == kNoGroup ? nullptr : &parts_.groups[index];
}

const SlotMark* Topology::MarkOf(Slot slot) const {
  const auto at = FindSorted(parts_.marks, slot, [](const SlotMark& mark) { return mark.slot; });
  return at == parts_.marks.end() ? nullptr : &*at;
}

const Migration* Topology::FindMigration(const std::string& id) const {
  const auto at = FindSorted(parts_.migrations, id,
                             [](const Migration& m) -> const std::string& { return m.id; });
  return at == parts_.migrations.end() ? nullptr : &*at;
}

}  // namespace henge::cluster
