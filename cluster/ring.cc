// SPDX-License-Identifier: Apache-2.0
#include "cluster/ring.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <queue>
#include <tuple>
#include <utility>

namespace henge::cluster {
namespace {

// Positions are part of the protocol: all nodes of all versions must agree on them, so the hash is
// spelled out here. FNV-1a gathers the id, splitmix64's finalizer spreads it.
uint64_t Spread(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

uint64_t HashId(const std::string& id) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return Spread(hash);
}

// The n-th point of a member does not depend on how many there are: more weight adds points and
// moves none.
uint64_t PointPosition(uint64_t id_hash, uint64_t n) {
  return Spread(id_hash + (n + 1) * 0x9e3779b97f4a7c15);
}

constexpr uint64_t SlotPosition(size_t slot) { return static_cast<uint64_t>(slot) << 50; }

size_t PointCount(const Member& member) {
  return static_cast<size_t>(std::max(1.0, std::round(member.weight * member.virtual_nodes)));
}

absl::Status CheckMember(const Member& member) {
  if (member.id.empty()) return absl::InvalidArgumentError("a member of the ring has no id");
  if (!(member.weight > 0 && member.weight <= 1000)) {
    return absl::InvalidArgumentError(
        absl::StrCat("member ", member.id, ": weight must be above 0 and at most 1000"));
  }
  if (member.virtual_nodes == 0 || member.virtual_nodes > 1 << 16) {
    return absl::InvalidArgumentError(
        absl::StrCat("member ", member.id, ": virtual nodes must be from 1 to 65536"));
  }
  return absl::OkStatus();
}

absl::Status CheckMembers(std::span<const Member> sorted) {
  if (sorted.empty()) return absl::InvalidArgumentError("a ring needs at least one member");
  if (sorted.size() > kMaxMembers) {
    return absl::InvalidArgumentError(absl::StrCat("a ring has at most ", kMaxMembers, " members"));
  }
  size_t points = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (absl::Status status = CheckMember(sorted[i]); !status.ok()) return status;
    if (i > 0 && sorted[i].id == sorted[i - 1].id) {
      return absl::InvalidArgumentError(
          absl::StrCat("member ", sorted[i].id, " is on the ring twice"));
    }
    points += PointCount(sorted[i]);
  }
  if (points > kMaxPoints) {
    return absl::InvalidArgumentError(
        absl::StrCat("the ring would have ", points, " points, more than ", kMaxPoints));
  }
  return absl::OkStatus();
}

std::vector<uint32_t> Capacities(std::span<const Member> members) {
  double total = 0;
  for (const Member& member : members) total += member.weight;
  std::vector<uint32_t> capacities;
  capacities.reserve(members.size());
  for (const Member& member : members) {
    const double mean = kSlots * member.weight / total;
    capacities.push_back(
        static_cast<uint32_t>(std::max(std::floor(kLoadBound * mean), std::ceil(mean))));
  }
  return capacities;
}

}  // namespace

absl::StatusOr<Ring> Ring::Make(std::span<const Member> members) {
  Ring ring;
  ring.members_.assign(members.begin(), members.end());
  std::sort(ring.members_.begin(), ring.members_.end(),
            [](const Member& a, const Member& b) { return a.id < b.id; });
  if (absl::Status status = CheckMembers(ring.members_); !status.ok()) return status;
  for (MemberIndex i = 0; i < ring.members_.size(); ++i) ring.AddPoints(i);
  // Two points at one place (one chance in 2^64 a pair) stand in the order of their ids.
  std::sort(ring.points_.begin(), ring.points_.end(), [](const Point& a, const Point& b) {
    return std::tie(a.position, a.member) < std::tie(b.position, b.member);
  });
  ring.FindHomes();
  return ring;
}

void Ring::AddPoints(MemberIndex index) {
  const uint64_t id_hash = HashId(members_[index].id);
  const size_t count = PointCount(members_[index]);
  for (size_t n = 0; n < count; ++n) points_.push_back({PointPosition(id_hash, n), index});
}

void Ring::FindHomes() {
  home_.resize(kSlots);
  size_t point = 0;
  for (size_t slot = 0; slot < kSlots; ++slot) {
    while (point < points_.size() && points_[point].position < SlotPosition(slot)) ++point;
    home_[slot] = static_cast<uint32_t>(point == points_.size() ? 0 : point);
  }
}

std::vector<MemberIndex> Ring::Preference(Slot slot, size_t count) const {
  std::vector<MemberIndex> list;
  std::vector<bool> listed(members_.size());
  count = std::min(count, members_.size());
  size_t point = home_[slot];
  for (size_t steps = 0; list.size() < count && steps < points_.size(); ++steps) {
    const MemberIndex member = points_[point].member;
    if (!listed[member]) {
      listed[member] = true;
      list.push_back(member);
    }
    if (++point == points_.size()) point = 0;
  }
  return list;
}

std::vector<MemberIndex> Ring::Followers(Slot slot, MemberIndex owner, size_t count) const {
  std::vector<MemberIndex> chosen;  // Those that bring a new zone; the others wait behind.
  std::vector<MemberIndex> others;
  std::vector<std::string> zones = {members_[owner].zone};
  for (const MemberIndex member : Preference(slot, members_.size())) {
    if (member == owner) continue;
    const std::string& zone = members_[member].zone;
    const bool known = std::find(zones.begin(), zones.end(), zone) != zones.end();
    (known ? others : chosen).push_back(member);
    if (!known) zones.push_back(zone);
  }
  chosen.insert(chosen.end(), others.begin(), others.end());
  chosen.resize(std::min(count, chosen.size()));
  return ByPriority(chosen);
}

std::vector<MemberIndex> Ring::ByPriority(const std::vector<MemberIndex>& chosen) const {
  std::vector<std::pair<int64_t, size_t>> order;  // Higher priority first, else as chosen.
  for (size_t i = 0; i < chosen.size(); ++i) {
    order.emplace_back(-static_cast<int64_t>(members_[chosen[i]].priority), i);
  }
  std::sort(order.begin(), order.end());
  std::vector<MemberIndex> sorted;
  for (const auto& [priority, i] : order) sorted.push_back(chosen[i]);
  return sorted;
}

// Deferred acceptance between slots and members (see the header).
class Matching {
 public:
  explicit Matching(const Ring& ring)
      : ring_(ring), capacity_(Capacities(ring.members())), held_(ring.members().size()) {
    cursors_.resize(kSlots);
  }

  Placement Run() {
    for (size_t slot = 0; slot < kSlots; ++slot) {
      cursors_[slot].point = ring_.home_[slot];
      Settle(static_cast<Slot>(slot));
    }
    return Result();
  }

 private:
  // How far a slot has walked along its list.
  struct Cursor {
    uint32_t point = 0;
    std::vector<MemberIndex> refused;  // Members that let the slot go.
  };

  // A slot at a member, ordered by how far it stands before the member's point.
  using Claim = std::pair<uint64_t, Slot>;

  // Asks until nobody is left without a member. Capacities sum to all the slots or more, and a
  // member that let a slot go stays full, so that every slot finds one before its walk closes the
  // circle.
  void Settle(Slot slot) {
    for (;;) {
      const Cursor& cursor = cursors_[slot];
      const Ring::Point& point = ring_.points_[cursor.point];
      auto& held = held_[point.member];
      held.push({point.position - SlotPosition(slot), slot});  // Clockwise, modulo 2^64.
      if (held.size() <= capacity_[point.member]) return;
      slot = held.top().second;
      held.pop();
      Advance(cursors_[slot], point.member);
    }
  }

  void Advance(Cursor& cursor, MemberIndex refused_by) {
    cursor.refused.push_back(refused_by);
    const auto refused = [&](MemberIndex m) {
      return std::find(cursor.refused.begin(), cursor.refused.end(), m) != cursor.refused.end();
    };
    do {
      if (++cursor.point == ring_.points_.size()) cursor.point = 0;
    } while (refused(ring_.points_[cursor.point].member));
  }

  Placement Result() const {
    Placement placement;
    placement.capacity = capacity_;
    for (const auto& held : held_) placement.load.push_back(static_cast<uint32_t>(held.size()));
    placement.owner.reserve(kSlots);
    for (const Cursor& cursor : cursors_) {
      placement.owner.push_back(ring_.points_[cursor.point].member);
      placement.displaced += cursor.refused.empty() ? 0 : 1;
    }
    return placement;
  }

  const Ring& ring_;
  std::vector<uint32_t> capacity_;
  std::vector<std::priority_queue<Claim>> held_;  // By member; the farthest on top.
  std::vector<Cursor> cursors_;                   // By slot.
};

Placement Ring::Place() const { return Matching(*this).Run(); }

}  // namespace henge::cluster
