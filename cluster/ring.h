// SPDX-License-Identifier: Apache-2.0
// The consistent-hash ring: from members to the owner of each of the 16384 slots. A pure function,
// without clock, network or memory of the past; any thread.
//
//        slot 0                       Every member puts weight * virtual_nodes points on a circle
//        of
//      o--+--x--                      2^64 places, where its id alone decides. Slot s stands at
//    x/         \o                    s * 2^50. Walking clockwise from a slot gives its preference
//    |           |  o, x: points      list: the members in the order of their first point. The
//    first o\         /x    of two members  is the slot's *home*.
//      x--o--o--
//
// Bounded load. A member takes at most `capacity` slots: 1.1 times its weighted mean, rounded down
// (but never below the mean, or the slots would not fit). Slots and members are matched as in Gale
// and Shapley's stable marriage: a slot asks the members of its list in turn; a member over
// capacity lets go of the slot that stands farthest before its point. The outcome does not depend
// on the order of asking or of members. A slot that does not live at its home is *displaced*.
//
// What is promised (and tested):
//  1. The same members, in any order, on any machine, give the same owners.
//  2. No member has more slots than its capacity.
//  3. When a member joins, or one's weight grows, a slot that is displaced neither before nor after
//     stays where it is or moves to that member: for the homes it is never otherwise, since a
//     circle with more points of x changes no slot's home except to x. Hence at most
//     displaced(before) + displaced(after) slots move between other members. Leaving is the same,
//     backwards.
//  4. With 512 points a member (the default), displaced slots are few: none to a handful for up to
//     20 equal members. docs/internals/cluster.md has the arithmetic and the figures.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/types.h"

namespace henge::cluster {

inline constexpr uint32_t kDefaultVirtualNodes = 512;
inline constexpr size_t kMaxMembers = 1000;
inline constexpr size_t kMaxPoints = 1 << 22;
inline constexpr double kLoadBound = 1.1;

// Where a member stands on the ring.
struct Member {
  std::string id;     // Unique; decides the points.
  double weight = 1;  // Its share of the slots against other members'; in (0, 1000].
  uint32_t virtual_nodes = kDefaultVirtualNodes;  // Points for each unit of weight.
  std::string zone = {};  // Members of one zone fail together; empty: unknown.
  int32_t priority = 0;   // Who follows first; higher goes first.
};

using MemberIndex = uint32_t;  // Into Ring::members().

// Who owns what.
struct Placement {
  std::vector<MemberIndex> owner;  // By slot.
  std::vector<uint32_t> load;      // By member: its slots.
  std::vector<uint32_t> capacity;  // By member: the most it may have.
  uint32_t displaced = 0;          // Slots that do not live at their home.
};

class Ring {
 public:
  // Refuses an empty list, two members of one id, and weights or numbers of points out of range.
  static absl::StatusOr<Ring> Make(std::span<const Member> members);

  const std::vector<Member>& members() const { return members_; }  // Sorted by id.

  MemberIndex HomeOf(Slot slot) const { return points_[home_[slot]].member; }

  // The first `count` members of a slot's preference list, or all if there are fewer.
  std::vector<MemberIndex> Preference(Slot slot, size_t count) const;

  // Who should follow `owner` for this slot: clockwise, first one member of each zone not yet in
  // use, then whoever comes. Sorted by priority, higher first, else as chosen.
  std::vector<MemberIndex> Followers(Slot slot, MemberIndex owner, size_t count) const;

  Placement Place() const;

 private:
  struct Point {
    uint64_t position;
    MemberIndex member;
  };

  Ring() = default;
  void AddPoints(MemberIndex index);
  void FindHomes();
  std::vector<MemberIndex> ByPriority(const std::vector<MemberIndex>& chosen) const;

  std::vector<Member> members_;
  std::vector<Point> points_;   // Clockwise.
  std::vector<uint32_t> home_;  // By slot: the first point at or after it.

  friend class Matching;
};

}  // namespace henge::cluster
